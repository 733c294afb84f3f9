"""Exact answers of a deep latent model whose decoder is linear and whose noise is c I.

With z ~ sum_k w_k N(m_k, C_k) and x | z ~ N(W z + b, c I), every marginal and posterior is a
finite mixture of Gaussians (K = 1 for the standard normal prior).  Nothing is approximated, so
a fit of such a model can be held against the truth.  Both functions raise TypeError or ValueError
if x is not a finite float array (N, Dx), or the model is not linear-Gaussian.
"""

from typing import NamedTuple

import numpy as np

from bbvi.models.deep_latent import DeepLatentModel
from bbvi.models.likelihoods import GaussianLikelihood
from bbvi.models.normal import log_normal
from bbvi.models.priors import MixtureOfGaussians, StandardNormal
from bbvi.nets import part
from bbvi.types import Array, Theta
from bbvi.validation import check_inputs


class MixturePosterior(NamedTuple):
    """p(z | x_n) = sum_k w_nk N(m_nk, C_k): (N, K), (N, K, D) and (K, D, D)."""

    weights: Array
    means: Array
    covariances: Array


def log_evidence(model: DeepLatentModel, theta: Theta, x: Array) -> Array:
    """log p(x) = log sum_k w_k N(x; W m_k + b, W C_k W^T + c I): (N,), nats, exact.

    Notes
    -----
    Bishop (2006), equation 2.115, one component at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import MLP, DeepLatentModel, GaussianLikelihood, MixtureOfGaussians
    >>> prior = MixtureOfGaussians(latent_dim=1, num_components=2)
    >>> model = DeepLatentModel(prior, MLP((1, 2)), GaussianLikelihood(0.5))
    >>> theta = model.init(np.random.default_rng(0))
    >>> log_evidence(model, theta, np.zeros((3, 2))).shape
    (3,)
    """
    return np.logaddexp.reduce(_log_joint_components(model, theta, x), axis=1)


def posterior(model: DeepLatentModel, theta: Theta, x: Array) -> MixturePosterior:
    """p(z | x), a mixture with the prior's number of components, exact.

    C'_k = (C_k^-1 + W^T W / c)^-1;  m'_nk = C'_k (C_k^-1 m_k + W^T (x_n - b) / c);
    w'_nk is proportional to w_k N(x_n; W m_k + b, W C_k W^T + c I).
    """
    log_joint = _log_joint_components(model, theta, x)
    _, m, C = _prior_moments(model, theta)
    W, b, c = _decoder(model, theta)
    precision = np.linalg.inv(C)
    covariances = np.linalg.inv(precision + W.T @ W / c)
    pulls = np.einsum("kij,kj->ki", precision, m)[None] + ((x - b) @ W / c)[:, None]
    weights = np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1)[:, None])
    return MixturePosterior(weights, np.einsum("kij,nkj->nki", covariances, pulls), covariances)


def _log_joint_components(model: DeepLatentModel, theta: Theta, x: Array) -> Array:
    """log w_k N(x_n; W m_k + b, W C_k W^T + c I): (N, K)."""
    x = check_inputs(model, theta, x)
    W, b, c = _decoder(model, theta)
    noise = c * np.eye(len(b), dtype=W.dtype)
    return np.stack(
        [
            np.log(w) + log_normal(x, W @ m + b, W @ C @ W.T + noise)
            for w, m, C in zip(*_prior_moments(model, theta))
        ],
        axis=1,
    )


def _decoder(model: DeepLatentModel, theta: Theta) -> tuple[Array, Array, float]:
    """W (Dx, D), b (Dx,) and the noise variance c."""
    if model.decoder.num_layers != 1 or not isinstance(model.likelihood, GaussianLikelihood):
        raise ValueError(
            f"model has a decoder of {model.decoder.num_layers} layers and a "
            f"{type(model.likelihood).__name__}; its evidence is known exactly only for one linear "
            "layer, MLP((D, Dx)), and GaussianLikelihood(scale). Otherwise use importance sampling."
        )
    params = part(theta, "decoder")
    return params["W0"].T, params["b0"], model.likelihood.scale**2


def _prior_moments(model: DeepLatentModel, theta: Theta) -> tuple[Array, Array, Array]:
    """Weights (K,), means (K, D) and covariances (K, D, D) of the prior."""
    if isinstance(model.prior, MixtureOfGaussians):
        return model.prior.moments(part(theta, "prior"))
    if isinstance(model.prior, StandardNormal):
        D = model.latent_dim
        return np.ones(1), np.zeros((1, D)), np.eye(D)[None]
    raise ValueError(
        f"model has the prior {type(model.prior).__name__}; exact answers are known for "
        "StandardNormal and MixtureOfGaussians."
    )
