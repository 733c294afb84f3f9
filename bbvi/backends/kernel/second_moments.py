r"""Sums *and sums of squares* over datapoints of the theta gradient, at kernel speed.

The theta gradient of one datapoint (or replicate) n is, in a dense layer with inputs h, output
gradients g and sample weights w,

    G_n = sum_s w_sn h_sn g_sn^T,       and wanted are   sum_n G_n   and   sum_n G_n * G_n.

* S = 1: G_n has rank one, so that G_n * G_n = w^2 (h * h)(g * g)^T elementwise, and the sum over
  n is *one more matrix product*, of squares: (w h)^2^T (g^2).  No G_n is ever formed.
* S > 1: the samples of a datapoint meet in cross terms,

      G_n * G_n = sum_s sum_t w_s w_t (h_s * h_t)(g_s * g_t)^T,

  which is again one matrix product, but with S (S + 1) / 2 rows for each datapoint instead of S:
  no product of fewer rows will do, since the squares need every pair.  Beyond `MAX_PAIRED`
  samples it is cheaper to form G_n itself, for a few datapoints at a time.
* If the samples of a datapoint are independent and w = 1/S, pairs can be avoided altogether: the
  variance of the mean of S is that of S = 1 over S.  Weights that depend on the samples
  (multi-sample bounds) and dependent noise (antithetic, quasi-Monte Carlo) need the pairs.

Source: Goodfellow (2015), "Efficient per-example gradient computations", for S = 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bbvi.backends.kernel.blocks import Block, Buffers
from bbvi.backends.kernel.evaluate import check_samples
from bbvi.backends.kernel.layers import Pass
from bbvi.backends.kernel.prepared import (
    PreparedModel,
    check_supports,
    gather,
    observed,
    take_apart,
)
from bbvi.backends.kernel.prepared import supports as kernel_supports
from bbvi.backends.kernel.targets import unchecked_target as kernel_target
from bbvi.nets import ConvNet
from bbvi.threads import run_shares, shares_of, thread_count
from bbvi.types import Array, Evaluation, Model, Target, Theta
from bbvi.validation import check_inputs

MAX_PAIRED = 4
SQUARES_BLOCK_BYTES = 2**20
SQUARES = "squares:"
"""Prefix of the keys that hold sums of squares."""


def supports(model: Any) -> bool:
    """Whether sums of squares are known for this model: one of the kernel's, with dense layers."""
    return kernel_supports(model) and type(getattr(model, "decoder", None)) is not ConvNet


