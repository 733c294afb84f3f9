"""The passes over blocks: log p(x, z), and its derivatives in z and theta (floor 3)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bbvi.backends.kernel.blocks import Block, Buffers, split_rows, thread_buffers
from bbvi.backends.kernel.pieces import Pieces, gather, observed
from bbvi.backends.kernel.threads import deal, run_hands, thread_count
from bbvi.types import Array, Theta

THREAD_WORK = 2**21
"""Multiply-adds below which a second thread costs more than it saves."""


def evaluate_value(pieces: Pieces, z: Array, num_threads: int | None) -> Array:
    """log p (S, N) of z (S, N, D)."""
    log_p = np.empty(z.shape[:2], z.dtype)

    def work(blocks: Sequence[Block]) -> None:
        buffers = thread_buffers(z.dtype)
        for block in blocks:
            rows = features_first(z, block, buffers)
            u = pieces.layers.forward(rows, buffers, slopes=False).outputs
            value = pieces.prior.value(pieces.prior_state, rows)
            value += pieces.likelihood.value(
                pieces.likelihood_state, observed(pieces, block), u, buffers
            )
            log_p[block] = value.reshape(log_p[block].shape)

    run_hands(work, split_work(pieces, z, num_threads))
    return log_p


def evaluate_grads(
    pieces: Pieces, z: Array, weights: Array | None, num_threads: int | None
) -> tuple[Array, Array, Theta]:
    """log p (S, N), dz (S, N, D), and dtheta where weights (S, N) are given."""
    log_p, dz = np.empty(z.shape[:2], z.dtype), np.empty_like(z)

    def work(blocks: Sequence[Block]) -> Theta:
        buffers = thread_buffers(z.dtype)
        dtheta: Theta = {}
        for block in blocks:
            rows = features_first(z, block, buffers)
            w = None if weights is None else weights[block].reshape(-1)
            value, drows, more = _one_block(pieces, observed(pieces, block), rows, w, buffers)
            log_p[block] = value.reshape(log_p[block].shape)
            dz[block] = drows.reshape(-1, *log_p[block].shape).transpose(1, 2, 0)
            for key, term in more.items():
                if key in dtheta:
                    dtheta[key] += term
                else:
                    dtheta[key] = term
        return dtheta

    partial = run_hands(work, split_work(pieces, z, num_threads))
    return log_p, dz, {} if weights is None else gather(pieces, partial)


def split_work(pieces: Pieces, z: Array, num_threads: int | None) -> list[Sequence[Block]]:
    """The blocks of z, dealt to as many threads as the work is worth."""
    S, N, _ = z.shape
    sizes = pieces.layers.sizes
    work = S * N * sum(a * b for a, b in pairwise(sizes))
    threads = thread_count(num_threads) if work >= THREAD_WORK else 1
    return deal(split_rows(S, N, max(sizes) * z.itemsize, threads), threads)


def features_first(z: Array, block: Block, buffers: Buffers) -> Array:
    """The block's rows of z as (D, R)."""
    rows = z[block]
    s, n, D = rows.shape
    out = buffers("z", D, s * n)
    out.reshape(D, s, n)[...] = rows.transpose(2, 0, 1)
    return out


def _one_block(
    pieces: Pieces, y: Array, z: Array, weights: Array | None, buffers: Buffers
) -> tuple[Array, Array, Theta]:
    """log p (R,), dz (D, R), and the block's share of dtheta."""
    layers = pieces.layers
    done = layers.forward(z, buffers, slopes=True)
    value, dlikelihood = pieces.likelihood.value_and_grads(
        pieces.likelihood_state, y, done.outputs, buffers, weights
    )
    log_prior, dz, dprior = pieces.prior.value_and_grads(pieces.prior_state, z, weights)
    gradients = layers.backward(done, done.outputs, buffers)
    dz += layers.input_gradient(gradients, buffers)
    value += log_prior
    if weights is None:
        return value, dz, {}
    parts = [
        ("prior", dprior),
        ("decoder", layers.parameter_gradient(done, gradients, weights)),
        ("likelihood", dlikelihood),
    ]
    return value, dz, {f"{name}.{key}": grad for name, own in parts for key, grad in own.items()}
