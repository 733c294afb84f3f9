"""A network on a block of rows, forwards and backwards.

Activations are kept *features first*, h (width, R) with one column per row of the block, so
that sums over features run along contiguous memory.  With h_0 = z and h_l = a(W_l^T h_{l-1} +
b_l) for the hidden layers, the outputs are u = W^T h_L + b.  Where there are many rows, each bias
becomes one more row of its weights, met by a row of ones below the activations,
[W; b^T]^T [h; 1], so that adding biases costs no pass.

The likelihood gives d log p / du as c g with a constant c (1 / sigma for a Gaussian mean).  The
last layer's input, usually narrower than the outputs, is multiplied by c.  With g_l the derivative
at the pre-activation of hidden layer l,

    dW   = (c h_L) g^T           db = c g 1             dh_L = c W g
    g_l  = dh_l * a'(h_l)        dW_l = h_{l-1} g_l^T   db_l = g_l 1      dh_{l-1} = W_l g_l.

The slopes a' are functions of the activation itself: 1 - h^2 for tanh, 1 - exp(-h) for softplus.
At exactly 0 the slope of relu is 1/2, as autograd's is.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.nets import MLP
from bbvi.types import Array, Theta


def activate_tanh(a: Array, slope: Array | None, scratch: Array) -> None:
    """Replace a by h = tanh(a); slope = 1 - h^2."""
    np.tanh(a, out=a)
    if slope is not None:
        np.multiply(a, a, out=slope)
        np.subtract(1, slope, out=slope)


def activate_relu(a: Array, slope: Array | None, scratch: Array) -> None:
    """Replace a by max(a, 0); slope = (1 + sign(a)) / 2."""
    if slope is not None:
        np.sign(a, out=slope)
        slope += 1
        slope *= 0.5
    # NumPy's clip takes less than half the time of its maximum.
    np.clip(a, 0, np.inf, out=a)


def activate_softplus(a: Array, slope: Array | None, scratch: Array) -> None:
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


class Pass(NamedTuple):
    """What a forward pass leaves for the backward one: both lists have one entry per layer.

    Attributes
    ----------
    inputs : list of ndarray (width_in, R)
        What each layer multiplied.
    slopes : list of ndarray (width_out, R)
        a' at each hidden layer.
    outputs : ndarray (O, R)
        u.
    """

    inputs: list[Array]
    slopes: list[Array]
    outputs: Array


class Layers:
    """One MLP's weights, ready for blocks of rows.

    ``width`` is the most numbers of a row that a matrix product sees, and ``products`` the
    multiplications of a row's forward pass: what blocks and threads are planned by.

    Parameters
    ----------
    net : MLP
    params : dict
        "W0", "b0", ...
    constant : float
        The constant c of the likelihood's gradient.
    """

    def __init__(self, net: MLP, params: Theta, constant: float) -> None:
        self.sizes = net.sizes
        self.width = max(net.sizes)
        self.products = sum(above * below for above, below in pairwise(net.sizes))
        self.depth = net.num_layers
        self.activate = ACTIVATIONS[net.activation]
        self.weights = [params[f"W{layer}"] for layer in range(self.depth)]
        self.biases = [params[f"b{layer}"] for layer in range(self.depth)]
        self.constants = [1.0] * (self.depth - 1) + [constant]

    def stack(self) -> list[Array]:
        """[W; b^T] of each layer, worth its making when it is used for many rows."""
        return [np.concatenate([W, b[None]]) for W, b in zip(self.weights, self.biases)]

    def forward(
        self, z: Array, buffers: Buffers, slopes: bool, stacked: list[Array] | None = None
    ) -> Pass:
        """The outputs u (O, R) of z (D, R); with ``slopes`` also what `backward` will need.

        With ``stacked``, from `stack`, z is expected to have a row of ones below, (D + 1, R).
        """
        R, h = z.shape[1], z
        ones = 0 if stacked is None else 1
        weights = self.weights if stacked is None else stacked
        inputs: list[Array] = []
        activation_slopes: list[Array] = []
        for layer, width in enumerate(self.sizes[1:-1]):
            inputs.append(h)
            h = buffers(f"h{layer}", width + ones, R)
            a = np.matmul(weights[layer].T, inputs[-1], out=h[:width])
            if stacked is None:
                a += self.biases[layer][:, None]
            h[width:] = 1
            if slopes:
                activation_slopes.append(buffers(f"slope{layer}", width, R))
            self.activate(
                a, activation_slopes[-1] if slopes else None, buffers("scratch", width, R)
            )
        inputs.append(h)
        u = np.matmul(weights[-1].T, h, out=buffers("outputs", self.sizes[-1], R))
        if stacked is None:
            u += self.biases[-1][:, None]
        return Pass([h[:width] for h, width in zip(inputs, self.sizes)], activation_slopes, u)

    def backward(self, done: Pass, g: Array, buffers: Buffers) -> list[Array]:
        """Each layer's output gradient, [g_1, ..., g_L, g], from g = d log p / du / c (O, R)."""
        gradients = [g]
        for layer in range(self.depth - 1, 0, -1):
            dh = buffers(f"g{layer}", self.sizes[layer], g.shape[1])
            np.matmul(self.weights[layer], gradients[0], out=dh)
            if self.constants[layer] != 1:
                dh *= self.constants[layer]
            dh *= done.slopes[layer - 1]
            gradients.insert(0, dh)
        return gradients

    def input_gradient(self, gradients: list[Array], buffers: Buffers) -> Array:
        """The gradient dz (D, R) from what `backward` gave."""
        first = gradients[0]
        dz = np.matmul(self.weights[0], first, out=buffers("dz", self.sizes[0], first.shape[1]))
        if self.constants[0] != 1:
            dz *= self.constants[0]
        return dz

    def add_gradient(
        self,
        total: Theta,
        done: Pass,
        gradients: list[Array],
        weights: Array | None,
        buffers: Buffers,
    ) -> None:
        """Add to ``total`` the sum over rows of weights (R,) times dW and db of each layer.

        Weights None means 1 each, and c = 1.
        """
        # One sample's weights, as in training, are all 1: then h is its own product with them.
        plain = weights is not None and bool((weights == 1).all())
        for layer, (h, g) in enumerate(zip(done.inputs, gradients)):
            if weights is None:
                db = g.sum(axis=1)
            elif plain and self.constants[layer] == 1:
                db = g @ weights
            else:
                w = weights if self.constants[layer] == 1 else weights * self.constants[layer]
                h = np.multiply(h, w, out=buffers("weighted", *h.shape))
                db = g @ w
            key = f"W{layer}"
            if key in total:
                total[key] += np.matmul(h, g.T, out=buffers(key, len(h), len(g)))
                total[f"b{layer}"] += db
            else:
                total[key], total[f"b{layer}"] = h @ g.T, db
