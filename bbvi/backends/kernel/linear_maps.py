"""The linear maps of a `ConvNet` on a block of rows, and their adjoints: products on columns.

Activations are features first as in `layers`: h (width, R), which is (C, H, W, R) for images, so
that flattening an image for a dense layer moves nothing.  With C(.) for the columns that a window
lays out (C kh kw, positions x R) and C'(.) for its adjoint, which adds columns back to the pixels
they came from (`windows`), a layer, and what <g, a> of its output a changes by, are

    Dense            a = W^T h + b       dh = W g             dW = h g^T         db = g 1
    Conv             a = W C(h) + b      dh = C'(W^T g)       dW = g C(h)^T      db = g 1
    TransposedConv   a = C'(W^T h) + b   dh = W C(g)          dW = h C(g)^T      db = g 1.

The second line holds because <g, W C(h)> = <W^T g, C(h)> = <C'(W^T g), h>; the third is the second
with input and output exchanged.  Conv's W is (out, in kh kw), TransposedConv's (in, out kh kw).

A convolution's b is one more column of W, met by a row of ones below the columns; a transposed
convolution begins with b where it would begin with zeros.  Columns are kh kw / (sh sw) times as
large as their image: the blocks are cut so that they stay in the cache.
"""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.windows import add_back, lay_out
from bbvi.nets import Conv, ConvNet, Dense, TransposedConv
from bbvi.nets.layers import Shape
from bbvi.types import Array, Theta


class Linear(NamedTuple):
    """One layer: its kind and shapes, W as a matrix, and b.

    ``number`` tells its buffers from other layers'; ``factor`` is the constant c of its gradient.
    """

    number: int
    layer: Any
    before: Shape
    after: Shape
    weight: Array
    bias: Array
    factor: float


class Gradient(NamedTuple):
    """g at a layer's output (width, R), and C(g) where the layer is a transposed convolution."""

    g: Array
    columns: Array | None


def linear(net: ConvNet, params: Theta, i: int, factor: float) -> Linear:
    """Layer i with W as the matrix that meets columns; a convolution's b is its last column."""
    layer, before, after = net.layers[i], net.shapes[i], net.shapes[i + 1]
    weight, bias = params[f"W{i}"], params[f"b{i}"]
    weight = weight.reshape(len(weight), -1)
    if type(layer) is Conv:
        weight = np.concatenate([weight, bias[:, None]], axis=1)
    return Linear(i, layer, before, after, weight, bias, factor)


def places_of(part: Linear) -> Shape:
    """The window's positions; one for a dense layer."""
    kind = type(part.layer)
    return (1,) if kind is Dense else (part.after if kind is Conv else part.before)[1:]


def rows_of_columns(part: Linear) -> int:
    """C kh kw, and one for a convolution's bias; 0 for a dense layer."""
    return 0 if type(part.layer) is Dense else part.weight.shape[1]


def column_buffer(part: Linear, name: str, R: int, buffers: Buffers) -> Array:
    """(C, kh, kw, positions down, positions across, R), C that of the side the window is on."""
    channels = (part.before if type(part.layer) is Conv else part.after)[0]
    return buffers(name, channels, *part.layer.window.kernel, *places_of(part), R)


def _dense_forward(part: Linear, h: Array, a: Array, buffers: Buffers) -> Array:
    np.matmul(part.weight.T, h, out=a)
    a += part.bias[:, None]
    return h


def _conv_forward(part: Linear, h: Array, a: Array, buffers: Buffers) -> Array:
    rows, R = part.weight.shape[1], h.shape[1]
    places = places_of(part)
    whole = buffers(f"columns{part.number}", rows, prod(places) * R)
    channels, kernel = part.before[0], part.layer.window.kernel
    lay_out(
        h.reshape(*part.before, R),
        part.layer.window,
        whole[:-1].reshape(channels, *kernel, *places, R),
    )
    whole[-1] = 1
    np.matmul(part.weight, whole, out=a.reshape(part.after[0], -1))
    return whole


def _transposed_forward(part: Linear, h: Array, a: Array, buffers: Buffers) -> Array:
    R = h.shape[1]
    columns = column_buffer(part, "columns", R, buffers)
    flat = columns.reshape(part.weight.shape[1], -1)
    np.matmul(part.weight.T, h.reshape(part.before[0], -1), out=flat)
    image = a.reshape(*part.after, R)
    image[...] = part.bias[:, None, None, None]
    add_back(columns, part.layer.window, image)
    return h


def _scaled(part: Linear) -> Array:
    """The weights on the way back: c W, c = ``factor``."""
    return (
        part.weight
        if part.factor == 1
        else part.weight * np.asarray(part.factor, part.weight.dtype)
    )


def _dense_backward(part: Linear, gradient: Gradient, dh: Array, buffers: Buffers) -> None:
    np.matmul(_scaled(part), gradient.g, out=dh)


def _conv_backward(part: Linear, gradient: Gradient, dh: Array, buffers: Buffers) -> None:
    R = dh.shape[1]
    columns = column_buffer(part, "columns", R, buffers)
    flat = columns.reshape(part.weight.shape[1] - 1, -1)
    np.matmul(_scaled(part)[:, :-1].T, gradient.g.reshape(part.after[0], -1), out=flat)
    dh[...] = 0
    add_back(columns, part.layer.window, dh.reshape(*part.before, R))


def _transposed_backward(part: Linear, gradient: Gradient, dh: Array, buffers: Buffers) -> None:
    assert gradient.columns is not None
    np.matmul(_scaled(part), gradient.columns, out=dh.reshape(part.before[0], -1))


def _weighted(array: Array, weights: Array | None, buffers: Buffers) -> Array:
    return (
        array
        if weights is None
        else np.multiply(array, weights, out=buffers("weighted", *array.shape))
    )


def _dense_gradient(
    part: Linear, h: Array, gradient: Gradient, weights: Array | None, buffers: Buffers
) -> tuple[Array, Array]:
    g = _weighted(gradient.g, weights, buffers)
    return h @ g.T, g.sum(axis=1)


def _conv_gradient(
    part: Linear, h: Array, gradient: Gradient, weights: Array | None, buffers: Buffers
) -> tuple[Array, Array]:
    both = _weighted(gradient.g, weights, buffers).reshape(part.after[0], -1) @ h.T
    return both[:, :-1], both[:, -1]


def _transposed_gradient(
    part: Linear, h: Array, gradient: Gradient, weights: Array | None, buffers: Buffers
) -> tuple[Array, Array]:
    assert gradient.columns is not None
    g = gradient.g
    of_pixels = g.sum(axis=1) if weights is None else g @ weights
    db = of_pixels.reshape(part.after[0], -1).sum(axis=1)
    return _weighted(h, weights, buffers).reshape(part.before[0], -1) @ gradient.columns.T, db


FORWARD = {Dense: _dense_forward, Conv: _conv_forward, TransposedConv: _transposed_forward}
BACKWARD = {Dense: _dense_backward, Conv: _conv_backward, TransposedConv: _transposed_backward}
GRADIENTS = {Dense: _dense_gradient, Conv: _conv_gradient, TransposedConv: _transposed_gradient}
