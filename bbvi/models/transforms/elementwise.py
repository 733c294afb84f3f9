"""Transforms of single numbers, and of each number of a vector."""

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import expit

from bbvi.models.transforms.transform import Transform, checked
from bbvi.validation import as_count


def real(size: int | None = None) -> Transform:
    """Any number: u = z."""
    return _elementwise(size, lambda z: z, lambda u: u, lambda z: 0.0 * z, -np.inf, np.inf)


def positive(size: int | None = None) -> Transform:
    """A number above 0: u = exp z, log |du/dz| = z."""
    return _elementwise(size, anp.exp, np.log, lambda z: z, 0, np.inf)


def softplus(size: int | None = None) -> Transform:
    """A number above 0: u = log(1 + exp z), log |du/dz| = -log(1 + exp -z).

    Where u is large it grows as z does, not as its exponential.
    """
    return _elementwise(
        size,
        lambda z: anp.logaddexp(0.0, z),
        lambda u: u + np.log(-np.expm1(-u)),
        lambda z: -anp.logaddexp(0.0, -z),
        0,
        np.inf,
    )


def interval(low: float, high: float, size: int | None = None) -> Transform:
    """A number between two: u = low + (high - low) s, s = 1 / (1 + exp -z).

    log |du/dz| = log(high - low) + log s + log(1 - s).

    Raises
    ------
    ValueError
        Unless low < high, both finite.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"low is {low} and high is {high}; expected two finite numbers, low below high. For a "
            "range without end use positive, and affine to move or turn it."
        )
    width = float(high - low)
    return _elementwise(
        size,
        lambda z: low + width * expit(z),
        lambda u: np.log(u - low) - np.log(high - u),
        lambda z: np.log(width) - anp.logaddexp(0.0, z) - anp.logaddexp(0.0, -z),
        low,
        high,
    )


def unit_interval(size: int | None = None) -> Transform:
    """A probability: `interval` from 0 to 1."""
    return interval(0.0, 1.0, size)


def _elementwise(
    size: int | None, forward: Any, inverse: Any, log_slope: Any, low: float, high: float
) -> Transform:
    """One map for each number, whose log-slopes add up."""
    K = 1 if size is None else as_count("size", size)
    return Transform(
        K,
        K,
        forward,
        lambda u: inverse(checked(u, K, low, high)),
        lambda z: anp.sum(log_slope(z), axis=-1),
        (("u", size),),
    )
