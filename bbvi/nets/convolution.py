"""A window that slides over images, as a linear map and its adjoint.

With a (C, H, W), a window of kh x kw pixels, strides (sh, sw) and padding (ph, pw),

    patches(a)[c i j, y x] = a[c, sh y + i - ph, sw x + j - pw],       0 outside the image,

is a linear map of a, which lays the pixels below each position of the window into a column.  Its
adjoint adds each column back to where its pixels came from:

    spread(g)[c, u, v] = sum of g[c i j, y x] over all i, j, y, x with u = sh y + i - ph and
                         v = sw x + j - pw,           <g, patches(a)> = <spread(g), a>.

So a convolution is ``W patches(a)`` with W (out, in kh kw); the derivative of
``<g, W patches(a)>`` is ``spread(W^T g)`` in a and ``g patches(a)^T`` in W.  A transposed
convolution is ``spread(W^T a)``: the adjoint of a convolution, taken as a layer.
"""

from typing import NamedTuple

import numpy as np
from autograd.extend import defvjp, primitive

from bbvi.types import Array

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window of ``kernel`` pixels that moves by ``stride`` over an image padded with zeros.

    Attributes
    ----------
    kernel, stride, padding : (int, int)
        Down and across.
    """

    kernel: Pair
    stride: Pair
    padding: Pair

    def positions(self, height: int, width: int) -> Pair:
        """How many places the window has, down and across: floor((n + 2 p - k) / s) + 1."""
        down, across = (
            (n + 2 * p - k) // s + 1
            for n, k, s, p in zip((height, width), self.kernel, self.stride, self.padding)
        )
        return down, across


def _padded_size(window: Window, places: Pair, size: Pair) -> Pair:
    """What a padded image has to hold: all windows, and the image itself."""
    high, wide = (
        max(s * (m - 1) + k, n + p)
        for m, n, k, s, p in zip(places, size, window.kernel, window.stride, window.padding)
    )
    return high, wide


def _tap(padded: Array, window: Window, places: Pair, i: int, j: int) -> Array:
    """The pixels below entry (i, j) of the window, at all its positions: a view (M, C, y, x)."""
    (sh, sw), (down, across) = window.stride, places
    return padded[:, :, i : i + sh * (down - 1) + 1 : sh, j : j + sw * (across - 1) + 1 : sw]


@primitive
def patches(images: Array, window: Window) -> Array:
    """What the window sees: images (M, C, H, W) -> (M, C kh kw, positions).

    Examples
    --------
    >>> import numpy as np
    >>> patches(np.arange(9.0).reshape(1, 1, 3, 3), Window((2, 2), (1, 1), (0, 0)))[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    M, C, height, width = images.shape
    (kh, kw), (ph, pw) = window.kernel, window.padding
    places = window.positions(height, width)
    padded = np.zeros((M, C, *_padded_size(window, places, (height, width))), images.dtype)
    padded[:, :, ph : ph + height, pw : pw + width] = images
    taps = [_tap(padded, window, places, i, j) for i in range(kh) for j in range(kw)]
    return np.stack(taps, axis=2).reshape(M, C * kh * kw, places[0] * places[1])


@primitive
def spread(columns: Array, window: Window, size: Pair) -> Array:
    """The adjoint of `patches`: columns (M, C kh kw, positions) -> images (M, C, *size)."""
    M, C = len(columns), columns.shape[1] // (window.kernel[0] * window.kernel[1])
    (kh, kw), (ph, pw) = window.kernel, window.padding
    places = window.positions(*size)
    taps = columns.reshape(M, C, kh, kw, *places)
    padded = np.zeros((M, C, *_padded_size(window, places, size)), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            view = _tap(padded, window, places, i, j)
            view += taps[:, :, i, j]
    return padded[:, :, ph : ph + size[0], pw : pw + size[1]]


defvjp(patches, lambda ans, a, window: lambda g: spread(g, window, a.shape[2:]), argnums=(0,))
defvjp(spread, lambda ans, g, window, size: lambda a: patches(a, window), argnums=(0,))
