"""Trajectories of plain expectations E_q[f]: the textbook's integrands, and a user's own.

The textbook integrands have no optimum in log sigma; there the trajectory is the gradient flow of
E_q[f], run for a fixed time.
"""

from functools import partial
from typing import Any

import numpy as np

from bbvi.evaluation.exact import cosine_expectation, quadratic_expectation
from bbvi.experiments.points import POINTS, Points, Trajectory
from bbvi.experiments.user_integrand import (
    Integrand,
    climb,
    exact_expectation,
    family_of,
    points_for,
    rows_of,
)
from bbvi.families import DiagonalGaussian
from bbvi.models.integrands import cosine, quadratic
from bbvi.types import Array, Estimate, Target

FLOW_STEPS, FLOW_STEP = 300, 0.01

INTEGRANDS = {
    "quadratic": "E_q[sum (z - k)^2], a textbook integrand",
    "cosine": "E_q[sum cos(k z)], a textbook integrand",
}
"""What has no model: the names, with one line each."""

DIMENSIONS = {"quadratic": (1, 8, 64), "cosine": (1,)}


def of_user_integrand(
    integrand: Integrand,
    dimension: int | None,
    rng: np.random.Generator,
    lam: Points,
    learned: bool,
) -> Trajectory:
    """E_q[f] of a user's f, going up by Adam, if ``learned``; else where it starts."""
    family = family_of(integrand, dimension)
    rows = rows_of(integrand, family)
    points = climb(family, rows(1), rng) if learned else {"start": family.init(1)}
    points |= points_for(family, lam)
    exact: dict[str, Estimate] = {}
    for name, row in points.items() if learned else ():
        known = exact_expectation(family, rows(1), row)
        exact |= {} if known is None else {name: known}
    return Trajectory(family, rows, None, points, exact, True, None)


def of_quadratic(dimension: int, k: float, lam: Points) -> Trajectory:
    """E_q[sum (z - k)^2] going down its gradient: mu - k = 4 exp(-2 t), 1/sigma^2 = 1 + 4 t."""
    family = DiagonalGaussian(dimension)
    flow = [(k + 4 * np.exp(-2 * t), -0.5 * np.log1p(4 * t)) for t in (0.0, 0.5, 2.0)]
    points = {name: np.repeat([row], dimension, axis=1) for name, row in zip(POINTS, flow)}
    points |= points_for(family, lam)
    return _integrand(quadratic, quadratic_expectation, k, family, points)


def of_cosine(dimension: int, k: float, more: Points) -> Trajectory:
    """E_q[sum cos(k z)] going up its gradient from k mu = 3 pi / 4, sigma = 1, by small steps."""
    family = DiagonalGaussian(dimension)
    lam = np.repeat([[0.75 * np.pi / k, 0.0]], dimension, axis=1)
    points = {"start": lam}
    for name in POINTS[1:]:
        for _ in range(FLOW_STEPS):
            lam = lam + FLOW_STEP / k**2 * cosine_expectation(family, k, lam).grad
        points[name] = lam
    points |= points_for(family, more)
    return _integrand(cosine, cosine_expectation, k, family, points)


def _integrand(
    integrand: Any, truth: Any, k: float, family: DiagonalGaussian, points: dict[str, Array]
) -> Trajectory:
    rows = partial(_integrand_rows, integrand, k, family.latent_dim)
    known = {name: truth(family, k, lam) for name, lam in points.items()}
    return Trajectory(family, rows, None, points, known, True, None)


def _integrand_rows(integrand: Any, k: float, dimension: int, num_rows: int) -> Target:
    return integrand(k, num_data=num_rows, latent_dim=dimension)
