"""The passes over blocks: log p(x, z), and its derivatives in z and theta."""

from collections.abc import Sequence

import numpy as np

from bbvi.backends.kernel.blocks import Block, Buffers, split_rows, thread_buffers
from bbvi.backends.kernel.conv_layers import ConvLayers
from bbvi.backends.kernel.layers import Layers, Pass
from bbvi.backends.kernel.prepared import PreparedModel, add, gather, with_data
from bbvi.nets import join
from bbvi.threads import run_shares, shares_of, thread_count
from bbvi.types import Array, Evaluation, Theta

FEW_BYTES = 700_000
"""Of work in a thread's share, below which one thread does it all: some 100 microseconds."""
PRODUCTS_PER_PASS = 32
"""Multiplications in a matrix product that take the time of one number in all passes over it."""
MANY_ROWS = 2
"""Rows for each unit of the last hidden layer from which stacking the biases pays."""


def evaluate(
    prepared: PreparedModel,
    num_threads: int | None,
    z: Array,
    dz: bool = False,
    dtheta: bool = False,
    weights: Array | None = None,
) -> Evaluation:
    """log p (S, N) of z (S, N, D), and what is asked for of its gradients: `Target.evaluate`.

    BLAS's threads are never used: they wait for each other in a busy loop, so that with one
    other process at work on the machine a product can take ten times as long.
    """
    if not dtheta:
        weights = None
    elif weights is None:
        weights = np.full(z.shape[:2], 1 / max(1, len(z)), z.dtype)
    check_samples(prepared, z, weights)
    log_p = np.empty(z.shape[:2], z.dtype)
    slopes = np.empty_like(z) if dz else None
    stacked = _stack_for(prepared, z)

    def work(blocks: Sequence[Block]) -> Theta:
        buffers = thread_buffers(z.dtype)
        parts: dict[str, Theta] = {"prior": {}, "decoder": {}, "likelihood": {}}
        for block, y in with_data(prepared, blocks, buffers):
            rows = features_first(z, block, buffers)
            if slopes is None and weights is None:
                value = _one_value(prepared, y, rows, stacked, buffers)
            else:
                w = None if weights is None else weights[block].reshape(-1)
                value, drows = _one_block(prepared, y, rows, w, dz, stacked, buffers, parts)
                if slopes is not None:
                    slopes[block] = drows.reshape(-1, *log_p[block].shape).transpose(1, 2, 0)
            log_p[block] = value.reshape(log_p[block].shape)
        return {} if weights is None else join(**parts)

    done = run_shares(work, _shares(prepared, z, num_threads))
    return Evaluation(log_p, slopes, None if weights is None else gather(prepared, done))


def _shares(prepared: PreparedModel, z: Array, num_threads: int | None) -> list[Sequence[Block]]:
    """The blocks of z, a share for each thread; one share where the work is small."""
    S, N, _ = z.shape
    layers = prepared.layers
    threads = worthwhile_threads(layers, S * N * z.itemsize, thread_count(num_threads))
    row_bytes = layers.width * z.itemsize * prepared.likelihood.tape
    return shares_of(split_rows(S, N, row_bytes, threads), threads)


def _one_value(
    prepared: PreparedModel, y: Array, rows: Array, stacked: list[Array] | None, buffers: Buffers
) -> Array:
    """log p (R,) of a block."""
    u = _forward(prepared, rows, stacked, buffers, slopes=False).outputs
    value = prepared.prior.value(prepared.prior_state, rows[:-1])
    value += prepared.likelihood.value(prepared.likelihood_state, y, u, buffers)
    return value


def _one_block(
    prepared: PreparedModel,
    y: Array,
    rows: Array,
    weights: Array | None,
    dz: bool,
    stacked: list[Array] | None,
    buffers: Buffers,
    dtheta: dict[str, Theta],
) -> tuple[Array, Array]:
    """log p (R,) and, with ``dz``, its slope (D, R); ``dtheta`` gets the block's share."""
    layers, z = prepared.layers, rows[:-1]
    done = _forward(prepared, rows, stacked, buffers, slopes=True)
    value, dlikelihood = prepared.likelihood.value_and_grads(
        prepared.likelihood_state, y, done.outputs, buffers, weights
    )
    log_prior, slope, dprior = prepared.prior.value_and_grads(prepared.prior_state, z, weights)
    gradients = layers.backward(done, done.outputs, buffers)
    if dz:
        slope += layers.input_gradient(gradients, buffers)
    value += log_prior
    if weights is not None:
        layers.add_gradient(dtheta["decoder"], done, gradients, weights, buffers)
        add(dtheta["prior"], dprior)
        add(dtheta["likelihood"], dlikelihood)
    return value, slope


def _forward(
    prepared: PreparedModel,
    rows: Array,
    stacked: list[Array] | None,
    buffers: Buffers,
    slopes: bool,
) -> Pass:
    z = rows[:-1] if stacked is None else rows
    return prepared.layers.forward(z, buffers, slopes, stacked)


def _stack_for(prepared: PreparedModel, z: Array) -> list[Array] | None:
    layers = prepared.layers
    return layers.stack() if z.shape[0] * z.shape[1] >= MANY_ROWS * layers.sizes[-2] else None


def check_samples(prepared: PreparedModel, z: Array, weights: Array | None) -> None:
    """Raise ValueError unless z (S, N, D) and weights (S, N) fit the target's data."""
    N, D, dtype = len(prepared.x), prepared.layers.sizes[0], prepared.x.dtype
    if z.ndim != 3 or z.shape[1:] != (N, D) or len(z) == 0 or z.dtype != dtype:
        raise ValueError(
            f"z is {z.dtype} {z.shape}; expected {dtype} (S, N, D) = (S, {N}, {D}) with S >= 1, as "
            "from family.transform(lam, eps) at this x."
        )
    if weights is not None and weights.shape != z.shape[:2]:
        raise ValueError(
            f"weights has shape {weights.shape}; expected (S, N) = {z.shape[:2]}, one for each "
            "sample of z. Use None for 1 / S each."
        )


def worthwhile_threads(layers: Layers | ConvLayers, feature_bytes: int, threads: int) -> int:
    """One, or all threads, for these layers on rows whose features take so much each."""
    work = feature_bytes * (layers.width + layers.products / PRODUCTS_PER_PASS)
    return 1 if work < FEW_BYTES * threads else threads


def features_first(z: Array, block: Block, buffers: Buffers) -> Array:
    """The block's rows of z, and a row of ones below: (D + 1, R)."""
    rows = z[block]
    s, n, D = rows.shape
    out = buffers("z", D + 1, s * n)
    out[:-1].reshape(D, s, n)[...] = rows.transpose(2, 0, 1)
    out[-1] = 1
    return out
