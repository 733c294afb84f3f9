"""The encoder's forward pass and its pullback (floor 3)."""

from collections.abc import Callable

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.layers import Layers
from bbvi.nets import MLP
from bbvi.types import Array, Theta


def encode(encoder: MLP, phi: Theta, x: Array) -> tuple[Array, Callable[[Array], Theta]]:
    """lam = f_phi(x) and its pullback, dlam -> sum_n dlam_n . d lam_n / d phi.

    Parameters
    ----------
    encoder : MLP
        f_phi, from Dx inputs to P outputs.
    phi : dict
        Its parameters.
    x : ndarray (N, Dx)
        Data.

    Returns
    -------
    lam : ndarray (N, P)
    pullback : callable
        dlam (N, P) -> gradient in phi.
    """
    layers, buffers = Layers(encoder, phi, 1.0), Buffers(x.dtype)
    done = layers.forward(x.T, buffers, slopes=True)

    def pullback(dlam: Array) -> Theta:
        gradient: Theta = {}
        gradients = layers.backward(done, dlam.T, buffers)
        layers.add_gradient(gradient, done, gradients, None, buffers)
        return gradient

    return np.ascontiguousarray(done.outputs.T), pullback
