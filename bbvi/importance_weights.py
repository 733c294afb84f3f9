"""Pareto-smoothed importance weights, and whether to believe them (numpy only).

The largest weights decide both an estimate and its error.  Beyond a high threshold their
distribution is close to a generalized Pareto with some shape k; 1/k moments of the weights are
finite.  Fitting k to the observed tail tells how reliable the estimate is, and replacing the tail
by the fit's expected order statistics makes it less noisy.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bbvi.types import Array

SMALLEST = 1e-300
"""Below every exceedance, in units of the largest weight: its reciprocal is a float too."""
ROUNDING, OF_SIZE = 1e-10, 64 * float(np.finfo(np.float64).eps)
"""Nats by which equal log-weights may differ, and as a part of their size where that is more."""
FEWEST = 5
"""Weights above the cutoff that have a shape."""


class PSIS(NamedTuple):
    """Smoothed importance weights, and whether to trust them.

    Attributes
    ----------
    log_weights : ndarray (S, ...)
        In the order of the raw ones, not normalized: the tail smoothed, none above the largest raw
        weight.  ``exp(log_weights - log_sum_exp(log_weights))`` are the weights of a mean.
    khat : ndarray (...)
        Shape of the tail.  Above min(1 - 1 / log10 S, 0.7) the weights cannot be trusted; -inf
        where all the largest are equal, inf where too few are above 0, or above the many that
        share the cutoff's value, to have a tail.
    """

    log_weights: Array
    khat: Array


def psis(log_weights: Any) -> PSIS:
    """Pareto-smoothed importance weights: log w (S, ...) -> smoothed log w (S, ...), k-hat (...).

    The M = ceil(min(S / 5, 3 sqrt(S))) largest weights of each column become the expected order
    statistics of a generalized Pareto distribution with their shape, F^-1((j - 1/2) / M).

    Parameters
    ----------
    log_weights : array (S,) or (S, N)
        log p(x, z_s) - log q(z_s), up to a constant per column; S >= 25 independent samples along
        the first axis.  -inf is a weight of 0.

    Returns
    -------
    PSIS

    Raises
    ------
    TypeError
        If they are not floating point, or masked.
    ValueError
        If S < 25 (the tail would have fewer than 5 weights), or a weight is NaN or +inf.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import psis
    >>> z = 1.5 * np.random.default_rng(0).standard_normal(2000)
    >>> smoothed, khat = psis(-0.5 * z**2 + 0.5 * (z / 1.5) ** 2)
    >>> bool(khat < 0.7)
    True

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), algorithm 1.
    """
    log_w = _checked(log_weights)
    columns = log_w.astype(np.float64).reshape(len(log_w), -1)
    size = tail_size(len(log_w))
    order = np.argpartition(columns, len(columns) - size - 1, axis=0)[-size - 1 :]
    order = np.take_along_axis(
        order, np.argsort(np.take_along_axis(columns, order, axis=0), axis=0), axis=0
    )
    smoothed, khat = smooth_tail(np.take_along_axis(columns, order, axis=0))
    np.put_along_axis(columns, order, smoothed, axis=0)
    return PSIS(columns.reshape(log_w.shape).astype(log_w.dtype), khat.reshape(log_w.shape[1:]))


class WeightedMoments(NamedTuple):
    """Mean and standard deviation (N, R) of draws, and the shape k-hat (N,) of their weights."""

    mean: Array
    sd: Array
    khat: Array


def smoothed_moments(log_weights: Array, values: Array) -> WeightedMoments:
    """sum_s w_s f(z_s) and its spread, w the Pareto-smoothed weights: (S, N), (S, N, R)."""
    log_w, khat = psis(log_weights)
    w = normalized(log_w)[:, :, None]
    mean = (w * values).sum(axis=0)
    return WeightedMoments(mean, np.sqrt((w * (values - mean) ** 2).sum(axis=0)), khat)


def normalized(log_weights: Array) -> Array:
    """Weights (S, N) that sum to 1 over S."""
    w = np.exp(log_weights - log_weights.max(axis=0))
    return w / w.sum(axis=0)


def tail_size(num_samples: int) -> int:
    """M = ceil(min(S / 5, 3 sqrt(S))): how many of S weights are the tail."""
    return math.ceil(min(num_samples / 5, 3 * math.sqrt(num_samples)))


def _checked(log_weights: Any) -> Array:
    if isinstance(log_weights, np.ma.MaskedArray):
        raise TypeError(
            "log_weights is a masked array; expected one without a mask, whose hidden values would "
            "be used. Drop the masked samples."
        )
    log_w = np.asarray(log_weights)
    if log_w.dtype.kind != "f":
        raise TypeError(
            f"log_weights has dtype {log_w.dtype}; expected floats: log p(x, z) - log q(z)."
        )
    if log_w.ndim == 0 or len(log_w) < 25:
        raise ValueError(
            f"log_weights has shape {log_w.shape}; expected (S,) or (S, N), S >= 25: the tail of "
            "fewer has no shape. Draw more samples."
        )
    if np.isnan(log_w).any() or (log_w == np.inf).any():
        raise ValueError(
            "log_weights has NaN or +inf; expected finite numbers, or -inf for a weight of 0. Look "
            "for the sample at which log p or log q is not finite."
        )
    return log_w


def smooth_tail(tail: Array) -> tuple[Array, Array]:
    """Replace the largest log-weights by the expected order statistics of a fitted tail.

    Parameters
    ----------
    tail : ndarray (M + 1, N)
        The M + 1 largest log-weights of each datapoint, ascending; the first is the cutoff.

    Returns
    -------
    smoothed : ndarray (M + 1, N)
        The cutoff as it was, then M smoothed log-weights, none above the largest raw one.  As
        they were where k-hat is infinite.
    khat : ndarray (N,)
    """
    lowest, highest = tail[0], tail[-1]
    # Without a finite cutoff and maximum there is no tail to fit: ones in its place, and k = inf.
    usable = np.isfinite(lowest) & np.isfinite(highest)
    logs = np.where(usable, tail - np.where(usable, highest, 0), 0)
    cutoff = np.exp(logs[0])
    # An exceedance too small for a float is not a tie with the cutoff: were it 0, the heaviest
    # tails, in which one weight outweighs all others, would look like the lightest.
    gaps = np.exp(logs[1:]) * -np.expm1(logs[0] - logs[1:])
    exceedances = np.where(logs[1:] > logs[0], np.maximum(gaps, SMALLEST), 0.0)
    # Where q is the posterior all weights are one but for rounding, whose tail means nothing.
    # Nor does a tie with the cutoff, as of a discrete z, whose weights have few values.
    rounding = np.maximum(ROUNDING, OF_SIZE * np.where(usable, np.abs(highest), 1))
    exceedances = np.where(logs[1:] <= logs[0] + rounding, 0.0, exceedances)
    khat, scale = _fit_above_ties(exceedances)
    above = np.maximum(np.count_nonzero(exceedances, axis=0), 1)
    rank = np.arange(len(exceedances))[:, None] - len(exceedances) + above
    probabilities = (np.maximum(rank, 0) + 0.5) / above
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        quantiles = scale * np.expm1(-khat * np.log1p(-probabilities)) / khat
        smoothed = np.minimum(np.log(cutoff + quantiles), 0) + highest
    moved = usable & np.isfinite(khat) & (rank >= 0)
    return np.vstack([lowest, np.where(moved, smoothed, tail[1:])]), np.where(usable, khat, np.inf)


def _fit_above_ties(exceedances: Array) -> tuple[Array, Array]:
    """Shape and scale (N,) of each column's positive exceedances; fewer than 5 get k = inf."""
    khat, scale = fit_generalized_pareto(exceedances)
    for n in np.flatnonzero((exceedances[0] == 0) & (exceedances[-1] > 0)):
        above = exceedances[exceedances[:, n] > 0, n]
        khat[n], scale[n] = np.inf, 0.0
        if len(above) >= FEWEST:
            khat[n : n + 1], scale[n : n + 1] = fit_generalized_pareto(above[:, None])
    return khat, scale


