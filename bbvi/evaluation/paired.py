"""Means over seeds or datapoints, and differences of methods, with intervals that claim no more.

A method's score is y[k, n]: seed k of K (start, minibatches, noise), held-out datapoint n of N.
Two methods a and b are compared in pairs, d[k, n] = y_a[k, n] - y_b[k, n], because what the seeds
and the datapoints have in common then cancels.  Another run would have other seeds *and* other
datapoints, so that the mean difference has two sources of error,

    se^2 = var_k(mean_n d) / K + var_n(mean_k d) / N,

and few seeds tell little of the first: the interval takes the t quantile of K - 1 degrees of
freedom for both.  The second term holds a share of the first's noise too, so the interval is
somewhat too wide, never too narrow.  With M pairs in one table each is given the level
1 - (1 - level) / M (Bonferroni), so that ``level`` holds for the whole table.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bbvi.types import Array


class MeanInterval(NamedTuple):
    """A mean over seeds and its two-sided t interval; infinite ends with a single seed."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """Two methods, a minus b, in nats per datapoint.

    Attributes
    ----------
    a, b : str
        Names; a has the higher mean.
    mean, low, high : float
        Mean difference and its simultaneous interval.
    error : float
        Standard error, over seeds and datapoints.
    num_seeds : int
        K.
    level : float
        Of all intervals of the table together.
    """

    a: str
    b: str
    mean: float
    low: float
    high: float
    error: float
    num_seeds: int
    level: float

    @property
    def decided(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0

    def sentence(self, digits: int = 2) -> str:
        """A conclusion that claims no more than the data."""
        mean, low, high = (
            f"{value:.3g}" if abs(value) >= 1e6 else f"{value:.{digits}f}"
            for value in (self.mean, self.low, self.high)
        )
        if self.num_seeds < 2:
            return f"{self.a} and {self.b}: one seed says nothing about others (difference {mean})."
        interval = f"{self.level:.0%} interval {low} to {high}, {self.num_seeds} seeds"
        if self.decided:
            return f"{self.a} is ahead of {self.b} by {mean} ({interval})."
        return f"{self.a} and {self.b} are not told apart ({interval} for the difference)."


def mean_interval(values: Array, level: float = 0.95) -> MeanInterval:
    """The mean over seeds with its t interval.

    Parameters
    ----------
    values : ndarray (K,)
        One number a seed.
    level : float
        Of the interval.

    Raises
    ------
    ValueError
        If there are no values or the level is not between 0 and 1.

    Examples
    --------
    >>> [round(end, 3) for end in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]
    """
    _check_level(level)
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values has shape {values.shape}; expected (K,), one number a seed.")
    K, mean = len(values), float(values.mean())
    reach = _quantile(level, K) * values.std(ddof=1) / np.sqrt(K) if K > 1 else np.inf
    return MeanInterval(mean, float(mean - reach), float(mean + reach))


def mean_over_data(name: str, values: Array) -> dict[str, float]:
    """The columns ``name`` and ``name_se``: the mean over datapoints and its standard error.

    The error of a single datapoint, such as a whole data set, is not known: NaN.
    """
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {name: float(values.mean()), f"{name}_se": float(error)}


def paired_differences(scores: Mapping[str, Array], level: float = 0.95) -> list[Difference]:
    """Every pair of methods, the better first, with simultaneous intervals.

    Parameters
    ----------
    scores : mapping of name to ndarray (K, N)
        Score of each seed and held-out datapoint, the same seeds and datapoints for all methods.
    level : float
        That all intervals hold together.

    Returns
    -------
    list of Difference
        M (M - 1) / 2 of M methods, in the order of the mapping.

    Raises
    ------
    ValueError
        If shapes differ, or the level is not between 0 and 1.
    """
    _check_level(level)
    arrays = {name: np.asarray(value, np.float64) for name, value in scores.items()}
    shapes = {name: value.shape for name, value in arrays.items()}
    if len(set(shapes.values())) > 1 or any(value.ndim != 2 for value in arrays.values()):
        raise ValueError(
            f"scores have shapes {shapes}; expected one shape (K, N) for all: the same seeds and "
            "datapoints."
        )
    pairs = list(combinations(arrays, 2))
    each = 1 - (1 - level) / max(len(pairs), 1)
    return [_difference(a, b, arrays[a], arrays[b], each, level) for a, b in pairs]


def _difference(a: str, b: str, ya: Array, yb: Array, each: float, level: float) -> Difference:
    d = ya - yb
    if d.mean() < 0:
        a, b, d = b, a, -d
    (K, N), mean = d.shape, float(d.mean())
    if K == 1:
        return Difference(a, b, mean, -np.inf, np.inf, np.inf, K, level)
    over_seeds = d.mean(axis=1).var(ddof=1) / K
    over_data = d.mean(axis=0).var(ddof=1) / N if N > 1 else 0.0
    error = float(np.sqrt(over_seeds + over_data))
    reach = _quantile(each, K) * error
    return Difference(a, b, mean, mean - reach, mean + reach, error, K, level)


def _quantile(level: float, num_seeds: int) -> float:
    """The two-sided t quantile of K - 1 degrees of freedom."""
    from scipy import stats  # not above: it takes as long to import as all of bbvi

    return float(stats.t.ppf((1 + level) / 2, num_seeds - 1))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a number between 0 and 1, e.g. 0.95.")
