"""Model -> Target by the kernel (floor 3)."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Block, Buffers, split_rows
from bbvi.backends.kernel.layers import Layers
from bbvi.backends.kernel.likelihoods import LIKELIHOODS, LikelihoodKernel, learned_scale
from bbvi.backends.kernel.priors import PRIORS, STANDARD_NORMAL, PriorKernel
from bbvi.backends.kernel.threads import deal, run_hands, thread_count
from bbvi.models import DeepLatentModel, LinearGaussian
from bbvi.nets import MLP, part
from bbvi.types import Array, Model, Target, Theta
from bbvi.validation import as_float_array, same_dtype


class Pieces(NamedTuple):
    """A model at fixed theta and x, taken apart: what the work on a block needs."""

    prior: PriorKernel
    prior_state: Any
    layers: Layers
    likelihood: LikelihoodKernel
    likelihood_state: Any
    observed: Array
    names: dict[str, str] | None


def supports(model: Any) -> bool:
    """Whether the kernel knows this model, its prior and its likelihood."""
    if type(model) is LinearGaussian:
        return True
    return (
        type(model) is DeepLatentModel
        and type(model.prior) in PRIORS
        and type(model.decoder) is MLP
        and type(model.likelihood) in LIKELIHOODS
    )


def check_supports(model: Any) -> None:
    """Raise ValueError, naming what the kernel supports, unless it supports the model."""
    if not supports(model):
        raise ValueError(_unknown(model))


def target(model: Model, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """log p_theta(x, .) of a model the kernel knows, with gradients in z and theta.

    Parameters
    ----------
    model : DeepLatentModel or LinearGaussian
        See `supports`.
    theta : dict
        Parameters, all of x's dtype.
    x : ndarray (N, Dx)
        Data, float32 or float64.
    num_threads : int, optional
        Python threads to share the blocks; by default as many as BLAS may use
        (``threadpoolctl.threadpool_limits`` and ``OPENBLAS_NUM_THREADS`` are followed).

    Returns
    -------
    Target

    Raises
    ------
    TypeError
        If x is not floating point, or its dtype is not theta's.
    ValueError
        If the kernel does not know the model, or x is empty, not finite or not possible under it.
    """
    check_supports(model)
    x = as_float_array("x", x, ndim=2)
    same_dtype(x=x, theta=theta)
    model.check_data(x)  # type: ignore[attr-defined]
    thread_count(num_threads)
    return bind(model, theta, x, num_threads)


def bind(model: Any, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """`target` without its checks, for loops that have made them."""
    pieces = take_apart(model, theta, x)

    def value(z: Array) -> Array:
        return _evaluate(pieces, z, None, False, num_threads)[0]

    def value_and_dz(z: Array) -> tuple[Array, Array]:
        return _evaluate(pieces, z, None, True, num_threads)[:2]

    def value_and_grads(z: Array, weights: Array | None = None) -> tuple[Array, Array, Theta]:
        if weights is None:
            weights = np.full(z.shape[:2], 1 / len(z), z.dtype)
        return _evaluate(pieces, z, weights, True, num_threads)

    def value_and_dtheta(z: Array, weights: Array | None = None) -> tuple[Array, Theta]:
        log_p, _, dtheta = value_and_grads(z, weights)
        return log_p, dtheta

    return Target(
        value,
        value_and_dz,
        value_and_dtheta,
        value_and_grads,
        num_data=len(x),
        latent_dim=model.latent_dim,
        dtype=x.dtype,
        standard_normal_prior=model.standard_normal_prior,
    )


def take_apart(model: Any, theta: Theta, x: Array) -> Pieces:
    """The model at this theta and x, as the work on a block needs it."""
    return _linear_pieces(theta, x) if type(model) is LinearGaussian else _pieces(model, theta, x)


def _pieces(model: DeepLatentModel, theta: Theta, x: Array) -> Pieces:
    prior, likelihood = PRIORS[type(model.prior)], LIKELIHOODS[type(model.likelihood)]
    own = part(theta, "likelihood")
    scale = likelihood.output_scale(model.likelihood, own)
    observed, state = likelihood.prepare(model.likelihood, own, x)
    return Pieces(
        prior,
        prior.prepare(model.prior, part(theta, "prior")),
        Layers(model.decoder, part(theta, "decoder"), scale),
        likelihood,
        state,
        observed,
        None,
    )


def _linear_pieces(theta: Theta, x: Array) -> Pieces:
    """LinearGaussian as a decoder without hidden layers and a Gaussian with a learned scale."""
    likelihood = learned_scale("log_sigma")
    observed, state = likelihood.prepare(None, theta, x)
    decoder = {"W0": theta["W"].T, "b0": theta["b"]}
    layers = Layers(MLP(theta["W"].shape[::-1]), decoder, likelihood.output_scale(None, theta))
    names = {"decoder.W0": "W", "decoder.b0": "b", "likelihood.log_sigma": "log_sigma"}
    return Pieces(STANDARD_NORMAL, None, layers, likelihood, state, observed, names)


def _evaluate(
    pieces: Pieces, z: Array, weights: Array | None, want_dz: bool, num_threads: int | None
) -> tuple[Array, Any, Any]:
    """log p (S, N), dz (S, N, D) and dtheta: each None unless asked for."""
    S, N = z.shape[:2]
    z = np.ascontiguousarray(z)
    log_p = np.empty((S, N), z.dtype)
    dz = np.empty_like(z) if want_dz else None

    def work(blocks: Any) -> Theta:
        buffers, dtheta = Buffers(z.dtype), {}
        for block in blocks:
            if dz is None:
                log_p[block] = _value(pieces, block, z[block], buffers)
                continue
            w = None if weights is None else weights[block]
            log_p[block], dz[block] = _grads(pieces, block, z[block], w, buffers, dtheta)
        return dtheta

    row_bytes = max(pieces.layers.sizes) * z.itemsize
    hands = deal(split_rows(S, N, row_bytes), thread_count(num_threads))
    partial = run_hands(work, hands)
    return log_p, dz, None if weights is None else gather(pieces, partial)


def _value(pieces: Pieces, block: Block, z: Array, buffers: Buffers) -> Array:
    """log p(z) + log p(x | z) on one block."""
    rows = z.reshape(-1, z.shape[-1])
    u = pieces.layers.forward(rows, buffers, slopes=False).reshape(*z.shape[:2], -1)
    observed = pieces.observed[block.data]
    return pieces.prior.value(pieces.prior_state, z) + pieces.likelihood.value(
        pieces.likelihood_state, observed, u, buffers
    )


def _grads(
    pieces: Pieces, block: Block, z: Array, weights: Array | None, buffers: Buffers, dtheta: Theta
) -> tuple[Array, Array]:
    """log p and dz on one block; its share of the theta gradient is added to ``dtheta``."""
    layers, rows = pieces.layers, z.reshape(-1, z.shape[-1])
    u = layers.forward(rows, buffers, slopes=True)
    log_lik, own = pieces.likelihood.value_and_grads(
        pieces.likelihood_state,
        pieces.observed[block.data],
        u.reshape(*z.shape[:2], -1),
        buffers,
        weights,
    )
    log_prior, dz, dprior = pieces.prior.value_and_grads(pieces.prior_state, z, weights)
    g = layers.backward_rows(u, buffers)
    if weights is not None:
        if "decoder" not in dtheta:
            dtheta["decoder"] = layers.zeros()
        layers.add_gradient(dtheta["decoder"], rows, g, u, weights.reshape(-1), buffers)
        for name, grads in (("prior", dprior), ("likelihood", own)):
            for key, grad in grads.items():
                old = dtheta.get(f"{name}.{key}")
                dtheta[f"{name}.{key}"] = grad if old is None else old + grad
    return log_prior + log_lik, dz + g[0].reshape(z.shape)


def gather(pieces: Pieces, partial: list[Any]) -> Theta:
    """Add up the threads' theta gradients, in their order, under the model's names."""
    total: Theta = {}
    for dtheta in partial:
        decoder = {f"decoder.{key}": grad for key, grad in dtheta.pop("decoder").items()}
        for key, grad in {**decoder, **dtheta}.items():
            total[key] = total[key] + grad if key in total else grad
    if pieces.names is not None:
        total = {pieces.names[key]: grad for key, grad in total.items()}
        total["W"] = total["W"].T
    return total


def _unknown(model: Any) -> str:
    known = (
        f"a DeepLatentModel with a prior among {', '.join(t.__name__ for t in PRIORS)}, an MLP "
        f"decoder and a likelihood among {', '.join(t.__name__ for t in LIKELIHOODS)}; "
        "or LinearGaussian"
    )
    name = type(model).__name__
    if type(model) is DeepLatentModel:
        name += f"({type(model.prior).__name__}, ..., {type(model.likelihood).__name__})"
    return (
        f"model is {name}, which the kernel does not know; it supports {known}. "
        "Use bbvi.backends.autodiff.target for any other model."
    )