def fit_generalized_pareto(exceedances: Array) -> tuple[Array, Array]:
    """Shape k and scale sigma (N,) of each column of exceedances (M, N), ascending.

    The approximate posterior mean of Zhang and Stephens, and k drawn towards 1/2 as if by ten
    more observations.  A column of zeros has no tail: k = -inf, sigma = 0.

    Notes
    -----
    Zhang and Stephens (2009), section 2; Vehtari et al. (2024), appendix C.
    """
    M = len(exceedances)
    largest = exceedances[-1]
    x = exceedances / np.where(largest > 0, largest, 1)
    quarter = np.maximum(x[int(M / 4 + 0.5) - 1], SMALLEST)
    num = 30 + int(np.sqrt(M))
    j = (np.arange(num) + 0.5)[:, None]
    b = 1 + (1 - np.sqrt(num / j)) / (3 * quarter)
    # One candidate at a time: (num, M, N) would be large.
    k = np.stack([np.log1p(-candidate * x).mean(axis=0) for candidate in b])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_likelihood = M * (np.log(-b / k) - k - 1)
    log_likelihood = np.where(np.isfinite(log_likelihood), log_likelihood, -np.inf)
    peak = log_likelihood.max(axis=0)
    weights = np.exp(log_likelihood - np.where(np.isfinite(peak), peak, 0))
    weights /= np.maximum(weights.sum(axis=0), 1e-300)
    best = (weights * b).sum(axis=0)
    shape = np.log1p(-best * x).mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(best == 0, x.mean(axis=0), -shape / best) * largest
    khat = (M * shape + 10 * 0.5) / (M + 10)
    return np.where(largest > 0, khat, -np.inf), np.where(largest > 0, scale, 0.0)
