"""The linear layers of a `ConvNet`: dense, convolution, transposed convolution.

Each is a frozen dataclass of sizes.  What goes through a layer has a shape: (C, H, W) for images,
(n,) for vectors; an image is flattened channel by channel where a dense layer follows.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import autograd.numpy as anp

from bbvi.nets.convolution import Pair, Window, patches, spread
from bbvi.types import Array
from bbvi.validation import as_count

Shape = tuple[int, ...]


class Layer(Protocol):
    """h -> W h + b, where W h is linear in both."""

    def output_shape(self, shape: Shape) -> Shape:
        """What comes out, for what goes in.

        Raises
        ------
        ValueError
            If the layer does not fit this input.
        """
        ...

    def weight_shape(self, shape: Shape) -> Shape:
        """The shape of W."""
        ...

    def num_biases(self, shape: Shape) -> int:
        """One for each output, or each output channel."""
        ...

    def fan_in(self, shape: Shape) -> float:
        """How many inputs an output is a sum of; the mean over the outputs of a large image."""
        ...

    def __call__(self, weight: Array, bias: Array, h: Array) -> Array:
        """W h + b: h (M, *shape) -> (M, *output_shape(shape))."""
        ...


@dataclass(frozen=True)
class Dense:
    """Every output a weighted sum of all inputs; a (C, H, W) of outputs makes an image of them.

    Parameters
    ----------
    outputs : int or (int, int, int)
        How many, or (C, H, W).

    Raises
    ------
    TypeError, ValueError
        If the outputs are not whole numbers of at least 1.
    """

    outputs: int | Shape

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", as_shape("Dense.outputs", self.outputs))

    def output_shape(self, shape: Shape) -> Shape:
        """(n,) or (C, H, W)."""
        return self.outputs  # type: ignore[return-value]

    def weight_shape(self, shape: Shape) -> Shape:
        """(inputs, outputs)."""
        return prod(shape), prod(self.output_shape(shape))

    def num_biases(self, shape: Shape) -> int:
        """One for each output."""
        return prod(self.output_shape(shape))

    def fan_in(self, shape: Shape) -> float:
        """The number of inputs."""
        return prod(shape)

    def __call__(self, weight: Array, bias: Array, h: Array) -> Array:
        """W^T h + b."""
        flat = anp.dot(anp.reshape(h, (len(h), len(weight))), weight) + bias
        return anp.reshape(flat, (len(h), *self.output_shape(())))


@dataclass(frozen=True)
class Conv:
    """A convolution: each output is a weighted sum of the inputs below a sliding window.

    out[o, y, x] = b[o] + sum_cij W[o, c, i, j] in[c, s y + i - p, s x + j - p]

    Its output has floor((n + 2 p - k) / s) + 1 rows of an input's n.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel, stride, padding : int or (int, int)
        The window's size and step, and the zeros around the image: down and across.

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number, a padding below 0 or another below 1.

    Examples
    --------
    >>> Conv(16, 3, stride=2, padding=1).output_shape((1, 28, 28))
    (16, 14, 14)
    """

    channels: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0

    def __post_init__(self) -> None:
        _check_window(self)

    @property
    def window(self) -> Window:
        """The window over the layer's input."""
        return Window(self.kernel, self.stride, self.padding)  # type: ignore[arg-type]

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, positions down, positions across)."""
        _, height, width = _image(shape)
        places = self.window.positions(height, width)
        hint = "make the kernel smaller or the padding larger"
        return _not_empty((self.channels, *places), shape, hint)

    def weight_shape(self, shape: Shape) -> Shape:
        """(output channels, input channels, kh, kw)."""
        return self.channels, shape[0], *self.window.kernel

    def num_biases(self, shape: Shape) -> int:
        """One for each output channel."""
        return self.channels

    def fan_in(self, shape: Shape) -> float:
        """Input channels times the window's size."""
        return shape[0] * prod(self.window.kernel)

    def __call__(self, weight: Array, bias: Array, h: Array) -> Array:
        """W patches(h) + b."""
        rows = anp.reshape(weight, (len(weight), -1))
        out = anp.matmul(rows, patches(h, self.window)) + bias[:, None]
        return anp.reshape(out, (len(h), *self.output_shape(h.shape[1:])))


