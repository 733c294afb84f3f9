"""Confidence intervals of a variance."""

from typing import NamedTuple

import numpy as np

from bbvi.types import Array

NUM_GROUPS = 200
NUM_RESAMPLES = 499
FEWEST_GROUPS = 5
NORMAL_KURTOSIS = 0.1
RESOLVED_LEVEL = 0.98


class Interval(NamedTuple):
    """A confidence interval and how it was made: "chi-square", "bootstrap" or "none"."""

    low: float
    high: float
    method: str


def variance_interval(
    variance: float,
    spread: Array,
    sizes: Array,
    level: float,
    rng: np.random.Generator,
    values: Array | None = None,
) -> Interval:
    """An interval for the variance per parameter.

    * chi-square, (R - 1) s^2 / chi2_{R-1}: where there is one parameter and its replicates have
      the kurtosis of a normal (excess below 0.1 in size);
    * bootstrap-t on the logarithm elsewhere: gradients are heavy-tailed, and for them the
      chi-square interval is far too short;
    * none, 0 to infinity, below `FEWEST_GROUPS` groups: resampling two or three replicates says
      more about the resampling than about the estimator.

    Parameters
    ----------
    variance : float
        The estimate.
    spread : ndarray (G,)
        Of each group of replicates, the sum over replicates of the squared deviations, averaged
        over the block's parameters.
    sizes : ndarray (G,)
        Replicates of each group.
    level : float
        E.g. 0.95.
    rng : numpy Generator
        For the resampling.
    values : ndarray (R,), optional
        The replicates themselves, if there is one parameter.

    Notes
    -----
    Efron and Tibshirani (1993), "An introduction to the bootstrap", chapter 12.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> g = rng.standard_normal(100_000)
    >>> interval = variance_interval(g.var(), g**2, np.ones(100_000), 0.95, rng, g)
    >>> interval.low < 1 < interval.high, interval.method
    (True, 'chi-square')
    """
    if variance == 0:
        return Interval(0.0, 0.0, "none")
    if values is not None and abs(_excess_kurtosis(values)) <= NORMAL_KURTOSIS:
        from scipy import stats  # not above: it takes as long to import as all of bbvi

        degrees = len(values) - 1
        tails = (1 - level) / 2, (1 + level) / 2
        high, low = degrees * variance / stats.chi2.ppf(tails, degrees)
        return Interval(float(low), float(high), "chi-square")
    if len(spread) < FEWEST_GROUPS:
        return Interval(0.0, np.inf, "none")
    low, high = _bootstrap_t(*_regroup(spread, sizes), level, rng)
    return Interval(variance * low, variance * high, "bootstrap")


def _excess_kurtosis(values: Array) -> float:
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3)


def _regroup(spread: Array, sizes: Array) -> tuple[Array, Array]:
    """At most `NUM_GROUPS` groups of consecutive ones: resampling then costs nothing."""
    starts = np.unique(np.linspace(0, len(spread), NUM_GROUPS + 1).astype(int)[:-1])
    return np.add.reduceat(spread, starts), np.add.reduceat(sizes, starts)


def _bootstrap_t(spread: Array, sizes: Array, level: float, rng: np.random.Generator) -> Array:
    """Factors on the estimate, from the resampled t statistics of its logarithm.

    Quantiles further out than the resamples can tell are those of `RESOLVED_LEVEL`, stretched as
    a normal's are.
    """
    drawn = rng.integers(len(spread), size=(NUM_RESAMPLES, len(spread)))
    # Where nearly all spreads are zero a resample may hold zeros only: its logarithm is -infinity,
    # and if that is not rare, neither is a variance far above the estimate.
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mean, error = _log_mean(spread, sizes)
        resampled, errors = _log_mean(spread[drawn], sizes[drawn])
        t = np.where(np.isneginf(resampled), -np.inf, (resampled - log_mean) / errors)
    t = t[~np.isnan(t)]
    if not (np.isfinite(log_mean) and len(t)):
        return np.array([0.0, np.inf])
    from scipy import stats  # not above: it takes as long to import as all of bbvi

    resolved = min(level, RESOLVED_LEVEL)
    stretch = stats.norm.ppf((1 + level) / 2) / stats.norm.ppf((1 + resolved) / 2)
    tails = [(1 - resolved) / 2, (1 + resolved) / 2]
    upper, lower = stretch * np.quantile(t, tails, method="inverted_cdf")
    with np.errstate(over="ignore"):
        return np.exp([-lower * error, -upper * error])


def _log_mean(spread: Array, sizes: Array) -> tuple[Array, Array]:
    """log of sum(spread) / sum(sizes), and its standard error by the delta method."""
    count, total = sizes.sum(axis=-1), spread.sum(axis=-1)
    ratio = total / count
    residual = spread - ratio[..., None] * sizes
    groups = spread.shape[-1]
    error = np.sqrt((residual**2).sum(axis=-1) * groups / (groups - 1)) / total
    return np.log(ratio), error
