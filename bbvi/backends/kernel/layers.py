"""The decoder network on a block of rows, forwards and backwards (floor 3).

With h_0 = z and h_l = a(h_{l-1} W_l + b_l) for the hidden layers, the outputs are taken times a
constant c that the likelihood asks for (1/2 for Bernoulli logits, 1/sigma for a Gaussian mean).
The constant is put on the last hidden layer, which is narrow, rather than on the outputs:

    u = c (h_L W + b) = (c h_L) W + c b.

Given du = d log p / du, with g_l the derivative at the pre-activation of layer l,

    dW   = (c h_L)^T du          db = c 1^T du          dh_L = c du W^T
    g_l  = dh_l * a'(h_l)        dW_l = h_{l-1}^T g_l   db_l = 1^T g_l   dh_{l-1} = g_l W_l^T.

The slopes a' are functions of the activation itself: 1 - h^2 for tanh, 1 - exp(-h) for softplus.
At exactly 0 the slope of relu is 1/2, as autograd's is.
"""

from typing import Any

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.types import Array, Theta


def activate_tanh(a: Array, scratch: Array, slope: Array | None) -> None:
    """Replace a by h = tanh(a); slope = 1 - h^2."""
    np.tanh(a, out=a)
    if slope is not None:
        np.multiply(a, a, out=slope)
        np.subtract(1, slope, out=slope)


def activate_relu(a: Array, scratch: Array, slope: Array | None) -> None:
    """Replace a by max(a, 0); slope = (1 + sign(a)) / 2."""
    if slope is not None:
        np.sign(a, out=slope)
        slope += 1
        slope *= 0.5
    np.maximum(a, 0, out=a)


def activate_softplus(a: Array, scratch: Array, slope: Array | None) -> None:
    """Replace a by h = max(a, 0) + log1p(exp(-|a|)); slope = 1 - exp(-h)."""
    np.abs(a, out=scratch)
    np.negative(scratch, out=scratch)
    np.exp(scratch, out=scratch)
    np.log1p(scratch, out=scratch)
    np.maximum(a, 0, out=a)
    a += scratch
    if slope is not None:
        np.negative(a, out=slope)
        np.expm1(slope, out=slope)
        np.negative(slope, out=slope)


ACTIVATIONS = {"tanh": activate_tanh, "relu": activate_relu, "softplus": activate_softplus}


class Layers:
    """One MLP's weights, ready for blocks of rows.

    Parameters
    ----------
    net : MLP
    params : dict
        "W0", "b0", ...
    scale : float
        The constant c on the outputs.
    """

    def __init__(self, net: Any, params: Theta, scale: float) -> None:
        self.sizes = net.sizes
        self.depth = net.num_layers
        self.activate = ACTIVATIONS[net.activation]
        self.weights = [params[f"W{layer}"] for layer in range(self.depth)]
        self.biases = [params[f"b{layer}"] for layer in range(self.depth)]
        self.scale = scale
        self.output_bias = self.biases[-1] * np.asarray(scale, self.biases[-1].dtype)

    def forward(self, rows: Array, buffers: Buffers, slopes: bool) -> Array:
        """u (R, O) of rows z (R, D); with ``slopes`` also what `backward` will need."""
        R, h = len(rows), rows
        for layer in range(self.depth - 1):
            width = self.sizes[layer + 1]
            a = np.matmul(h, self.weights[layer], out=buffers(f"h{layer}", R, width))
            a += self.biases[layer]
            slope = buffers(f"slope{layer}", R, width) if slopes else None
            self.activate(a, buffers("activation", R, width), slope)
            h = a
        scaled = np.multiply(h, self.scale, out=buffers("scaled", R, self.sizes[-2]))
        outputs = np.matmul(scaled, self.weights[-1], out=buffers("outputs", R, self.sizes[-1]))
        outputs += self.output_bias
        return outputs

    def backward_rows(self, du: Array, buffers: Buffers) -> list[Array]:
        """g_1, ..., g_L (R, width) and, first, dz (R, D), from du (R, O)."""
        R = len(du)
        dh = np.matmul(du, self.weights[-1].T, out=buffers(f"g{self.depth - 2}", R, self.sizes[-2]))
        dh *= self.scale
        g = [dh]
        for layer in range(self.depth - 2, -1, -1):
            dh *= buffers(f"slope{layer}", R, self.sizes[layer + 1])
            dh = np.matmul(
                dh, self.weights[layer].T, out=buffers(f"g{layer - 1}", R, self.sizes[layer])
            )
            g.insert(0, dh)
        return g

    def zeros(self) -> Theta:
        """A zero gradient."""
        return {
            f"{name}{layer}": np.zeros_like(array)
            for name, arrays in (("W", self.weights), ("b", self.biases))
            for layer, array in enumerate(arrays)
        }

    def add_gradient(
        self, grad: Theta, rows: Array, g: list[Array], du: Array, weights: Array, buffers: Buffers
    ) -> None:
        """grad += sum over rows of weights (R,) times the parameters' derivative."""
        R = len(rows)
        for layer in range(self.depth):
            last = layer == self.depth - 1
            name = "scaled" if last else f"h{layer - 1}"
            width = self.sizes[layer]
            h = buffers(name, R, width) if layer or last else rows
            derivative = du if last else g[layer + 1]
            weighted = np.multiply(h, weights[:, None], out=buffers("weighted", R, width))
            grad[f"W{layer}"] += np.matmul(
                weighted.T, derivative, out=buffers("dW", width, derivative.shape[1])
            )
            db = weights @ derivative
            grad[f"b{layer}"] += self.scale * db if last else db
