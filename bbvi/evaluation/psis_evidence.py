"""log p(x) by Pareto-smoothed importance sampling, in constant memory."""

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import log_weights
from bbvi.importance_weights import smooth_tail, tail_size
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count


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
    """log p(x) ~ log (1/S) sum_s w_s, its largest weights smoothed (`psis`).

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
    parts = log_weights(family, target, lam, rng, S)
    tail, rest = _stream(parts, tail_size(S), len(lam))
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


def _stream(parts: Iterable[Array], size: int, num_data: int) -> tuple[Array, _Rest]:
    """The ``size`` + 1 largest log-weights of each datapoint, ascending, and sums of the others."""
    kept = np.full((0, num_data), -np.inf)
    zeros = np.zeros(num_data)
    # Finite, so that weights of 0 can be rescaled too.
    rest = _Rest(np.full(num_data, np.finfo(np.float64).min), zeros, zeros)
    waiting: list[Array] = []
    for part in parts:
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
