"""What fresh noise promises a Gaussian q of Step 1 yet, and what linear response says of its sd."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference.solvers.climb import run_away
from bbvi.inference.solvers.quadratic import (
    FLAT,
    Gaussians,
    Quadratic,
    matched_noise,
    quadratic,
    usable,
    way,
)
from bbvi.inference.solvers.solution import Targets
from bbvi.types import Array, Target

NATS_LEFT = 0.1
"""Nats that a converged row may seem to gain under fresh noise."""
SCREENS = (64, 256, 1000)
"""Samples for each row, until it is in no doubt whether they promise `NATS_LEFT` more."""
CLEAR = 2
"""Times that the halves of a row's noise, or of the median row's, differ: as far from `NATS_LEFT`,
4 standard deviations, a row is in no doubt."""


class NatsLeft(NamedTuple):
    """Of R rows, the fields of `Verdict`: nats left, gradient norm, sd ratios; evaluations spent.

    ``halves_apart`` is by how much the two halves of the noise differ in what they promise, nats:
    twice the standard deviation of ``left`` or more.  NaN where the family does not tell.
    """

    left: Array
    halves_apart: Array
    gradient_norm: Array
    response_ratio: Array
    evaluations: int


def look(
    family: Any, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> NatsLeft:
    """log p by second order around a Gaussian q; of other families nothing.

    Noise seems to promise c / S nats at the optimum: twice as much in each half of the samples as
    in both, which tells c.
    """
    if not isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        nothing = np.full(len(lam), np.nan)
        return NatsLeft(nothing, nothing, nothing, nothing[:, None], 0)
    D, diagonal = family.latent_dim, isinstance(family, DiagonalGaussian)
    mean, covariance = family.moments(lam.astype(np.float64))
    q = Gaussians(mean, np.linalg.cholesky(covariance))
    S = max(num_samples // 2, 4 * D)
    halves = [quadratic(target, q, matched_noise(rng, S, len(lam), D)) for _ in range(2)]
    # The ELBO of a heavy improper tail grows for ever, by little in each step.
    ok = np.logical_and(*map(usable, halves)) & ~run_away(q)
    first, second = (Quadratic(*(part[ok] for part in half)) for half in halves)
    both = Quadratic(*(0.5 * (a + b) for a, b in zip(first, second)))
    gains = [way(part, diagonal, np.full(ok.sum(), FLAT)).gain for part in (first, second, both)]
    # An infinite gain stays one: NaN would say that the family does not tell.
    bounded = np.isfinite(gains).all(axis=0)
    gains = [np.where(bounded, gain, 0) for gain in gains]
    noise = np.maximum(0.5 * (gains[0] + gains[1]) - gains[2], 0)
    left, apart, norm = np.full((3, len(lam)), np.inf)
    left[ok] = np.where(bounded, np.maximum(gains[2] - noise, 0), np.inf)
    apart[ok] = np.where(bounded, np.abs(gains[0] - gains[1]), np.inf)
    norm[ok] = np.linalg.norm(both.gradient, axis=1)
    ratio = np.full((len(lam), D), np.nan)
    if diagonal:
        ratio[ok] = _response_ratio(both.curvature)
    return NatsLeft(left, apart, norm, ratio, 2 * S * len(lam))


def near_optimum(
    family: Any, targets: Targets, lam: Array, rows: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """Whether fresh noise promises these rows of lam (N, P) at most `NATS_LEFT`, and evaluations.

    1 or 0 for each of ``rows`` (n,); NaN where the family does not tell.
    """
    near, cost = np.full(len(rows), np.nan), 0
    doubtful = np.arange(len(rows))
    for num_samples in SCREENS:
        if len(doubtful):
            some = rows[doubtful]
            seen = look(family, targets(some), lam[some], rng, num_samples)
            near[doubtful] = np.where(np.isnan(seen.left), np.nan, seen.left <= NATS_LEFT)
            doubtful, cost = doubtful[_in_doubt(seen)], cost + seen.evaluations
    return near, cost


def _in_doubt(seen: NatsLeft) -> Array:
    """Rows of which more samples might say something else: (n,)."""
    bounded = np.isfinite(seen.left)
    typical = np.median(seen.halves_apart[bounded]) if bounded.any() else 0
    margin = CLEAR * np.maximum(seen.halves_apart, typical)
    return ~bounded & ~np.isnan(seen.left) | (np.abs(seen.left - NATS_LEFT) <= margin)


def _response_ratio(curvature: Array) -> Array:
    """1 / sqrt((M^-1)_dd), in the units of q, where its own sd is 1: (n, D, D) -> (n, D).

    The mean of a factorized q moves by M^-1 t when log p is tilted by t . z; 0 where M bends up.
    """
    values, axes = np.linalg.eigh(curvature)
    peak = values[:, 0] > 0
    variances = np.einsum("nij,nj->ni", axes**2, 1 / np.where(peak[:, None], values, 1))
    return np.where(peak[:, None], 1 / np.sqrt(variances), 0)
