"""Sums and means of numbers given by their logarithms (numpy only).

In a formula that autograd differentiates, write ``autograd.scipy.special.logsumexp``.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

LOG_2PI = math.log(2 * math.pi)


def log_sum_exp(logs: Any, axis: int = 0) -> Any:
    """log sum_s exp(l_s), with the largest term taken out first; -inf where all terms are 0.

    Parameters
    ----------
    logs : ndarray
        Logarithms of numbers >= 0, or -inf for 0.
    axis : int
        The axis of the sum, by default the samples'.

    Examples
    --------
    >>> float(log_sum_exp(np.array([-2000.0, -2000.0])).round(4))
    -1999.3069
    """
    return _log_of(np.sum, logs, axis)


def log_mean_exp(logs: Any, axis: int = 0) -> Any:
    """log (1/S) sum_s exp(l_s), as `log_sum_exp`.

    Parameters
    ----------
    logs : ndarray
        Logarithms of numbers >= 0, or -inf for 0.
    axis : int
        The axis of the mean, by default the samples'.

    Examples
    --------
    >>> float(log_mean_exp(np.array([-2000.0, -2000.0])))
    -2000.0
    """
    return _log_of(np.mean, logs, axis)


def _log_of(total: Callable[..., Any], logs: Any, axis: int) -> Any:
    highest = np.max(logs, axis=axis, keepdims=True)
    # Without a term above 0 there is nothing to take out, and -inf - -inf is not a number.
    origin = np.where(np.isneginf(highest), np.zeros_like(highest), highest)
    with np.errstate(divide="ignore"):
        return np.squeeze(origin, axis=axis) + np.log(total(np.exp(logs - origin), axis=axis))
