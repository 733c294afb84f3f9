"""Modes of the posterior that q does not cover: whatever the family and the solver.

No draw of q comes near them, so neither the ELBO nor k-hat can tell.  Hence log p is climbed from
places all around q and around the neutral start.  An end beyond a barrier, where p / q is far
above its mean under q, is weighed by draws of the Laplace approximation there.
"""

from typing import Any, NamedTuple

import numpy as np

from bbvi.inference.solvers.lbfgs import maximize
from bbvi.inference.solvers.solution import Targets
from bbvi.inference.starts import hessian
from bbvi.logs import LOG_2PI, log_mean_exp
from bbvi.types import Array, Reparameterizable, Target

FEW_ROWS = 16
"""Up to so many rows are looked at."""
NEAR, FAR = 1.0, 32.0
"""Times the distance of a draw from its mean at which a climb begins."""
CLIMBS = 8
"""From one side of q, as many from the other, and from around the neutral start."""
MAX_STEPS, TOLERANCE = 100, 0.01
"""Of a climb; nats of log p."""
UNCOVERED = 3.0
"""Nats of log p / q above its mean under q, from where on q does not cover a place."""
AT_REST = 1.0
"""Nats that a Newton step would still gain where a climb has ended: with more it is no mode, but a
place on a curved ridge."""
BARRIER = 1.0
"""Nats that log p falls between q and another mode."""
BETWEEN, WEIGHED = 16, 256
"""Points on the way there, and draws there."""


class _Climbed(NamedTuple):
    """Ends z (n, D) of n climbs, log p (n,) there, the row of each, and sd * d log p / dz."""

    z: Array
    log_p: Array
    row: Array
    slope: Array


def other_modes(
    family: Any, targets: Targets, lam: Array, z: Array, log_w: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """Nats by which the mass elsewhere is less than what q's own draws find, and evaluations.

    Parameters
    ----------
    family, targets, lam
        q of N rows, and log p.
    z : ndarray (S, N, D)
        Draws of q.
    log_w : ndarray (S, N)
        log p - log q of them.
    rng : numpy Generator
        For the climbs' beginnings, and the draws at their ends.

    Returns
    -------
    rival : ndarray (N,)
        log E_q[p / q] - log of the mass at the heaviest mode that q does not cover; infinite where
        none was seen, in families without a path, and in more than 16 rows.
    evaluations : int
    """
    N = len(lam)
    rival = np.full(N, np.inf)
    if N > FEW_ROWS or not isinstance(family, Reparameterizable):
        return rival, 0
    with np.errstate(all="ignore"):
        log_z = log_mean_exp(np.where(np.isnan(log_w), -np.inf, log_w))
        ends, cost = _climb(targets, _beginnings(family, lam, z, rng), z)
        height = ends.log_p - _log_q(family, lam, ends.row, ends.z[None])[0] - log_z[ends.row]
        seen = np.isfinite(ends.log_p) & ~(height < UNCOVERED)
        ends = _Climbed(*(part[seen] for part in ends))
        if len(ends.row):
            mass = _mass(family, targets, lam, log_z, z.std(axis=0), ends, rng)
            mass[~_beyond_a_barrier(targets, z, log_w, family, lam, ends)] = -np.inf
            np.minimum.at(rival, ends.row, log_z[ends.row] - mass)
            cost += len(ends.row) * (WEIGHED + 2 * z.shape[2] + BETWEEN)
    return np.where(np.isnan(rival), np.inf, rival), cost


def _beginnings(family: Any, lam: Array, z: Array, rng: np.random.Generator) -> Array:
    """Draws of q, mirrored, and of the neutral start, ever farther from their means: (K, N, D)."""
    factors = np.geomspace(NEAR, FAR, CLIMBS)[:, None, None]
    neutral = family.init(len(lam)).astype(lam.dtype)
    around = []
    for at, scales in ((lam, [factors, -factors]), (neutral, [np.sqrt(factors)])):
        draws = family.transform(at, family.noise(rng, 2 * CLIMBS, len(lam), z.dtype))
        mean = draws.mean(axis=0)
        around += [mean + scale * (draws[:CLIMBS] - mean) for scale in scales]
    return np.concatenate(around)


def _climb(targets: Targets, start: Array, z: Array) -> tuple[_Climbed, int]:
    """From each place (K, N, D), in units of q's standard deviations."""
    K, N, D = start.shape
    row, cost = np.tile(np.arange(N), K), 0
    mean, sd = z.mean(axis=0)[row].astype(np.float64), z.std(axis=0)[row].astype(np.float64)

    def log_p(at: Array, some: Array) -> tuple[Array, Array]:
        nonlocal cost
        cost += len(some)
        points = mean[some] + sd[some] * at
        value, dz = targets(row[some]).value_and_dz(points[None].astype(z.dtype))
        return value[0].astype(np.float64), sd[some] * dz[0].astype(np.float64)

    begin = (start.reshape(K * N, D) - mean) / sd
    end = maximize(log_p, begin, TOLERANCE, MAX_STEPS, lambda value: None)
    return _Climbed(mean + sd * end.x, end.value, row, end.gradient), cost


def _mass(
    family: Any, targets: Targets, lam: Array, log_z: Array, sd: Array, ends: _Climbed, rng: Any
) -> Array:
    """Log of the mass around each end where q does not cover p; -inf where there is no mode.

    All in units of q's standard deviations sd (N, D).
    """
    n, D = ends.z.shape
    target, unit = targets(ends.row), sd[ends.row].astype(np.float64)
    curvature = hessian(target, ends.z, unit) * unit[:, :, None] * unit[:, None, :]
    values, axes = np.linalg.eigh(np.nan_to_num(-curvature))
    peak = values[:, 0] > 0
    scales = 1 / np.sqrt(np.where(peak[:, None], values, 1))
    gain = 0.5 * np.sum((np.einsum("nij,ni->nj", axes, ends.slope) * scales) ** 2, axis=1)
    e = rng.standard_normal((WEIGHED, n, D))
    z = ends.z + unit * np.einsum("nij,snj->sni", axes, scales * e)
    log_g = -0.5 * (e**2 + LOG_2PI).sum(axis=-1) - np.log(scales * unit).sum(axis=-1)
    log_p = _value(target, z)
    log_q = _log_q(family, lam, ends.row, z)
    bare = ~(log_p - log_q - log_z[ends.row] < UNCOVERED) & ~np.isnan(log_p)
    mass = log_mean_exp(np.where(bare, log_p - log_g, -np.inf))
    return np.where(peak & (gain < AT_REST), mass, -np.inf)


def _beyond_a_barrier(
    targets: Targets, z: Array, log_w: Array, family: Any, lam: Array, ends: _Climbed
) -> Array:
    """Whether log p falls on the way from q's best draw to each end: (n,)."""
    log_p = log_w + family.log_prob(lam, z)
    best = np.where(np.isnan(log_p), -np.inf, log_p).argmax(axis=0)[ends.row]
    part = np.linspace(0, 1, BETWEEN)[:, None, None]
    way = (1 - part) * z[best, ends.row] + part * ends.z
    height = _value(targets(ends.row), way)
    height = np.where(np.isnan(height), -np.inf, height)
    return height.min(axis=0) < np.minimum(height[0], height[-1]) - BARRIER


def _value(target: Target, z: Array) -> Array:
    return target.value(z.astype(target.dtype)).astype(np.float64)


def _log_q(family: Any, lam: Array, row: Array, z: Array) -> Array:
    return family.log_prob(lam[row], z.astype(lam.dtype)).astype(np.float64)
