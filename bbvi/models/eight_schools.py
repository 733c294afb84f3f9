"""Eight schools, the first example of every such package, with its exact moments."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.posterior import Posterior
from bbvi.models.transforms import positive, real, stack
from bbvi.types import Array

Data = Mapping[str, Any]

EIGHT_SCHOOLS: Data = {
    "J": 8,
    "y": (28, 8, -3, 7, -1, 1, 18, 12),
    "sigma": (15, 10, 16, 11, 9, 11, 10, 18),
}
"""Effects of coaching on a test's score, and their standard errors (Rubin 1981)."""


def log_normal(x: Array, scale: float | Array) -> Array:
    """log N(x; 0, scale^2), elementwise."""
    w = x / scale
    return -0.5 * w * w - (anp.log(scale) + 0.5 * LOG_2PI)


def log_cauchy(x: Array, scale: float) -> Array:
    """log Cauchy(x; 0, scale), elementwise; over x > 0 it is half a density."""
    return -anp.log1p((x / scale) ** 2) - np.log(np.pi * scale)


def _columns(data: Data) -> tuple[Array, Array]:
    return np.asarray(data["y"], float), np.asarray(data["sigma"], float)


def eight_schools(data: Data = EIGHT_SCHOOLS) -> Posterior:
    """y_j ~ N(mu + tau t_j, sigma_j^2), t_j ~ N(0, 1), mu ~ N(0, 5^2), tau ~ half-Cauchy(5).

    Not centred: t_j is independent of tau under the prior.  The half-Cauchy is doubled, so that
    the evidence is that of a proper prior.  Reported are the effects theta_j = mu + tau t_j.

    Notes
    -----
    Rubin (1981); Gelman et al., Bayesian Data Analysis, section 5.5.
    """
    y, sigma = _columns(data)
    J = len(y)
    parameters = stack(theta_trans=real(J), mu=real(), tau=positive())

    def effects(u: Array) -> Array:
        return u[..., J : J + 1] + u[..., J + 1 :] * u[..., :J]

    def log_density(u: Array) -> Array:
        mu, tau = u[..., J], u[..., J + 1]
        log_prior = anp.sum(log_normal(u[..., :J], 1.0), axis=-1) + log_normal(mu, 5.0)
        log_prior = log_prior + log_cauchy(tau, 5.0) + np.log(2)
        return log_prior + anp.sum(log_normal(y - effects(u), sigma), axis=-1)

    return Posterior(
        log_density,
        transform=parameters,
        report=lambda u: anp.concatenate([effects(u), u[..., J:]], axis=-1),
        names=(*(f"theta[{j + 1}]" for j in range(J)), "mu", "tau"),
    )


class ExactMoments(NamedTuple):
    """log p(y), and mean and standard deviation of each number that a posterior reports."""

    log_evidence: float
    mean: Array
    sd: Array


def eight_schools_exact(data: Data = EIGHT_SCHOOLS, num_nodes: int = 4001) -> ExactMoments:
    """What `eight_schools` has to give: mu and the effects integrated by hand, tau by quadrature.

    At fixed tau all is Gaussian: y_j ~ N(mu, v_j) with v_j = sigma_j^2 + tau^2, so that mu | y has
    precision P = 1/25 + sum_j 1/v_j and mean m = sum_j (y_j / v_j) / P, and theta_j | mu, y has
    mean w_j y_j + (1 - w_j) mu and variance w_j sigma_j^2, w_j = tau^2 / v_j.  What is left is a
    sum over log tau, whose ends do not matter.
    """
    y, sigma = _columns(data)
    log_tau = np.linspace(-20.0, 20.0, num_nodes)
    tau = np.exp(log_tau)[:, None]
    v = sigma**2 + tau**2
    precision = 1 / 25 + (1 / v).sum(axis=-1, keepdims=True)
    m = (y / v).sum(axis=-1, keepdims=True) / precision
    log_p = -0.5 * (LOG_2PI + np.log(v) + y**2 / v).sum(axis=-1)
    log_p += 0.5 * (precision * m**2 - np.log(25 * precision))[:, 0]
    log_p += log_cauchy(tau[:, 0], 5.0) + np.log(2) + log_tau + np.log(log_tau[1] - log_tau[0])
    weights = np.exp(log_p - log_p.max())
    log_evidence = float(log_p.max() + np.log(weights.sum()))
    weights /= weights.sum()
    w = tau**2 / v
    means = np.concatenate([w * y + (1 - w) * m, m, tau], axis=-1)
    variances = [w * sigma**2 + (1 - w) ** 2 / precision, 1 / precision, np.zeros_like(tau)]
    mean = weights @ means
    variance = weights @ (np.concatenate(variances, axis=-1) + (means - mean) ** 2)
    return ExactMoments(log_evidence, mean, np.sqrt(variance))
