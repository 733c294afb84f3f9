"""The check of the exercise about the adjoint of a convolution."""

from collections.abc import Callable

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer, name_of
from bbvi.checks.mistakes import Suspect, fail, place_of, without_frames
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
        try:
            check_answer(
                answer, arguments, expected, suspects, part=part, formula=_pullback, sizes=SIZES
            )
        except TypeError as error:
            if "Cannot cast ufunc" in str(error):
                fail(
                    f"{name_of(answer)} added floats to an array of integers{place_of(error)}.",
                    "dx or dw starts as an integer array: np.zeros(shape) is of floats",
                )
            raise


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
    right, name = both[part], ("dx", "dw")[part]
    dense = _pullback(x, w, g, 1)[part]
    table = [
        ("the stride is ignored in the adjoint: output y looks at the rows s y + i", dense),
        ("the two parts are exchanged: dx first, then dw", both[1 - part]),
        ("the mean over the images, where their sum is meant", right / N),
        (
            f"{name} starts from a copy of {'xw'[part]}: np.zeros_like starts from 0",
            right + (x, w)[part],
        ),
        (f"{name} starts from ones: np.zeros_like starts from 0", right + 1),
    ]
    table += [(words, both[part]) for words, both in _slips_in_the_places(x, w, g)]
    table += _slips_in_x(right, w, g) if part == 0 else _slips_in_w(right, x, g)
    return [Suspect(*row) for row in table]


def _slips_in_the_places(x: Array, w: Array, g: Array) -> list[tuple[str, tuple[Array, Array]]]:
    """Both parts, with the wrong pixels below a window, or with a part of the window."""
    Y, X = (np.arange(size) for size in g.shape[2:])
    s = STRIDE

    def less(i: int, j: int) -> tuple[Array, Array]:
        return s * Y - i, s * X - j

    minus = "- i where + i is meant: output y looks at the rows s y + i"
    above = np.zeros_like(w)
    above[..., : KERNEL[0]] = 1
    short = _pullback(x, w * above, g, s)[0], _pullback(x, w, g, s)[1] * above
    return [
        (minus, _at_places(x, w, g, less)),
        (minus, _at_places(x, w, g, less, inside=True)),
        (f"{minus} (so in the rows)", _at_places(x, w, g, lambda i, j: (s * Y - i, s * X + j))),
        (
            "- j where + j is meant: output x looks at the columns s x + j",
            _at_places(x, w, g, lambda i, j: (s * Y + i, s * X - j)),
        ),
        (
            "the stride multiplies the window's index: output y looks at the rows s y + i, the "
            "stride is the step of y",
            _at_places(x, w, g, lambda i, j: (Y + s * i, X + s * j)),
        ),
        (
            "i and j are exchanged: entry (i, j) of the window sees the rows s y + i and the "
            "columns s x + j",
            _at_places(x, w, g, lambda i, j: (s * Y + j, s * X + i)),
        ),
        ("both loops have kh steps: j takes the kw columns, w.shape[3] of them", short),
    ]


def _at_places(
    x: Array,
    w: Array,
    g: Array,
    places: Callable[[int, int], tuple[Array, Array]],
    inside: bool = False,
) -> tuple[Array, Array]:
    """The pullback if entry (i, j) of the window sees ``places(i, j)``, its rows and columns.

    Negative ones count from the end, as NumPy's do; ``inside`` leaves them out.
    """
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(KERNEL[0]):
        for j in range(KERNEL[1]):
            rows, columns = places(i, j)
            seen = g * ((rows[:, None] >= 0) & (columns >= 0)) if inside else g
            below = np.s_[:, :, rows[:, None], columns]
            dx[below] += np.einsum("noyx,oc->ncyx", seen, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("noyx,ncyx->oc", seen, x[below])
    return dx, dw


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
        *(
            (f"one output channel alone (the {word}): sum over all O of them", back(w * only))
            for word, only in _ends(w)
        ),
        *(
            (f"one image alone (the {word}) is filled: each image has its own dx", right * only)
            for word, only in _ends(right)
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
        *(
            (f"one output channel alone (the {word}) is filled: dw has O of them", right * only)
            for word, only in _ends(right)
        ),
        ("g is not used: dw weights what the window sees by g", back(x, np.ones_like(g))),
        ("x is not used: dw weights what the window sees by g", back(np.ones_like(x), g)),
        ("summed over the input channels: each has its own window", right.sum(axis=1)),
        ("summed over the output channels: each has its own window", right.sum(axis=0)),
    ]
    return table


def _first(g: Array) -> Array:
    """1 at the window's first position, else 0."""
    return np.eye(1, g.shape[2] * g.shape[3]).reshape(1, 1, *g.shape[2:])


def _ends(a: Array) -> list[tuple[str, Array]]:
    """1 at the first, or at the last, entry of axis 0, else 0."""
    units = np.eye(len(a)).reshape(len(a), len(a), *(1,) * (a.ndim - 1))
    return [("first", units[0]), ("last", units[-1])]
