"""The check of the exercise about the sizes out of a convolution, and of a transposed one."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula, name_of
from bbvi.checks.mistakes import Suspect, fail, place_of, without_frames
from bbvi.types import Array


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
    # With padding 3, what p // 2 and 2 (p // 2) give differs, from no padding's too.
    s[2:4], k[2:4], n[2:4] = 2, 7, (14, 15)
    p, more = rng.integers(0, k // 2 + 1), rng.integers(0, s)
    p[:4], more[:2] = (1, 1, 3, 3), 1
    arguments = {"n": n, "k": k, "s": s, "p": p, "more": more}
    for part, table in enumerate((_slips_down(n, k, s, p), _slips_up(n, k, s, p, more))):
        both = _sizes(n, k, s, p, more)
        table += [("the two are exchanged: the convolution first", both[1 - part])]
        suspects = [Suspect(mistake, np.asarray(size, float)) for mistake, size in table]
        try:
            check_formula(answer, arguments, _sizes, suspects, part=part, sizes={})
        except TypeError as error:
            if _of_one_number(error):
                fail(
                    f"{name_of(answer)} raised TypeError{place_of(error)}: {error}.",
                    "int(...), round(...) or math.floor(...) of an array, which take one number: "
                    "use //, which divides and rounds down each entry",
                )
            raise


def _of_one_number(error: TypeError) -> bool:
    """Did a function of one number get an array?"""
    return any(part in str(error) for part in ("to Python scalar", "__round__"))


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
        ("the parentheses are missing: the stride divides n alone", n // s + 2 * p - k + 1),
        ("the floor of each part: add up first, then divide", n // s + (2 * p - k) // s + 1),
        ("k // 2 where k is meant: the whole window has to fit in", (n + 2 * p - k // 2) // s + 1),
        ("k // 2 where p is meant: the padding is an argument", (n + 2 * (k // 2) - k) // s + 1),
        ("p // 2 where p is meant", (n + 2 * (p // 2) - k) // s + 1),
        ("p // 2 where 2 p is meant: p lies on both sides", (n + p // 2 - k) // s + 1),
    ]


def _slips_up(n: Array, k: Array, s: Array, p: Array, more: Array) -> list[tuple[str, Array]]:
    """Slips in the rows out of a transposed convolution."""
    right = s * (n - 1) + k - 2 * p + more
    turned = "2 p - k where k - 2 p is meant: the last window adds k, the padding is cut off"
    stretched = "that convolves the stretched image with padding p: it would take k - 1 - p"
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
        (turned, right - 2 * k + 4 * p),
        (f"{turned}; and the output padding is missing", right - 2 * k + 4 * p - more),
        (stretched, right - 2 * k + 4 * p + 2),
        (f"{stretched}; and the output padding is missing", right - 2 * k + 4 * p + 2 - more),
        (f"{stretched}, and n rows stretch to s (n - 1) + 1", s * n + 2 * p - k + 1 + more),
        (f"{stretched}, and n rows stretch to s (n - 1) + 1", s * n + 2 * p - k + 1),
        ("k // 2 where k is meant: the last window is k wide", right - k + k // 2),
        ("k // 2 where p is meant: the padding is an argument", right + 2 * p - 2 * (k // 2)),
        ("p // 2 where p is meant", right + 2 * p - 2 * (p // 2)),
        ("p // 2 where 2 p is meant: p is cut off on both sides", right + 2 * p - p // 2),
    ]
