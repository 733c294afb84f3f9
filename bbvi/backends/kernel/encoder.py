"""The encoder's forward pass and its pullback."""

import weakref
from collections.abc import Callable, Sequence

import numpy as np

from bbvi.backends.kernel.blocks import (
    BLOCK_BYTES,
    Buffers,
    give_back,
    kept_buffers,
    thread_buffers,
)
from bbvi.backends.kernel.evaluate import worthwhile_threads
from bbvi.backends.kernel.layers import Pass
from bbvi.backends.kernel.prepared import add, layers_of
from bbvi.nets import MLP, ConvNet
from bbvi.threads import cut, run_shares, shares_of, thread_count
from bbvi.types import Array, Theta

ENCODER_KEPT_BYTES = 2**25
"""Of the widest layer for all rows, up to which a pass is kept for the pullback.  Beyond, the
pullback makes it again, block by block, so that memory does not grow with N."""


def encode(encoder: MLP | ConvNet, phi: Theta, x: Array) -> tuple[Array, Callable[[Array], Theta]]:
    """lam = f_phi(x) and its pullback, dlam -> sum_n dlam_n . d lam_n / d phi.

    Parameters
    ----------
    encoder : MLP or ConvNet
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
    layers = layers_of(encoder, phi, 1.0)
    lam = np.empty((len(x), encoder.sizes[-1]), x.dtype)
    threads = worthwhile_threads(layers, len(x) * x.itemsize, thread_count(None))
    kept = len(x) * layers.width * x.itemsize <= ENCODER_KEPT_BYTES

    def run(rows: slice) -> tuple[Pass, Buffers]:
        # A pass that is kept has buffers of its own: a thread's are soon overwritten.
        buffers = kept_buffers(x.dtype) if kept else thread_buffers(x.dtype)
        return layers.forward(x[rows].T, buffers, slopes=True), buffers

    def forward(share: Sequence[slice]) -> list[tuple[Pass, Buffers] | None]:
        passes: list[tuple[Pass, Buffers] | None] = []
        for rows in share:
            one = run(rows)
            lam[rows] = one[0].outputs.T
            passes.append(one if kept else None)
        return passes

    shares = shares_of(_blocks(len(x), layers.width * x.itemsize, threads), threads)
    passes = run_shares(forward, shares)

    def pullback(dlam: Array) -> Theta:
        def backward(number: int) -> Theta:
            gradient: Theta = {}
            for rows, one in zip(shares[number], passes[number]):
                done, buffers = run(rows) if one is None else one
                gradients = layers.backward(done, dlam[rows].T, buffers)
                layers.add_gradient(gradient, done, gradients, None, buffers)
            return gradient

        first, *others = run_shares(backward, range(len(shares)))
        for more in others:
            add(first, more)
        return first

    lent = [one[1] for share in passes for one in share if one is not None]
    weakref.finalize(pullback, give_back, x.dtype, lent).atexit = False
    return lam, pullback


def _blocks(num_rows: int, row_bytes: int, threads: int) -> list[slice]:
    """Rows in equal blocks of at most `BLOCK_BYTES`, as many for each thread."""
    rows = max(1, BLOCK_BYTES // row_bytes)
    return cut(num_rows, min(num_rows, threads * -(-num_rows // (threads * rows))))
