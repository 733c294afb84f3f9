"""Does exp(log_joint) integrate to 1, where no region holds enough draws of x? (floor 5)

With draws (x, z) ~ p, a box B of z, and any density r of x,

    E_p[1[z in B] r(x) / (volume(B) p(x, z))] = 1,

if and only if p is normalized.  r is fitted to other draws with z in B: frequencies for columns of
whole numbers, a narrowed Gaussian for the rest, so that r has lighter tails than p.
"""

from collections.abc import Callable

import numpy as np

from bbvi.checks.evidence import LIMIT, Mean, mean_of
from bbvi.logs import LOG_2PI
from bbvi.types import Array

NARROWER = 0.8
"""The variance of r's Gaussian, in units of that of the draws."""


LARGEST_MARGIN = 0.75
"""Five standard errors of the mean, beyond which a value near 1 says nothing."""

LARGEST_WIDTH = 12
"""Columns of x beyond which a density fitted to some hundred draws is too far from p."""


class UncheckedWarning(UserWarning):
    """A property of a model could not be checked."""


def reciprocal_normalizer(
    z: Array, x: Array, log_joint: Callable[[Array, Array], Array]
) -> Mean | None:
    """The mean of 1[z in B] r(x) / (volume(B) p(x, z)), 1 for a normalized p.

    None where the draws are too few, x is too wide, or the ratios vary too much to tell.

    Parameters
    ----------
    z, x : ndarray (M, D), (M, Dx)
        Draws of the model; the first half makes B and r, the second is averaged.
    log_joint : callable
        (x, z) -> log p(x, z) of each draw.
    """
    half = len(z) // 2
    discrete = (z == np.round(z)).all(axis=0)
    patterns, counts = np.unique(z[:half, discrete], axis=0, return_counts=True)
    inside, log_volume = (z[:, discrete] == patterns[np.argmax(counts)]).all(axis=1), 0.0
    free = z[:, ~discrete]
    K = free.shape[1]
    if inside[:half].sum() < 100 or K > 8 or x.shape[1] > LARGEST_WIDTH:
        return None
    if K > 0:
        known = free[:half][inside[:half]]
        L = np.linalg.cholesky(np.cov(known.T).reshape(K, K))
        radius = np.abs(np.linalg.solve(L, (free - known.mean(axis=0)).T)).max(axis=0)
        width = np.quantile(radius[:half][inside[:half]], 0.35)
        inside &= radius < width
        log_volume = K * np.log(2 * width) + np.log(np.diagonal(L)).sum()
    first, second = np.flatnonzero(inside[:half]), half + np.flatnonzero(inside[half:])
    log_r = _fitted(x[first], x[second])
    ratios = np.zeros(len(z) - half)
    log_ratio = log_r - log_volume - log_joint(x[second], z[second])
    ratios[second - half] = np.exp(np.minimum(log_ratio, 50.0))
    mean = mean_of(ratios)
    unclear = LIMIT * mean.error > LARGEST_MARGIN and abs(mean.value - 1) < 0.9
    return None if unclear else mean


def _fitted(seen: Array, x: Array) -> Array:
    """log r(x) of a density fitted to the rows seen: (M,); -inf where a value was never seen."""
    whole = (seen == np.round(seen)).all(axis=0)
    log_r = np.zeros(len(x))
    for j in np.flatnonzero(whole):
        values, counts = np.unique(seen[:, j], return_counts=True)
        place = np.minimum(np.searchsorted(values, x[:, j]), len(values) - 1)
        known = values[place] == x[:, j]
        log_r += np.where(known, np.log(counts[place] / counts.sum()), -np.inf)
    if (~whole).any():
        center, K = seen[:, ~whole].mean(axis=0), int((~whole).sum())
        C = NARROWER * np.cov(seen[:, ~whole].T).reshape(K, K)
        L = np.linalg.cholesky(C + 1e-9 * np.trace(C) / K * np.eye(K))
        w = np.linalg.solve(L, (x[:, ~whole] - center).T)
        log_r += -0.5 * np.sum(w**2 + LOG_2PI, axis=0) - np.log(np.diagonal(L)).sum()
    return log_r
