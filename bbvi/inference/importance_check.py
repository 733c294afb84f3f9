"""What importance weights p / q say of q: the tail's shape, what they are worth, and moments."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.importance_weights import psis, smoothed_moments
from bbvi.types import Array, Reparameterizable


class Weighed(NamedTuple):
    """Of R rows under the weights of their draws; the fields are those of `Verdict`."""

    khat: Array
    effective_samples: Array
    mean_error: Array
    sd_ratio: Array


def weigh(
    family: Any, z: Array, log_w: Array, of: Callable[[Array], Array] | None, dtype: Any
) -> Weighed:
    """Draws z (S, R, D) of q, or what is reported ``of`` them, weighted by w (S, R) and not."""
    known = np.asarray(~np.isnan(log_w).any(axis=0) & (log_w < np.inf).all(axis=0))
    khat = _khat(log_w, known, float(np.finfo(dtype).eps))
    nothing = np.zeros((log_w.shape[1], 0))
    if not isinstance(family, Reparameterizable):
        return Weighed(khat, _effective(log_w), nothing, nothing)
    with np.errstate(all="ignore"):
        values = (z if of is None else of(z)).astype(np.float64)
        error = np.full(values.shape[1:], np.nan)
        ratio = error.copy()
        if known.any():
            weighted = smoothed_moments(log_w[:, known], values[:, known])
            error[known] = (values.mean(axis=0)[known] - weighted.mean) / weighted.sd
            ratio[known] = values.std(axis=0)[known] / weighted.sd
    return Weighed(khat, _effective(log_w), error, ratio)


def _khat(log_w: Array, known: Array, rounding: float) -> Array:
    """k-hat of each row (R,); infinite where a weight is not a number."""
    khat = np.full(log_w.shape[1], np.inf)
    if known.any():
        khat[known] = psis(log_w[:, known]).khat
    # Weights that differ by rounding alone have no tail.
    with np.errstate(invalid="ignore", over="ignore"):
        same = np.ptp(log_w, axis=0) <= 1000 * rounding * np.maximum(1, np.abs(log_w[0]))
    return np.where(known & same, -np.inf, khat)


def _effective(log_w: Array) -> Array:
    """(sum w)^2 / sum w^2 over the samples: (S, R) -> (R,)."""
    w = np.exp(log_w - np.nan_to_num(log_w.max(axis=0), posinf=0, neginf=0))
    return w.sum(axis=0) ** 2 / np.maximum((w**2).sum(axis=0), np.finfo(np.float64).tiny)
