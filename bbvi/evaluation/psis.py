"""Pareto-smoothed importance sampling: log p(x), and whether to believe it (floor 5).

The largest weights decide both the estimate and its error.  Beyond a high threshold their
distribution is close to a generalized Pareto with some shape k; 1/k moments of the weights are
finite.  Fitting k to the observed tail tells how reliable the estimate is, and replacing the tail
by the fit's expected order statistics makes it less noisy.
"""

import warnings
from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import log_weights
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count

SMALLEST = 1e-300
"""Below every exceedance, in units of the largest weight: its reciprocal is a float too."""


class UnreliableWarning(UserWarning):
    """Importance sampling cannot be trusted for some datapoints."""


class PsisEvidence(NamedTuple):
    """log p(x_n) by Pareto-smoothed importance sampling.

    Attributes
    ----------
    value : ndarray (N,)
        Log of the mean smoothed weight, nats.
    standard_error : ndarray (N,)
        By the delta method, of the smoothed weights.
    raw, raw_standard_error : ndarray (N,)
        The same without smoothing: plain importance sampling from the same samples.
    khat : ndarray (N,)
        Shape of the tail; -inf where all the largest weights are equal, inf where too few weights
        are above 0 to have a tail, or one is not a number.
    threshold : float
        Up to this k-hat the estimate can be trusted at this S: min(1 - 1 / log10 S, 0.7).
    """

    value: Array
    standard_error: Array
    raw: Array
    raw_standard_error: Array
    khat: Array
    threshold: float


class _Rest(NamedTuple):
    """Sums over the weights that are not in the tail, in units of exp(highest)."""

    highest: Array
    total: Array
    squares: Array


def log_evidence_psis(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int = 5000
) -> PsisEvidence:
    """log p(x) ~ log (1/S) sum_s w_s, the largest min(S / 5, 3 sqrt(S)) weights smoothed.

    Parameters
    ----------
    family, target
        q and log p(x, .).
    lam : ndarray (N, P)
        The proposal's parameters.
    rng : numpy Generator
        For the samples.
    num_samples : int
        S >= 25; drawn in parts, and only the tail is kept.

    Returns
    -------
    PsisEvidence

    Warns
    -----
    UnreliableWarning
        If k-hat exceeds the threshold somewhere; `log_evidence_ais` is the second opinion.

    Raises
    ------
    ValueError
        If S < 25: the tail would have fewer than 5 weights.

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), section 3.
    """
    S = as_count("num_samples", num_samples, minimum=25)
    size = int(min(S // 5, 3 * np.sqrt(S)))
    tail, rest = _stream(log_weights(family, target, lam, rng, S), size, len(lam))
    smoothed, khat = smooth_tail(tail)
    value, error = _mean(smoothed, rest, S)
    threshold = min(1 - 1 / np.log10(S), 0.7)
    if (bad := int((khat > threshold).sum())) > 0:
        warnings.warn(
            f"k-hat is above {threshold:.2f} for {bad} of {len(lam)} datapoints (largest "
            f"{khat.max():.2f}): importance sampling with S = {S} cannot be trusted there. Use a "
            "better lam, more samples, or log_evidence_ais.",
            UnreliableWarning,
            stacklevel=2,
        )
    return PsisEvidence(value, error, *_mean(tail, rest, S), khat, threshold)


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
    khat, scale = fit_generalized_pareto(exceedances)
    probabilities = (np.arange(len(exceedances)) + 0.5)[:, None] / len(exceedances)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        quantiles = scale * np.expm1(-khat * np.log1p(-probabilities)) / khat
        smoothed = np.minimum(np.log(cutoff + quantiles), 0) + highest
    finite = usable & np.isfinite(khat)
    return np.vstack([lowest, np.where(finite, smoothed, tail[1:])]), np.where(usable, khat, np.inf)


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


def _mean(tail: Array, rest: _Rest, num_samples: int) -> tuple[Array, Array]:
    """Log of the mean of all weights (N,), and its standard error by the delta method."""
    S, highest = num_samples, tail[-1]
    w = np.exp(tail - highest)
    shrink = np.exp(rest.highest - highest)
    total = rest.total * shrink + w.sum(axis=0)
    squares = rest.squares * shrink**2 + (w**2).sum(axis=0)
    mean = total / S
    variance = np.maximum(squares / S - mean**2, 0) * S / (S - 1)
    return highest + np.log(mean), np.sqrt(variance / S) / mean


def _stream(parts: object, size: int, num_data: int) -> tuple[Array, _Rest]:
    """The ``size`` + 1 largest log-weights of each datapoint, ascending, and sums of the others."""
    kept = np.full((0, num_data), -np.inf)
    zeros = np.zeros(num_data)
    # Finite, so that weights of 0 can be rescaled too.
    rest = _Rest(np.full(num_data, np.finfo(np.float64).min), zeros, zeros)
    waiting: list[Array] = []
    for part in parts:  # type: ignore[attr-defined]
        waiting.append(part)
        # Sorting out once per tail's worth of new weights keeps the work in proportion to S.
        if sum(map(len, waiting)) > size:
            kept, rest = _sort_out(np.concatenate([kept, *waiting]), rest, size + 1)
            waiting = []
    kept, rest = _sort_out(np.concatenate([kept, *waiting]), rest, size + 1)
    return np.sort(kept, axis=0), rest


def _sort_out(log_w: Array, rest: _Rest, keep: int) -> tuple[Array, _Rest]:
    if len(log_w) <= keep:
        return log_w, rest
    ordered = np.partition(log_w, len(log_w) - keep, axis=0)
    small = ordered[:-keep]
    highest = np.maximum(rest.highest, small.max(axis=0))
    shrink = np.exp(rest.highest - highest)
    w = np.exp(small - highest)
    return ordered[-keep:], _Rest(
        highest, rest.total * shrink + w.sum(axis=0), rest.squares * shrink**2 + (w**2).sum(axis=0)
    )
