"""Convolutional networks on dicts of arrays: `ConvNet`."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import autograd.numpy as anp
import numpy as np

from bbvi.limits import shape_that_fits
from bbvi.nets.activations import ACTIVATIONS
from bbvi.nets.layers import Conv, Dense, Layer, Shape, TransposedConv, as_shape
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_unmasked

KINDS = (Dense, Conv, TransposedConv)
ROWS = 1000
"""That go through the layers at a time: columns are several times as large as their images."""


@dataclass(frozen=True)
class ConvNet:
    """Convolutions, transposed convolutions and dense layers, one after the other.

    h_l = a(W_l h_{l-1} + b_l) with W_l the layer's linear map; the last layer is linear.  Inputs
    and outputs are flat rows, images channel by channel, so that a ConvNet stands where an `MLP`
    can: as an encoder, image to lam, or as a decoder, z to image.

    Parameters
    ----------
    inputs : int or (int, int, int)
        How many numbers go in, or the (channels, height, width) of an image.
    layers : sequence of Dense, Conv or TransposedConv
    activation : {"tanh", "relu", "softplus"}
        The nonlinearity between layers.
    extra : int
        How many more outputs follow the last layer's: linear in the first hidden layer, as the
        log-scale that `ScalarScaleGaussian` wants behind the pixels.

    Raises
    ------
    TypeError
        If a layer is none of the three kinds, or a size is not a whole number.
    ValueError
        If there is no layer, the activation is unknown, ``extra`` is wanted of a single layer, or a
        layer does not fit what the one before it gives: the message lists the shapes up to it.

    Notes
    -----
    Swaney lecture, section III, names it as the next step; Dumoulin and Visin (2016).

    Examples
    --------
    >>> import numpy as np
    >>> down = ConvNet((1, 28, 28), (Conv(8, 3, 2, 1), Conv(16, 3, 2, 1), Dense(4)))
    >>> print(down.describe())
    inputs                                (1, 28, 28)
    0  Conv(8, 3, stride=2, padding=1)    (8, 14, 14)
    1  Conv(16, 3, stride=2, padding=1)   (16, 7, 7)
    2  Dense(4)                           (4,)
    >>> params = down.init(np.random.default_rng(0))
    >>> down(params, np.zeros((5, 784))).shape
    (5, 4)
    """

    inputs: int | Shape
    layers: tuple[Layer, ...]
    activation: str = "relu"
    extra: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", as_shape("inputs", self.inputs))
        if not isinstance(self.layers, tuple | list):
            raise TypeError(f"layers is {self.layers!r}; expected a tuple, e.g. (Dense(4),).")
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "extra", as_count("extra", self.extra, minimum=0))
        for i, layer in enumerate(self.layers):
            # A subclass may map otherwise, and the kernel would not know.
            if type(layer) not in KINDS:
                raise TypeError(
                    f"layers[{i}] is {layer!r}; expected Dense(...), Conv(...) or "
                    "TransposedConv(...), and none of their subclasses."
                )
        if not self.layers or (self.extra and len(self.layers) < 2):
            raise ValueError(
                f"layers has {len(self.layers)} layer(s); expected at least "
                f"{'two, because extra outputs are linear in a hidden one' if self.extra else 1}."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {self.activation!r}; expected one of {', '.join(ACTIVATIONS)}."
            )
        self._check_shapes()

    def _check_shapes(self) -> None:
        shapes: list[Shape] = [self.inputs]  # type: ignore[list-item]
        for i, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ValueError as error:
                table = _table(shapes, self.layers[:i])
                raise ValueError(
                    f"layers[{i}], {_brief(layer)}, does not fit: {error}. Up to it:\n{table}"
                ) from None

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Of what goes into each layer, and of what comes out of the last, extra ones apart."""
        shapes = [self.inputs]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))  # type: ignore[arg-type]
        return tuple(shapes)  # type: ignore[arg-type]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Widths of the layers as flat rows: the first is Dx (or D), the last the outputs' O."""
        *widths, last = (prod(shape) for shape in self.shapes)
        return *widths, last + self.extra

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def num_weights(self) -> int:
        """How many numbers the layers' weights have, without those of extra outputs."""
        return sum(prod(layer.weight_shape(s)) for layer, s in zip(self.layers, self.shapes))

    def describe(self) -> str:
        """The shapes, layer by layer: a line for each."""
        table = _table(self.shapes, self.layers)
        return f"{table}\nextra, of layer 0: ({self.extra},)" if self.extra else table

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw weights from N(0, gain / fan_in) (gain 2 before a relu, else 1), as an `MLP` does.

        The fan-in is the number of inputs in an output's sum.  Biases are 0; hidden ones of a relu
        network are drawn from U(-1, 1) / sqrt(fan_in).  Extra outputs are "W_extra", "b_extra".
        """
        params = {}
        for layer, shape in zip(self.layers, self.shapes):
            shape_that_fits(f"a layer's weights, {_brief(layer)},", *layer.weight_shape(shape))
        for i, (layer, shape) in enumerate(zip(self.layers, self.shapes)):
            rectified = self.activation == "relu" and i + 1 < self.num_layers
            fan_in, biases = layer.fan_in(shape), layer.num_biases(shape)
            scale = np.sqrt((2.0 if rectified else 1.0) / fan_in)
            params[f"W{i}"] = scale * rng.standard_normal(layer.weight_shape(shape))
            params[f"b{i}"] = np.zeros(biases)
            if rectified:
                params[f"b{i}"] = rng.uniform(-1, 1, biases) * fan_in**-0.5
        if self.extra:
            width = self.sizes[1]
            params["W_extra"] = width**-0.5 * rng.standard_normal((width, self.extra))
            params["b_extra"] = np.zeros(self.extra)
        return params

    def __call__(self, params: Theta, inputs: Array) -> Array:
        """Map inputs (..., sizes[0]) to outputs (..., sizes[-1]).

        Raises
        ------
        ValueError
            If the inputs have another width.
        """
        check_unmasked(inputs=inputs)
        shape = anp.shape(inputs)
        if shape[-1:] != self.sizes[:1]:
            raise ValueError(
                f"inputs has shape {shape}; expected (..., {self.sizes[0]}) for the inputs "
                f"{self.inputs} of this ConvNet, as flat rows: x.reshape(len(x), -1)."
            )
        count = prod(shape[:-1])
        rows = anp.reshape(inputs, (count, self.sizes[0]))
        blocks = [rows[start : start + ROWS] for start in range(0, max(1, count), ROWS)]
        outputs = [self._on_block(params, block) for block in blocks]
        out = outputs[0] if len(outputs) == 1 else anp.concatenate(outputs, axis=0)
        return anp.reshape(out, (*shape[:-1], self.sizes[-1]))

    def _on_block(self, params: Theta, rows: Array) -> Array:
        """Outputs (R, O) of some rows (R, inputs)."""
        R = len(rows)
        h = first = anp.reshape(rows, (R, *self.shapes[0]))
        for i, layer in enumerate(self.layers):
            h = layer(params[f"W{i}"], params[f"b{i}"], anp.reshape(h, (R, *self.shapes[i])))
            if i + 1 < self.num_layers:
                h = ACTIVATIONS[self.activation](h)
            if i == 0:
                first = h
        out = anp.reshape(h, (R, prod(self.shapes[-1])))
        if self.extra:
            flat = anp.reshape(first, (R, self.sizes[1]))
            more = anp.dot(flat, params["W_extra"]) + params["b_extra"]
            out = anp.concatenate([out, more], axis=1)
        return out


def _brief(layer: Layer) -> str:
    """A layer as its user wrote it, without what is as by default: Conv(16, 3, stride=2)."""
    if isinstance(layer, Dense):
        shape = layer.output_shape(())
        return f"Dense({shape[0] if len(shape) == 1 else shape})"
    parts = [f"{layer.channels}", f"{_one(layer.kernel)}"]  # type: ignore[attr-defined]
    for name, usual in (("stride", (1, 1)), ("padding", (0, 0)), ("output_padding", (0, 0))):
        value = getattr(layer, name, usual)
        if value != usual:
            parts.append(f"{name}={_one(value)}")
    return f"{type(layer).__name__}({', '.join(parts)})"


def _one(pair: tuple[int, int]) -> int | tuple[int, int]:
    return pair[0] if pair[0] == pair[1] else pair


def _table(shapes: tuple[Shape, ...] | list[Shape], layers: tuple[Layer, ...]) -> str:
    """A line for the inputs and for each layer, with the shape that it gives."""
    names = ["inputs", *(f"{i}  {_brief(layer)}" for i, layer in enumerate(layers))]
    width = max(38, *(len(name) + 2 for name in names))
    return "\n".join(f"{name:<{width}}{shape}" for name, shape in zip(names, shapes))
