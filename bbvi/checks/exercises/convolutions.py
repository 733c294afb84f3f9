"""The checks of the exercises about convolutions: the sizes of outputs, and the adjoint."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer, check_formula
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array

# Channels are alike, so that exchanged ones give numbers and no error of NumPy's; the stride leaves
# the last row and the last column of an image without a window.
N, CHANNELS, HEIGHT, WIDTH, KERNEL, STRIDE = 2, 5, 10, 13, (3, 4), 2
SIZES = {
    "N, the number of images": N,
    "C, the number of channels": CHANNELS,
    "the number of windows in an image": 20,
    "the stride": STRIDE,
}


@without_frames
def check_convolution_sizes(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``sizes(n, k, s, p, more)``: rows out of a convolution, and of a transposed one.

    An image of n rows, a window of k rows, stride s, padding p and output padding ``more`` give
    floor((n + 2 p - k) / s) + 1 and s (n - 1) + k - 2 p + more.  All are integers (L,), an
    entry for each layer; so are both parts of the answer.

    Notes
    -----
    Dumoulin and Visin (2016), sections 2 and 4.
    """
    layers = 12
    s, k, n = rng.integers(2, 5, layers), rng.integers(2, 8, layers), rng.integers(9, 40, layers)
    s[:2], k[:2], n[:2] = (2, 3), (3, 4), (14, 12)  # neither stride divides what it steps over
    p, more = rng.integers(0, k // 2 + 1), rng.integers(0, s)
    p[:2], more[:2] = 1, 1
    arguments = {"n": n, "k": k, "s": s, "p": p, "more": more}
    for part, table in enumerate((_slips_down(n, k, s, p), _slips_up(n, k, s, p, more))):
        both = _sizes(n, k, s, p, more)
        table += [("the two are exchanged: the convolution first", both[1 - part])]
        suspects = [Suspect(mistake, np.asarray(size, float)) for mistake, size in table]
        check_formula(answer, arguments, _sizes, suspects, part=part, sizes={})


def _sizes(n: Array, k: Array, s: Array, p: Array, more: Array) -> tuple[Array, Array]:
    return (n + 2 * p - k) // s + 1, s * (n - 1) + k - 2 * p + more


def _slips_down(n: Array, k: Array, s: Array, p: Array) -> list[tuple[str, Array]]:
    """Slips in the rows out of a convolution."""
    room = n + 2 * p - k
    return [
        ("the floor is forgotten: a window that hangs over the edge does not count", room / s + 1),
        ("rounded up: a window that hangs over the edge does not count", -(-room // s) + 1),
        ("rounded to the nearest: the floor is meant", np.rint(room / s) + 1),
        ("the padding counts once: it lies on both sides, 2 p", (n + p - k) // s + 1),
        ("the padding is missing", (n - k) // s + 1),
        ("the padding is subtracted: zeros make the image larger", (n - 2 * p - k) // s + 1),
        ("the + 1 is missing: the first window needs no step", room // s),
        ("the + 1 stands inside the floor: the steps are n + 2 p - k", (room + 1) // s),
        ("the + 1 is divided by the stride too, and the floor is forgotten", (room + 1) / s),
        ("the stride multiplies the kernel: that is a dilation", n + 2 * p - s * k + 1),
        ("the stride multiplies the kernel", (n + 2 * p - s * k) // s + 1),
        ("the stride divides the kernel alone", n + 2 * p - k // s + 1),
        ("the stride divides the image alone", (n + 2 * p) // s - k + 1),
        ("the stride is not used", room + 1),
        ("the stride multiplies: it takes sizes down", s * room + 1),
        ("the kernel is missing: a window has to fit in", (n + 2 * p) // s + 1),
        ("n / s, which the padding k // 2 alone gives", n // s),
        ("n / s rounded up, which the padding k // 2 alone gives", -(-n // s)),
        ("the kernel has the wrong sign", (n + 2 * p + k) // s + 1),
        ("k - 1 where k is meant: the + 1 behind the floor is that one", (room + 1) // s + 1),
    ]


def _slips_up(n: Array, k: Array, s: Array, p: Array, more: Array) -> list[tuple[str, Array]]:
    """Slips in the rows out of a transposed convolution."""
    right = s * (n - 1) + k - 2 * p + more
    return [
        ("the output padding is missing", right - more),
        ("the output padding counts once: on one side alone", right + more),
        ("the output padding is subtracted", right - 2 * more),
        ("the padding counts once: it is cut off on both sides, 2 p", right + p),
        ("the padding is missing", right + 2 * p),
        ("the padding is added: a transposed convolution cuts it off", right + 4 * p),
        ("n where n - 1 is meant: n windows are n - 1 steps apart", right + s),
        ("the kernel is missing: the last window is k wide", right - k),
        ("k - 1 where k is meant", right - 1),
        ("a + 1 too many: that one belongs to the convolution", right + 1),
        ("the stride multiplies the kernel", n - 1 + s * k - 2 * p + more),
        ("the stride multiplies the kernel too", right + (s - 1) * k),
        ("the stride is not used", n - 1 + k - 2 * p + more),
        ("the stride divides: a transposed convolution takes sizes up", (n - 1) // s + k - 2 * p),
        ("s n, which is so for some kernels and paddings alone", s * n),
        ("s n + the output padding, which is so for some kernels alone", s * n + more),
        ("that is the size out of a convolution", (n + 2 * p - k) // s + 1),
        ("the kernel has the wrong sign", right - 2 * k),
    ]


@without_frames
def check_convolution_pullback(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pullback(x, w, g, stride)``: the adjoint of a convolution, in x and in w.

    With out[n, o, y, x] = sum_cij w[o, c, i, j] in[n, c, s y + i, s x + j], the answer (dx, dw)
    has the shapes of x (N, C, H, W) and w (O, C, kh, kw) and satisfies, for all x and all w,
    <conv(x, w), g> = <x, dx> = <w, dw>.  What is expected comes from these identities alone, by one
    unit image and one unit window after the other.

    Notes
    -----
    Dumoulin and Visin (2016), section 4.
    """
    x = rng.standard_normal((N, CHANNELS, HEIGHT, WIDTH))
    w = rng.standard_normal((CHANNELS, CHANNELS, *KERNEL))
    g = np.asarray(rng.standard_normal(_convolve(x, w, STRIDE).shape))
    arguments = {"x": x, "w": w, "g": g, "stride": STRIDE}
    for part, expected in enumerate(_by_identity(x, w, g, STRIDE)):
        suspects = _mistakes_of_the_pullback(x, w, g, part)
        check_answer(
            answer, arguments, expected, suspects, part=part, formula=_pullback, sizes=SIZES
        )


def _convolve(x: Array, w: Array, stride: int) -> Array:
    """The forward pass: images (N, C, H, W) and windows (O, C, kh, kw) -> (N, O, Y, X)."""
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("ncyxij,ocij->noyx", seen[:, :, ::stride, ::stride], w, optimize=True)


def _by_identity(x: Array, w: Array, g: Array, stride: int) -> tuple[Array, Array]:
    """dx[k] = <conv(e_k, w), g> and dw[k] = <conv(x, e_k), g> with the unit vectors e_k."""
    images = np.eye(x[0].size).reshape(-1, *x.shape[1:])
    windows = np.eye(w[0].size).reshape(-1, *w.shape[1:])
    dx = np.tensordot(g, _convolve(images, w, stride), axes=((1, 2, 3), (1, 2, 3)))
    dw = np.tensordot(g, _convolve(x, windows, stride), axes=((0, 2, 3), (0, 2, 3)))
    return dx.reshape(x.shape), dw.reshape(w.shape)


def _pullback(x: Array, w: Array, g: Array, stride: int) -> tuple[Array, Array]:
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            rows = slice(i, i + stride * g.shape[2], stride)
            columns = slice(j, j + stride * g.shape[3], stride)
            dx[:, :, rows, columns] += np.einsum("noyx,oc->ncyx", g, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("noyx,ncyx->oc", g, x[:, :, rows, columns])
    return dx, dw


def _mistakes_of_the_pullback(x: Array, w: Array, g: Array, part: int) -> list[Suspect]:
    both = _pullback(x, w, g, STRIDE)
    right = both[part]
    dense = _pullback(x, w, g, 1)[part]
    table = [
        ("the stride is ignored in the adjoint: output y looks at the rows s y + i", dense),
        ("the two parts are exchanged: dx first, then dw", both[1 - part]),
        ("the mean over the images, where their sum is meant", right / N),
    ]
    table += _slips_in_x(right, w, g) if part == 0 else _slips_in_w(right, x, g)
    return [Suspect(*row) for row in table]


def _slips_in_x(right: Array, w: Array, g: Array) -> list[tuple[str, Array]]:
    """Slips in the pullback of the input."""

    def back(w: Array, g: Array = g) -> Array:
        return _pullback(np.zeros_like(right), w, g, STRIDE)[0]

    last, covered = np.zeros_like(right), back(np.ones_like(w), np.ones_like(g))
    for i in range(KERNEL[0]):
        for j in range(KERNEL[1]):
            rows, columns = (slice(a, a + STRIDE * m, STRIDE) for a, m in zip((i, j), g.shape[2:]))
            last[:, :, rows, columns] = np.einsum("noyx,oc->ncyx", g, w[:, :, i, j])
    flipped = (
        "the kernel is turned the wrong way: entry (i, j) of the window goes back to the pixel "
        "(s y + i, s x + j) (with a correlation of the spread g, flip the kernel)"
    )
    table = [
        (flipped, back(w[:, :, ::-1, ::-1])),
        ("the kernel is flipped in its rows alone", back(w[:, :, ::-1])),
        ("the kernel is flipped in its columns alone", back(w[:, :, :, ::-1])),
        (
            "the channels are swapped: w is (O, C, kh, kw), and g has O of them",
            back(w.swapaxes(0, 1)),
        ),
        (
            "the channels are swapped, and the kernel is turned",
            back(w.swapaxes(0, 1)[..., ::-1, ::-1]),
        ),
        ("windows overlap: += adds what comes from each, = keeps the last", last),
        (
            "averaged over the windows of a pixel: they add up",
            right * CHANNELS / np.maximum(covered, 1),
        ),
        ("summed over the images: each image has its own dx", right.sum(axis=0)),
        (
            "summed over the images: each image has its own dx",
            np.broadcast_to(right.sum(axis=0), right.shape),
        ),
        ("w is not used: dx is w, spread and weighted by g", back(np.ones_like(w))),
        ("g is not used: dx is w, spread and weighted by g", back(w, np.ones_like(g))),
        (
            "dx is cut to the pixels below a window: the others get 0",
            right[:, :, : HEIGHT - 1, : WIDTH - 1],
        ),
        (
            "that is a convolution of g: its adjoint is wanted, as large as x",
            _convolve(g, w[:, :, :1, :1], 1),
        ),
    ]
    return table


def _slips_in_w(right: Array, x: Array, g: Array) -> list[tuple[str, Array]]:
    """Slips in the pullback of the weights."""

    def back(x: Array, g: Array) -> Array:
        return _pullback(x, np.zeros_like(right), g, STRIDE)[1]

    places = g.shape[2] * g.shape[3]
    each = np.array([back(x[n : n + 1], g[n : n + 1]) for n in range(N)])
    batch = "the sum over the images of the batch is missing: w serves all of them"
    table = [
        (batch, each),
        (f"{batch} (the first alone)", each[0]),
        (f"{batch} (the last alone)", each[-1]),
        (
            "the product of two sums over the images: each g belongs to its x",
            back(x.sum(0)[None], g.sum(0)[None]),
        ),
        ("the mean over the windows' positions, where their sum is meant", right / places),
        ("the mean over images and positions, where their sum is meant", right / (N * places)),
        ("the first position of the window alone: sum over all", back(x, g * _first(g))),
        (
            "the kernel is flipped: dw[o, c, i, j] pairs g with the pixel (s y + i, s x + j)",
            right[:, :, ::-1, ::-1],
        ),
        ("the kernel is flipped in its rows alone", right[:, :, ::-1]),
        ("the kernel is flipped in its columns alone", right[:, :, :, ::-1]),
        ("the channels are swapped: dw is (O, C, kh, kw), as w is", right.swapaxes(0, 1)),
        ("g is not used: dw weights what the window sees by g", back(x, np.ones_like(g))),
        ("x is not used: dw weights what the window sees by g", back(np.ones_like(x), g)),
        ("summed over the input channels: each has its own window", right.sum(axis=1)),
        ("summed over the output channels: each has its own window", right.sum(axis=0)),
    ]
    return table


def _first(g: Array) -> Array:
    """1 at the window's first position, else 0."""
    return np.eye(1, g.shape[2] * g.shape[3]).reshape(1, 1, *g.shape[2:])
