"""A `ConvNet` on a block of rows, forwards and backwards (the layers' maps: `linear_maps`)."""

from math import prod
from typing import Any

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.layers import ACTIVATIONS, Pass
from bbvi.backends.kernel.linear_maps import (
    BACKWARD,
    FORWARD,
    GRADIENTS,
    Gradient,
    column_buffer,
    linear,
    places_of,
    rows_of_columns,
)
from bbvi.backends.kernel.windows import lay_out
from bbvi.nets import ConvNet, TransposedConv
from bbvi.types import Array, Theta


class ConvLayers:
    """One ConvNet's weights, ready for blocks of rows; used as `Layers` is.

    Parameters
    ----------
    net : ConvNet
    params : dict
        "W0", "b0", ..., and "W_extra", "b_extra".
    constant : float
        The constant c of the likelihood's gradient.
    """

    def __init__(self, net: ConvNet, params: Theta, constant: float) -> None:
        self.sizes, self.depth, self.num_extra = net.sizes, net.num_layers, net.extra
        self.activate = ACTIVATIONS[net.activation]
        self.factor = constant
        self.parts = [
            linear(net, params, i, constant if i + 1 == self.depth else 1.0)
            for i in range(self.depth)
        ]
        self.params = params
        columns = [rows_of_columns(part) * prod(places_of(part)) for part in self.parts]
        self.width = max(*self.sizes, *columns)
        self.products = sum(part.weight.size * prod(places_of(part)) for part in self.parts)

    def stack(self) -> None:
        """Nothing: biases cost no pass of their own where it matters."""

    def forward(self, z: Array, buffers: Buffers, slopes: bool, stacked: Any = None) -> Pass:
        """The outputs u (O, R) of z (D, R); with ``slopes`` also what `backward` will need.

        The pass's inputs are what each layer's W multiplied: columns for a convolution.
        """
        R, h = z.shape[1], z
        inputs: list[Array] = []
        kept: list[Array] = []
        outputs = buffers("outputs", self.sizes[-1], R)
        first = None
        for i, part in enumerate(self.parts):
            last = i + 1 == self.depth
            width = prod(part.after)
            a = outputs[:width] if last else buffers(f"h{i}", width, R)
            inputs.append(FORWARD[type(part.layer)](part, h, a, buffers))
            if not last:
                if slopes:
                    kept.append(buffers(f"slope{i}", width, R))
                self.activate(a, kept[-1] if slopes else None, buffers("scratch", width, R))
            h, first = a, a if first is None else first
        if self.num_extra:
            assert first is not None
            more = np.matmul(self.params["W_extra"].T, first, out=outputs[-self.num_extra :])
            more += self.params["b_extra"][:, None]
            inputs.append(first)
        return Pass(inputs, kept, outputs)

    def backward(self, done: Pass, g: Array, buffers: Buffers) -> list[Any]:
        """Each layer's output gradient, first to last, from g = d log p / du / c (O, R).

        With extra outputs, theirs comes last.
        """
        extra = [Gradient(g[-self.num_extra :], None)] if self.num_extra else []
        gradients = [self._columns(self.depth - 1, g[: len(g) - self.num_extra], buffers)]
        for i in range(self.depth - 1, 0, -1):
            dh = buffers(f"g{i}", self.sizes[i], g.shape[1])
            BACKWARD[type(self.parts[i].layer)](self.parts[i], gradients[0], dh, buffers)
            if i == 1 and extra:
                weight = self.params["W_extra"] * np.asarray(self.factor, dh.dtype)
                dh += np.matmul(weight, extra[0].g, out=buffers("scratch", *dh.shape))
            dh *= done.slopes[i - 1]
            gradients.insert(0, self._columns(i - 1, dh, buffers))
        return gradients + extra

    def _columns(self, i: int, g: Array, buffers: Buffers) -> Gradient:
        part = self.parts[i]
        if type(part.layer) is not TransposedConv:
            return Gradient(g, None)
        columns = column_buffer(part, f"gradient_columns{i}", g.shape[1], buffers)
        lay_out(g.reshape(*part.after, -1), part.layer.window, columns)
        return Gradient(g, columns.reshape(part.weight.shape[1], -1))

    def input_gradient(self, gradients: list[Any], buffers: Buffers) -> Array:
        """The gradient dz (D, R) from what `backward` gave."""
        dz = buffers("dz", self.sizes[0], gradients[0].g.shape[1])
        BACKWARD[type(self.parts[0].layer)](self.parts[0], gradients[0], dz, buffers)
        return dz

    def add_gradient(
        self,
        total: Theta,
        done: Pass,
        gradients: list[Any],
        weights: Array | None,
        buffers: Buffers,
    ) -> None:
        """Add to ``total`` the sum over rows of weights (R,) times dW and db of each layer.

        Weights None means 1 each, and c = 1.
        """
        scale = 1.0
        if weights is not None and (weights == weights[0]).all():
            # One weight for all rows goes on the sums.
            scale, weights = float(weights[0]), None
        for part, h, gradient in zip(self.parts, done.inputs, gradients):
            i, kind = part.number, type(part.layer)
            dW, db = GRADIENTS[kind](part, h, gradient, weights, buffers)
            _add(total, f"W{i}", dW.reshape(self.params[f"W{i}"].shape), scale * part.factor)
            _add(total, f"b{i}", db, scale * part.factor)
        if self.num_extra:
            h, g = done.inputs[-1], gradients[-1].g
            g = g if weights is None else g * weights
            _add(total, "W_extra", h @ g.T, scale * self.factor)
            _add(total, "b_extra", g.sum(axis=1), scale * self.factor)


def _add(total: Theta, key: str, term: Array, scale: float) -> None:
    if scale != 1:
        term = term * np.asarray(scale, term.dtype)
    if key in total:
        total[key] += term
    else:
        total[key] = term.copy() if term.base is not None else term