def target(model: Model, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """A target whose theta gradients come with their sums of squares over the datapoints.

    Its ``dtheta`` has two entries for each parameter: ``dtheta[key]`` = sum_n G_n as always, and
    ``dtheta["squares:" + key]`` = sum_n G_n^2 elementwise, G_n = sum_s weights_sn d log p / d
    theta.  With replicates as datapoints these are the first two moments of the gradient.  An
    estimator that passes dtheta on, as all of them do, need not know.

    Parameters
    ----------
    model, theta, x, num_threads
        As for `bbvi.backends.kernel.target`.

    Returns
    -------
    Target

    Raises
    ------
    TypeError, ValueError
        As `bbvi.backends.kernel.target` does.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import MLP, BernoulliLikelihood, DeepLatentModel, StandardNormal
    >>> model = DeepLatentModel(StandardNormal(2), MLP((2, 3, 4)), BernoulliLikelihood())
    >>> rng = np.random.default_rng(0)
    >>> p = target(model, model.init(rng), np.ones((5, 4)))
    >>> _, dtheta = p.value_and_dtheta(rng.standard_normal((1, 5, 2)))
    >>> dtheta["decoder.W0"].shape == dtheta["squares:decoder.W0"].shape
    True
    """
    check_supports(model)
    return unchecked_target(model, theta, check_inputs(model, theta, x), num_threads)


def unchecked_target(model: Any, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """`target` without its checks, for loops that have made them."""
    if not supports(model):
        raise ValueError(
            "the decoder is a ConvNet; expected an MLP: sums of squares are known for dense layers "
            "only. Hold theta (bbvi.targets.hold_theta) where lam's gradient is of interest."
        )
    prepared = take_apart(model, theta, x)
    learned_likelihood = prepared.names is not None or any(
        key.startswith("likelihood.") for key in theta
    )
    values = kernel_target(model, theta, x, num_threads)

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        if not dtheta:
            return values.evaluate(z, dz)
        if weights is None:
            weights = np.full(z.shape[:2], 1 / max(1, len(z)), z.dtype)
        check_samples(prepared, z, weights)
        log_p, z_gradient, both = _evaluate(
            prepared, learned_likelihood, z, weights, thread_count(num_threads)
        )
        return Evaluation(log_p, z_gradient if dz else None, both)

    return values._replace(evaluate=evaluate)


def _evaluate(
    prepared: PreparedModel, learned_likelihood: bool, z: Array, weights: Array, num_threads: int
) -> tuple[Array, Array, Theta]:
    """log p (S, N), dz (S, N, D) and both moments, in blocks of whole datapoints."""
    S, N, _ = z.shape
    log_p, dz = np.empty((S, N), z.dtype), np.empty_like(z)
    size = max(1, SQUARES_BLOCK_BYTES // (S * max(prepared.layers.sizes) * z.itemsize))

    def work(blocks: Sequence[slice]) -> tuple[Theta, Theta]:
        buffers = Buffers(z.dtype)
        sums: Theta = {}
        squares: Theta = {}
        for data in blocks:
            y = observed(prepared, Block(slice(0, S), data), buffers)
            log_p[:, data], dz[:, data] = _add_block(
                prepared,
                learned_likelihood,
                z[:, data],
                weights[:, data],
                y,
                buffers,
                sums,
                squares,
            )
        return sums, squares

    blocks = [slice(start, min(start + size, N)) for start in range(0, N, size)]
    done = run_shares(work, shares_of(blocks, num_threads))
    total = gather(prepared, [sums for sums, _ in done])
    squares = gather(prepared, [squares for _, squares in done])
    return log_p, dz, {**total, **{SQUARES + key: value for key, value in squares.items()}}


def _add_block(
    prepared: PreparedModel,
    learned_likelihood: bool,
    z: Array,
    w: Array,
    y: Array,
    buffers: Buffers,
    sums: Theta,
    squares: Theta,
) -> tuple[Array, Array]:
    """log p and dz of z (S, n, D); the block's share is added to ``sums`` and ``squares``."""
    S, n, D = z.shape
    layers, rows, w_rows = prepared.layers, z.reshape(-1, D).T, w.reshape(-1)
    done = layers.forward(rows, buffers, slopes=True)
    # A likelihood's own parameters come summed over what it is given, so it is given one
    # datapoint at a time (the rows i, i + n, i + 2 n, ...); so is a prior with parameters.
    parts = [slice(i, None, n) for i in range(n)] if learned_likelihood else [slice(None)]
    log_p = np.empty(S * n, z.dtype)
    for part in parts:
        log_p[part], grads = prepared.likelihood.value_and_grads(
            prepared.likelihood_state, y[:, part], done.outputs[:, part], buffers, w_rows[part]
        )
        _add(sums, squares, "likelihood", grads)
    log_prior, dz, grads = prepared.prior.value_and_grads(prepared.prior_state, rows, w_rows)
    for i in range(n) if grads else ():
        part = slice(i, None, n)
        grads = prepared.prior.value_and_grads(prepared.prior_state, rows[:, part], w_rows[part])[2]
        _add(sums, squares, "prior", grads)
    gradients = layers.backward(done, done.outputs, buffers)
    _add_layers(layers, done, gradients, w, sums, squares)
    dz += layers.input_gradient(gradients, buffers)
    return (log_prior + log_p).reshape(S, n), dz.T.reshape(z.shape)


def _add_layers(
    layers: Any, done: Pass, gradients: list[Array], w: Array, sums: Theta, squares: Theta
) -> None:
    """Both moments of each layer's dW and db, for sample weights w (S, n)."""
    S, n = w.shape
    for layer, (inputs, outputs) in enumerate(zip(done.inputs, gradients)):
        scaled = w * layers.constants[layer]
        h, dh = inputs.T.reshape(S, n, -1) * scaled[:, :, None], outputs.T.reshape(S, n, -1)
        db = np.einsum("sn,sno->no", scaled, dh)
        for key, first, second in (
            (f"W{layer}", h.reshape(S * n, -1).T @ outputs.T, sum_of_squares(h, dh)),
            (f"b{layer}", db.sum(axis=0), np.square(db).sum(axis=0)),
        ):
            for into, term in ((sums, first), (squares, second)):
                old = into.get(f"decoder.{key}")
                into[f"decoder.{key}"] = term if old is None else old + term


def sum_of_squares(h: Array, g: Array) -> Array:
    """sum_n G_n * G_n for G_n = sum_s h_sn g_sn^T: h (S, n, I), g (S, n, O) -> (I, O).

    Examples
    --------
    >>> h, g = np.array([[[1.0, 2.0]], [[3.0, 4.0]]]), np.array([[[1.0]], [[-1.0]]])
    >>> sum_of_squares(h, g).tolist()
    [[4.0], [4.0]]
    """
    S, n, width = h.shape
    total = np.zeros((width, g.shape[2]), h.dtype)
    if S <= MAX_PAIRED:
        for s in range(S):
            total += np.square(h[s]).T @ np.square(g[s])
            for t in range(s):
                total += 2 * ((h[s] * h[t]).T @ (g[s] * g[t]))
        return total
    size = max(1, SQUARES_BLOCK_BYTES // (total.size * total.itemsize))
    columns, rows = h.transpose(1, 2, 0), g.transpose(1, 0, 2)
    for start in range(0, n, size):
        G = columns[start : start + size] @ rows[start : start + size]
        total += np.einsum("nio,nio->io", G, G)
    return total


def _add(sums: Any, squares: Any, name: str, grads: Theta) -> None:
    """Add one datapoint's gradients and their squares under ``name.``."""
    for key, grad in grads.items():
        for into, term in ((sums, grad), (squares, grad**2)):
            old = into.get(f"{name}.{key}")
            into[f"{name}.{key}"] = np.asarray(term if old is None else old + term)
