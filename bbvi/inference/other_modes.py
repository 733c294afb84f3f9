"""Modes of the posterior that q does not cover: whatever the family and the solver.

No draw of q comes near them, so neither the ELBO nor k-hat can tell.  Hence log p is climbed from
places all around q and around the neutral start, and from kinks of log p along rays from q's mean:
what falls from one peak falls ever faster, and where log p lies above the line through the two
points before, another peak's slope or a heavy tail begins.  An end beyond a barrier, where p / q is
far above its mean under q, is weighed by draws of the Laplace approximation there.
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
RAYS, RADII, KINKS = 1024, 32, 16
"""Rays through draws of q, of all rows together; points on each, as far as climbs begin; and of a
row the rays with the largest kinks, from where it is climbed too."""
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


class Modes(NamedTuple):
    """Of N rows the mode that q does not cover, and whose mass times distance^2 is the largest.

    Attributes
    ----------
    rival : ndarray (N,)
        log E_q[p / q] - log of its mass; infinite where none was seen.
    distance : ndarray (N,)
        From q's mean, in q's standard deviations, along the coordinate where it is farthest.
    evaluations : int
    """

    rival: Array
    distance: Array
    evaluations: int


class _Climbed(NamedTuple):
    """Ends z (n, D) of n climbs, log p (n,) there, the row of each, and sd * d log p / dz."""

    z: Array
    log_p: Array
    row: Array
    slope: Array


def other_modes(
    family: Any, targets: Targets, lam: Array, z: Array, log_w: Array, rng: np.random.Generator
) -> Modes:
    """Modes elsewhere than q's own draws: none in families without a path, or above 16 rows.

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
    """
    N = len(lam)
    rival, distance = np.full(N, np.inf), np.zeros(N)
    if N > FEW_ROWS or not isinstance(family, Reparameterizable):
        return Modes(rival, distance, 0)
    with np.errstate(all="ignore"):
        log_z = log_mean_exp(np.where(np.isnan(log_w), -np.inf, log_w))
        kinks, cost = _kinks(targets, z)
        start = np.concatenate([_beginnings(family, lam, z, rng), kinks])
        ends, more = _climb(targets, start, z)
        height = ends.log_p - _log_q(family, lam, ends.row, ends.z[None])[0] - log_z[ends.row]
        seen = np.isfinite(ends.log_p) & ~(height < UNCOVERED)
        ends = _Climbed(*(part[seen] for part in ends))
        if len(ends.row):
            sd = z.std(axis=0)
            mass = _mass(family, targets, lam, log_z, sd, ends, rng)
            mass[~_beyond_a_barrier(targets, z, log_w, family, lam, ends)] = -np.inf
            less = np.where(np.isnan(mass), np.inf, log_z[ends.row] - mass)
            away = np.abs((ends.z - z.mean(axis=0)[ends.row]) / sd[ends.row]).max(axis=1)
            # The last one written to a row is the one that counts.
            order = np.argsort(2 * np.log(away) - less)
            rival[ends.row[order]], distance[ends.row[order]] = less[order], away[order]
            more += len(ends.row) * (WEIGHED + 2 * z.shape[2] + BETWEEN)
    return Modes(rival, distance, cost + more)


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


def _kinks(targets: Targets, z: Array) -> tuple[Array, int]:
    """The highest places beyond a row's largest kinks (KINKS, N, D), q's mean for small ones.

    On m + t (z_k - m), t from NEAR to FAR.
    """
    _, N, D = z.shape
    mean = z.mean(axis=0)
    t, rays = np.geomspace(NEAR, FAR, RADII), z[: max(KINKS, RAYS // N)] - mean
    at = (mean + t[:, None, None, None] * rays).reshape(-1, N, D)
    log_p = _value(targets(np.arange(N)), at).reshape(len(t), len(rays), N)
    log_p = np.where(np.isnan(log_p), -np.inf, log_p)
    slope = np.diff(log_p, axis=0) / np.diff(t)[:, None, None]
    kink = np.nan_to_num(np.diff(slope, axis=0) * np.diff(t)[1:, None, None], nan=0, posinf=np.inf)
    first = (kink > BARRIER).argmax(axis=0)
    beyond = np.arange(len(t))[:, None, None] >= first + 2
    highest = np.where(beyond, log_p, -np.inf).argmax(axis=0)
    kink, row = kink.max(axis=0), np.arange(N)
    sharpest = np.argsort(-kink, axis=0)[:KINKS]
    places = mean + t[highest[sharpest, row]][..., None] * rays[sharpest, row]
    return np.where((kink[sharpest, row] > BARRIER)[..., None], places, mean), log_p.size


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