@dataclass(frozen=True)
class TransposedConv:
    """A transposed convolution: each input adds a weighted window to the output.

    out[o, u, v] = b[o] + sum of W[c, o, i, j] in[c, y, x] over u = s y + i - p, v = s x + j - p

    It is the adjoint of the `Conv` with the same window, and makes of that one's output an image of
    the size of its input: s (n - 1) + k - 2 p + output_padding rows of an input's n.  With a stride
    s, a convolution takes s sizes to one; ``output_padding`` below s says which of them comes back.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel, stride, padding, output_padding : int or (int, int)
        As of the convolution whose adjoint this is.

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number, a padding below 0 or another below 1, or the
        output padding is not below the stride.

    Examples
    --------
    >>> TransposedConv(16, 3, stride=2, padding=1, output_padding=1).output_shape((32, 7, 7))
    (16, 14, 14)
    """

    channels: int
    kernel: int | Pair
    stride: int | Pair = 1
    padding: int | Pair = 0
    output_padding: int | Pair = 0

    def __post_init__(self) -> None:
        _check_window(self)
        object.__setattr__(self, "output_padding", _pair(self, "output_padding", 0))
        if any(more >= s for more, s in zip(self.output_padding, self.stride)):  # type: ignore[arg-type]
            raise ValueError(
                f"TransposedConv.output_padding is {self.output_padding}; expected less than the "
                f"stride {self.stride}: the convolution whose adjoint this is would have one more "
                "position."
            )

    @property
    def window(self) -> Window:
        """The window over the layer's *output*."""
        return Window(self.kernel, self.stride, self.padding)  # type: ignore[arg-type]

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, s (H - 1) + k - 2 p + output_padding, the same for W)."""
        sizes = zip(_image(shape)[1:], *self.window, self.output_padding)  # type: ignore[arg-type]
        height, width = (s * (n - 1) + k - 2 * p + more for n, k, s, p, more in sizes)
        hint = "make the padding smaller or the kernel larger"
        return _not_empty((self.channels, height, width), shape, hint)

    def weight_shape(self, shape: Shape) -> Shape:
        """(input channels, output channels, kh, kw)."""
        return shape[0], self.channels, *self.window.kernel

    def num_biases(self, shape: Shape) -> int:
        """One for each output channel."""
        return self.channels

    def fan_in(self, shape: Shape) -> float:
        """Input channels times the windows that meet at an output pixel, kh kw / (sh sw)."""
        return shape[0] * prod(self.window.kernel) / prod(self.window.stride)

    def __call__(self, weight: Array, bias: Array, h: Array) -> Array:
        """spread(W^T h) + b."""
        out_shape = self.output_shape(h.shape[1:])
        rows = anp.reshape(weight, (len(weight), -1))
        columns = anp.matmul(rows.T, anp.reshape(h, (*h.shape[:2], -1)))
        return spread(columns, self.window, out_shape[1:]) + bias[:, None, None]


def as_shape(name: str, value: Any) -> Shape:
    """(n,) of a whole number, (C, H, W) of three.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if not isinstance(value, tuple | list):
        return (as_count(name, value),)
    if len(value) not in (1, 3):
        raise ValueError(
            f"{name} is {value!r}; expected a number of units, or an image's (channels, height, "
            "width)."
        )
    return tuple(as_count(f"{name}[{i}]", n) for i, n in enumerate(value))


def _pair(layer: Any, name: str, minimum: int) -> Pair:
    """A size down and across, from one number or two."""
    value, where = getattr(layer, name), f"{type(layer).__name__}.{name}"
    if not isinstance(value, tuple | list):
        size = as_count(where, value, minimum)
        return size, size
    if len(value) != 2:
        raise ValueError(f"{where} is {value!r}; expected one number, or two: down and across.")
    return as_count(f"{where}[0]", value[0], minimum), as_count(f"{where}[1]", value[1], minimum)


def _check_window(layer: Any) -> None:
    """Channels a whole number; kernel, stride and padding pairs of them."""
    channels = as_count(f"{type(layer).__name__}.channels", layer.channels)
    object.__setattr__(layer, "channels", channels)
    for name, minimum in (("kernel", 1), ("stride", 1), ("padding", 0)):
        object.__setattr__(layer, name, _pair(layer, name, minimum))


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValueError(
            f"it gets {shape[0]} numbers but wants an image (channels, height, width); let "
            "Dense((C, H, W)) come before it, or give the inputs as (C, H, W)"
        )
    return shape


def _not_empty(out: Shape, shape: Shape, hint: str) -> Shape:
    if min(out) < 1:
        raise ValueError(
            f"its output would have {out[1]} x {out[2]} pixels, of an input of {shape[1]} x "
            f"{shape[2]}; {hint}"
        )
    return out
