"""The amortization gap: f_phi(x) beside the best q of the same x, and the true posterior."""

import time
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bbvi import (
    MLP,
    DeepLatentModel,
    DiagonalGaussian,
    GaussianLikelihood,
    StandardNormal,
    backends,
    fit_amortized,
    fixed_budget,
)
from bbvi.evaluation import log_evidence_quadrature
from bbvi.evaluation.exact_sums import gauss_hermite
from bbvi.evaluation.quadrature import grid
from bbvi.inference import natural_gradient
from bbvi.inference.inner_loop import step_1
from bbvi.inference.verdict import by_course
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array, Theta

MODEL = DeepLatentModel(StandardNormal(2), MLP((2, 16, 2)), GaussianLikelihood(0.3))
FAMILY = DiagonalGaussian(2)
ENCODER = MLP((2, 8, 4))
STEPS, ROWS = 800, 400
WIDTH, NODES = 3.5, 71
QUADRATURE = 1e-4
"""Tolerance in nats: what is left is below 1e-6, and three digits are shown."""
SOLVER = natural_gradient(num_samples=256, num_starts=2)
"""Ends as near the best q as the default with its five starts of 16 samples, in half the time."""


class Learned(NamedTuple):
    """theta and phi with the data that they come from."""

    theta: Theta
    phi: Theta
    x: Array
    seconds: float


def arc(rng: np.random.Generator, num: int) -> Array:
    """Points (num, 2) on three quarters of a ring of radius 1.5, with noise."""
    angle = rng.uniform(-0.25 * np.pi, 1.25 * np.pi, num)
    ring = 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return ring + 0.15 * rng.standard_normal((num, 2))


@cache
def learned(seed: int) -> Learned:
    """A VAE of the arc."""
    rng = np.random.default_rng(seed)
    x, begun = arc(rng, ROWS), time.perf_counter()
    with fixed_budget():
        fit = fit_amortized(
            MODEL,
            FAMILY,
            x,
            rng,
            encoder=ENCODER,
            num_steps=STEPS,
            optimizer=adam(cosine_decay(0.02, STEPS)),
            progress=False,
        )
    assert fit.phi is not None
    return Learned(fit.theta, fit.phi, x, time.perf_counter() - begun)


def learn(seed: int = 0) -> dict[str, Any]:
    """Learn, and tell what the picture needs of it: the data and the seconds."""
    found = learned(seed)
    return {"x": found.x.tolist(), "seconds": found.seconds, "steps": STEPS}


def amortization(x: list[float], seed: int = 0) -> dict[str, Any]:
    """q = f_phi(x), the best q, and log p(x), whose differences are the two gaps.

    log p(x) - ELBO(f_phi(x)) = [log p(x) - ELBO*] + [ELBO* - ELBO(f_phi(x))]

    Returns
    -------
    dict
        ``encoded`` and ``optimum``: ``mean``, ``sigma`` and ``elbo`` (nats); ``log_evidence``,
        ``approximation_gap``, ``amortization_gap``; ``log_posterior`` on the grid of the z plane,
        z1 along rows.
    """
    theta, phi, *_ = learned(seed)
    row = np.array([x], dtype=float)
    target = backends.target(MODEL, theta, row)
    log_evidence = float(log_evidence_quadrature(MODEL, theta, row, tolerance=QUADRATURE).value[0])
    encoded, _ = backends.encode(ENCODER, phi, row, "auto")
    rng = np.random.default_rng(seed)
    fit = step_1(MODEL, FAMILY, theta, row, rng, lam=encoded, solver=SOLVER, judge=by_course)
    shown = {"encoded": _told(target, encoded), "optimum": _told(target, fit.lam)}
    corner = np.full((1, 2), WIDTH)
    log_p = target.value(grid(-corner, corner, NODES))[:, 0]
    best = shown["optimum"]["elbo"]
    return {
        **shown,
        "log_evidence": log_evidence,
        "approximation_gap": log_evidence - best,
        "amortization_gap": best - shown["encoded"]["elbo"],
        "converged": bool(np.all(fit.verdict.converged)),
        "width": WIDTH,
        "nodes": NODES,
        "log_posterior": np.round(log_p - log_evidence, 3).tolist(),
    }


def _told(target: Any, lam: Array) -> dict[str, Any]:
    elbo = gauss_hermite(FAMILY, target, lam, num_nodes=40).elbo
    return {
        "mean": lam[0, :2].tolist(),
        "sigma": np.exp(lam[0, 2:]).tolist(),
        "elbo": float(elbo[0]),
    }
