"""A sliding window over images kept features first: columns, and back.

An image block is (C, H, W, R) with the R rows of the block innermost, so that whatever moves with a
pixel is R numbers side by side: laying out columns copies runs of R, whatever the stride.
"""

from functools import lru_cache
from typing import NamedTuple

from bbvi.nets.convolution import Pair, Window
from bbvi.types import Array


class Tap(NamedTuple):
    """Entry (i, j) of the window: which positions see the image, and which pixels they see.

    Attributes
    ----------
    i, j : int
    places : (slice, slice)
        The positions, down and across, at which the entry lies inside the image.
    pixels : (slice, slice)
        What lies below it there.
    outside : tuple of (slice, slice)
        The other positions, which see zeros.
    """

    i: int
    j: int
    places: tuple[slice, slice]
    pixels: tuple[slice, slice]
    outside: tuple[tuple[slice, slice], ...]


@lru_cache(maxsize=256)
def taps(window: Window, size: Pair) -> tuple[Tap, ...]:
    """The entries of a window that moves over an image of this size."""
    entries = []
    down, across = window.positions(*size)
    for i in range(window.kernel[0]):
        ys, us = _inside(size[0], down, window.stride[0], i - window.padding[0])
        for j in range(window.kernel[1]):
            xs, vs = _inside(size[1], across, window.stride[1], j - window.padding[1])
            borders = (
                (slice(0, ys.start), slice(0, across)),
                (slice(ys.stop, down), slice(0, across)),
                (ys, slice(0, xs.start)),
                (ys, slice(xs.stop, across)),
            )
            outside = tuple(b for b in borders if all(part.stop > part.start for part in b))
            entries.append(Tap(i, j, (ys, xs), (us, vs), outside))
    return tuple(entries)


def _inside(size: int, places: int, stride: int, shift: int) -> tuple[slice, slice]:
    """The y in 0..places with 0 <= stride y + shift < size, and these pixels."""
    start = min(places, max(0, -(shift // stride)))
    stop = max(start, min(places, (size - 1 - shift) // stride + 1))
    first = stride * start + shift
    # An empty run begins at 0: a negative start would count from the end.
    pixels = slice(first, first + stride * (stop - start - 1) + 1, stride)
    return slice(start, stop), pixels if stop > start else slice(0, 0, stride)


def lay_out(image: Array, window: Window, columns: Array) -> None:
    """columns[c, i, j, y, x] = image[c, sh y + i - ph, sw x + j - pw], 0 outside.

    Parameters
    ----------
    image : ndarray (C, H, W, R)
    window : Window
    columns : ndarray (C, kh, kw, positions down, positions across, R)
        Overwritten.
    """
    _, height, width, _ = image.shape
    for i, j, (ys, xs), (us, vs), outside in taps(window, (height, width)):
        columns[:, i, j, ys, xs] = image[:, us, vs]
        for down, across in outside:
            columns[:, i, j, down, across] = 0


def add_back(columns: Array, window: Window, image: Array) -> None:
    """Add every column to the pixels that it was laid out from: the adjoint of `lay_out`.

    Parameters
    ----------
    columns : ndarray (C, kh, kw, positions down, positions across, R)
    window : Window
    image : ndarray (C, H, W, R)
        Added to.
    """
    _, height, width, _ = image.shape
    for i, j, (ys, xs), (us, vs), _ in taps(window, (height, width)):
        part = image[:, us, vs]
        part += columns[:, i, j, ys, xs]
