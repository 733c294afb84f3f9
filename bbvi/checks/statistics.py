"""The statistics and differences that decide whether a property holds.

A statistical property is rejected beyond `LIMIT` standard errors: five of them are wrong once in
two million, and a tolerance that has to be tuned would hide a small bias.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.types import Array

LIMIT = 5.0
"""Standard errors between a mean and its expectation that count as proof of a mistake."""

_ROUNDING = 1e-9


class Mean(NamedTuple):
    """The mean of independent draws along axis 0, and its standard error."""

    value: Array
    error: Array


def mean_of(draws: Array) -> Mean:
    """Mean and standard error s / sqrt(M) of M draws along axis 0."""
    return Mean(draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(len(draws)))


def tolerance(mean: Mean, expected: Array) -> Array:
    """`LIMIT` standard errors, plus rounding for draws that do not vary."""
    return LIMIT * mean.error + _ROUNDING * (1 + np.abs(expected))


def column_differences(
    function: Callable[[Array], Array], at: Array, step: Array | float = 1e-6
) -> Array:
    """Central differences of row-wise functions: d f[..., n] / d at[..., n, p], (..., N, P).

    The rows of f must not interact: column p is moved in all rows at once.  ``step`` is one for
    all, or one for each entry of ``at``.
    """
    columns = []
    for p in range(at.shape[-1]):
        width = step if np.ndim(step) == 0 else np.asarray(step)[..., p]
        moved = np.zeros_like(at)
        moved[..., p] = width
        columns.append((function(at + moved) - function(at - moved)) / (2 * width))
    return np.stack(columns, axis=-1)


def nearest_slope(slope: Array, function: Callable[[float], Array], step: float) -> Array:
    """The difference quotient at 0, to the left or to the right, that is nearest to ``slope``.

    The two agree where the function is smooth; next to a kink, as of relu, only one is right.
    """
    down, middle, up = (function(t) for t in (-step, 0.0, step))
    left, right = (middle - down) / step, (up - middle) / step
    return np.where(np.abs(left - slope) < np.abs(right - slope), left, right)


def invariance(log_weight: Callable[[float], Array]) -> tuple[Mean, Mean]:
    """Test E_p[p_t / p] = 1, where p_t is the density moved by t and log_weight(t) = log p_t / p.

    Returned are the means of the odd part (w(t) - w(-t)) / 2, a test of first derivatives
    (E[score] = 0), and of the even part (w(t) + w(-t)) / 2 - 1, a test of curvature (the
    information equality).  Both are 0 if and only if the draws agree with p to second order.
    The size of t is set from the Fisher information, so that the weights stay near 1: a larger t
    would not show more, because the standard error grows with it, and would skew the weights.
    """
    slope = (log_weight(1e-4) - log_weight(-1e-4)) / 2e-4
    t = min(0.2, 0.2 / max(float(np.sqrt(np.mean(slope**2))), 1e-12))
    # A wrong density may give an enormous weight: the verdict is the same for a huge one.
    up, down = (np.exp(np.minimum(log_weight(s), 50.0)) for s in (t, -t))
    return mean_of((up - down) / 2), mean_of((up + down) / 2 - 1)


def normalization(
    rng: np.random.Generator, draws: Array, log_density: Callable[[Array], Array]
) -> tuple[Mean, Mean] | None:
    """The share of draws (M, K) in a region, and the integral of the density over that region.

    The region is a box in whitened coordinates that holds about a third of the draws; columns of
    whole numbers are held at their most frequent values instead.  The two agree only if the
    density carries all its constants.  None when the region would hold too few draws to tell.
    """
    half = len(draws) // 2
    discrete = (draws == np.round(draws)).all(axis=0)
    patterns, counts = np.unique(draws[:half, discrete], axis=0, return_counts=True)
    pattern = patterns[np.argmax(counts)]
    fits = (draws[:, discrete] == pattern).all(axis=1)
    free = draws[:, ~discrete]
    K = free.shape[1]
    if fits[:half].sum() < 100 or K > 8:
        return None
    points = np.tile(pattern, (half, 1)) if K == 0 else np.empty((half, draws.shape[1]))
    inside, log_volume = fits[half:], 0.0
    if K > 0:
        known = free[:half][fits[:half]]
        center, L = known.mean(axis=0), np.linalg.cholesky(np.cov(known.T).reshape(K, K))
        radius = np.abs(np.linalg.solve(L, (free - center).T)).max(axis=0)
        width = np.quantile(radius[:half][fits[:half]], 0.35)
        inside = inside & (radius[half:] < width)
        log_volume = K * np.log(2 * width) + np.log(np.diagonal(L)).sum()
        points[:, discrete] = pattern
        points[:, ~discrete] = center + width * rng.uniform(-1, 1, size=(half, K)) @ L.T
    # The box may reach beyond the support, where a log-density need not be defined.
    possible = ((points >= draws.min(axis=0)) & (points <= draws.max(axis=0))).all(axis=1)
    mass = np.zeros(half)
    mass[possible] = np.exp(np.minimum(log_density(points[possible]) + log_volume, 50.0))
    return mean_of(inside.astype(float)), mean_of(mass)


def same(a: Any, b: Any) -> bool:
    """Whether two nests of tuples, dicts and arrays are equal to the bit."""
    if isinstance(a, dict):
        return all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all(same(u, v) for u, v in zip(a, b))
    return np.array_equal(a, b)
