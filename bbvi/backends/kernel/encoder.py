"""The encoder's forward pass and its pullback."""

from collections.abc import Callable

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.decomposition import add
from bbvi.backends.kernel.evaluate import worthwhile_threads
from bbvi.backends.kernel.layers import Layers, Pass
from bbvi.nets import MLP
from bbvi.threads import cut, run_hands, thread_count
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
    layers = Layers(encoder, phi, 1.0)
    lam = np.empty((len(x), encoder.sizes[-1]), x.dtype)
    parts = cut(len(x), worthwhile_threads(encoder.sizes, len(x) * x.itemsize, thread_count(None)))

    def forward(rows: slice) -> tuple[slice, Pass, Buffers]:
        # The thread's own buffers would be overwritten before the pullback.
        buffers = Buffers(x.dtype)
        done = layers.forward(x[rows].T, buffers, slopes=True)
        lam[rows] = done.outputs.T
        return rows, done, buffers

    passes = run_hands(forward, parts)

    def pullback(dlam: Array) -> Theta:
        def backward(part: tuple[slice, Pass, Buffers]) -> Theta:
            rows, done, buffers = part
            gradient: Theta = {}
            gradients = layers.backward(done, dlam[rows].T, buffers)
            layers.add_gradient(gradient, done, gradients, None, buffers)
            return gradient

        first, *others = run_hands(backward, passes)
        for more in others:
            add(first, more)
        return first

    return lam, pullback
