"""Step 1 on a posterior in the plane: one q, its gradients by S samples, and where a step leads."""

from functools import cache
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np

from bbvi import DiagonalGaussian, Posterior, backends
from bbvi.estimators import ESTIMATORS
from bbvi.evaluation.exact_sums import gauss_hermite
from bbvi.evaluation.quadrature import grid, log_evidence_quadrature
from bbvi.lectures.step_1_watched import kl_to_posterior
from bbvi.types import Array, Target

FAMILY = DiagonalGaussian(2)
WIDTH = 4.0
"""The picture shows [-WIDTH, WIDTH]^2."""
NODES = 81
FARTHEST, LEAST_LOG_SIGMA, LARGEST_LOG_SIGMA = 12.0, -4.0, 2.5


def correlated(z: Array) -> Array:
    """A Gaussian with correlation 0.8."""
    a, b = z[..., 0] - 0.5, z[..., 1]
    return -0.5 * (a**2 - 1.6 * a * b + b**2) / 0.36


def banana(z: Array) -> Array:
    """A bent ridge: z1 ~ N(0, 1.2^2), z2 | z1 ~ N(0.7 z1^2 - 1, 0.5^2)."""
    a, b = z[..., 0], z[..., 1] - 0.7 * z[..., 0] ** 2 + 1
    return -0.5 * (a / 1.2) ** 2 - 0.5 * (b / 0.5) ** 2


def two_modes(z: Array) -> Array:
    """Two Gaussians of unequal weight."""
    first = anp.log(0.65) - 0.5 * ((z[..., 0] + 1.5) ** 2 + (z[..., 1] + 0.5) ** 2) / 0.36
    second = anp.log(0.35) - 0.5 * ((z[..., 0] - 1.5) ** 2 + (z[..., 1] - 1) ** 2) / 0.36
    return anp.logaddexp(first, second)


DENSITIES = {"correlated": correlated, "banana": banana, "two modes": two_modes}
SHOWN = ("score-function", "reparameterized")
"""The two whose single-sample gradients are drawn side by side."""


class Scene(NamedTuple):
    """A posterior with its log evidence."""

    posterior: Posterior
    log_evidence: Array


@cache
def scene(name: str) -> Scene:
    """The posterior of that name; its log evidence by quadrature."""
    posterior = Posterior(DENSITIES[name], 2)
    return Scene(posterior, log_evidence_quadrature(posterior, {}, posterior.x).value)


def target_of(name: str, rows: int = 1) -> Target:
    """log p as a target of so many equal rows."""
    posterior = scene(name).posterior
    return backends.target(posterior, {}, np.repeat(posterior.x, rows, axis=0))


def plane(posterior: str) -> dict[str, Any]:
    """log p(z | x) on a grid of the plane, z1 along rows: what the picture shades."""
    corner = np.full((1, 2), WIDTH)
    log_p = target_of(posterior).value(grid(-corner, corner, NODES))
    log_posterior = log_p[:, 0] - scene(posterior).log_evidence
    return {"width": WIDTH, "nodes": NODES, "log_posterior": log_posterior.tolist()}


def step_1(
    posterior: str,
    mean: list[float],
    log_sigma: list[float],
    estimator: str,
    num_samples: int,
    rate: float,
    seed: int,
) -> dict[str, Any]:
    """ELBO, KL and gradients at one q, and the q that one step of gradient ascent makes of it.

    lam <- lam + rate * gradient, with the S samples of ``seed``, which all estimators share.

    Returns
    -------
    dict
        ``elbo``, ``kl``, ``log_evidence``: nats.  ``samples``: z (S, 2).  ``single``: for each of
        `SHOWN` the gradients (S, 4) by each sample alone, ``together`` their means.  ``exact``: the
        gradient by Gauss-Hermite sums.  ``gradient``: that of the chosen estimator.  ``mean`` and
        ``log_sigma``: after the step; ``why``: why none was taken, else "".
    """
    lam = np.array([[*mean, *log_sigma]], dtype=float)
    target, log_evidence = target_of(posterior), scene(posterior).log_evidence
    eps = FAMILY.noise(np.random.default_rng(seed), num_samples, 1)
    exact = gauss_hermite(FAMILY, target, lam, num_nodes=50)
    single = singly(posterior, lam, eps)
    gradient = ESTIMATORS[estimator].elbo(FAMILY, target, lam, eps).grad
    after = lam + rate * gradient
    why = _why_not(after)
    if why:
        after = lam
    return {
        "elbo": float(exact.elbo[0]),
        "kl": float(kl_to_posterior(FAMILY, target, lam, log_evidence)[0]),
        "log_evidence": float(log_evidence[0]),
        "samples": FAMILY.transform(lam, eps)[:, 0].tolist(),
        "single": {name: rows.tolist() for name, rows in single.items()},
        "together": {name: rows.mean(axis=0).tolist() for name, rows in single.items()},
        "exact": exact.grad[0].tolist(),
        "gradient": gradient[0].tolist(),
        "mean": after[0, :2].tolist(),
        "log_sigma": after[0, 2:].tolist(),
        "why": why,
    }


def singly(posterior: str, lam: Array, eps: Array) -> dict[str, Array]:
    """Gradients (S, P) by each sample of eps (S, 1, D) alone: S rows of one sample each."""
    rows = len(eps)
    target, tiled = target_of(posterior, rows), np.repeat(lam, rows, axis=0)
    one_each = eps.swapaxes(0, 1)
    return {name: ESTIMATORS[name].elbo(FAMILY, target, tiled, one_each).grad for name in SHOWN}


def _why_not(lam: Array) -> str:
    """Why q should not go to lam, else ""."""
    mean, log_sigma = lam[0, :2], lam[0, 2:]
    if not np.abs(mean).max() <= FARTHEST:
        return (
            f"The step would throw the mean to ({mean[0]:.3g}, {mean[1]:.3g}), off the picture. "
            "Choose a smaller step size or more samples."
        )
    if not (log_sigma.min() >= LEAST_LOG_SIGMA and log_sigma.max() <= LARGEST_LOG_SIGMA):
        sigma = ", ".join(f"{s:.3g}" for s in np.exp(np.clip(log_sigma, -50, 50)))
        return f"The step would make sigma ({sigma}). Choose a smaller step size or more samples."
    return ""
