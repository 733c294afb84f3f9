"""The rule that compares our number with a published one, and what the rule says in words.

Ours are y_1 .. y_K, one a seed, with mean m and standard deviation s.  With M comparisons that can
be made in a reproduction, each is made at the level 1 - 0.05 / M, so that all of them together hold
at 95 %.  With t the quantile of K - 1 degrees of freedom, the reach of a comparison is

    "mean"    t s sqrt(1/K) + t_inf error + rounding       theirs is an expectation
    "run"     t s sqrt(1/K + 1) + rounding                 theirs is one more run, like ours
    "within"  tolerance                                    stated, and asked of every run
    "above"   t s sqrt(1/K)                                theirs is a lower limit, as 0 of a
                                                           difference whose sign was published

* agrees: |m - theirs| <= reach; of "within": |y_k - theirs| <= tolerance for every k; of "above":
  m > theirs + reach;
* differs by m - theirs: otherwise; of "within": no y_k is so near;
* cannot be compared: some of the y_k of "within" are near and some are not; the interval of "above"
  holds the limit; the source does not tell what is needed, or ours is not built for it; ours was
  not measured, has a single seed (of "within" one is enough) or is not finite; or the reach is
  wider than the resolution, so that the comparison could hardly have failed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from bbvi.evaluation.paired import mean_interval
from bbvi.experiments.reproductions.entries import Published

LEVEL = 0.95
EXACT_RESOLUTION = 0.25
"""The widest interval, relative to an exact value or to its scale, that still is a check of it."""
EXACT_DIGITS = 1e-9
"""Relative rounding of quadratures and closed forms in float64."""
NOT_MEASURED = "it was not measured"
TOO_WIDE = "it could hardly have failed"


class Agreement(NamedTuple):
    """One published number beside ours.

    Attributes
    ----------
    quantity, by : str
        What was measured, and whose number stands beside ours.
    theirs : float
    printed : str
        The same as its source prints it, with all digits.
    kind : str
        As in `Published`.
    ours, low, high : float
        Mean over seeds with its simultaneous interval.
    num_seeds : int
    reach : float
        How far apart the two may be.
    verdict : str
        "agrees", "differs" or "cannot be compared".
    because : str
        The sentence.
    """

    quantity: str
    by: str
    theirs: float
    printed: str
    kind: str
    ours: float
    low: float
    high: float
    num_seeds: int
    reach: float
    verdict: str
    because: str


def compare(published: Sequence[Published], rows: Iterable[Mapping[str, Any]]) -> list[Agreement]:
    """Every published number, and every exact value in the rows, beside ours.

    Parameters
    ----------
    published : sequence of Published
    rows : iterable of dict
        With ``quantity``, ``value`` and perhaps ``exact``.

    Raises
    ------
    ValueError
        If a kind is unknown.
    """
    values: dict[str, list[float]] = {}
    exact: dict[str, Published] = {}
    for row in rows:
        values.setdefault(row["quantity"], []).append(float(row["value"]))
        if row.get("exact") not in (None, ""):
            exact[row["quantity"]] = _exact(row)
    theirs = [*published, *exact.values()]
    # What is listed only, with its obstacle, makes no interval of the others wider.
    made = sum(not one.obstacle and one.quantity in values for one in theirs)
    level = 1 - (1 - LEVEL) / max(made, 1)
    return [_compare(one, np.array(values.get(one.quantity, [])), level) for one in theirs]


def _exact(row: Mapping[str, Any]) -> Published:
    """An exact value as a number that somebody published without error.

    Its interval is judged against its own size, or against the row's ``scale``.
    """
    value, scale = float(row["exact"]), row.get("scale")
    resolution = EXACT_RESOLUTION * (abs(value) if scale in (None, "") else float(scale))
    printed = repr(value)
    return Published(
        row["quantity"], printed, "exact", "", kind="mean", resolution=resolution or np.inf
    )


def _compare(theirs: Published, ours: np.ndarray[Any, Any], level: float) -> Agreement:
    K = len(ours)
    if K == 0:
        nothing = (np.nan, np.nan, np.nan, 0, np.nan)
        return _said(theirs, nothing, "cannot be compared", theirs.obstacle or NOT_MEASURED)
    mean, low, high = mean_interval(ours, level)
    reach = _reach(theirs, K, low, high, level)
    measured = (mean, low, high, K, reach)
    if theirs.obstacle:
        return _said(theirs, measured, "cannot be compared", theirs.obstacle)
    if not np.isfinite(ours).all():
        return _said(theirs, measured, "cannot be compared", "ours is not finite")
    if not np.isfinite(reach):
        return _said(theirs, measured, "cannot be compared", "one seed has no interval")
    if reach > theirs.resolution:
        because = f"the reach {reach:.2g} is wider than {theirs.resolution:.2g}: {TOO_WIDE}"
        return _said(theirs, measured, "cannot be compared", because)
    difference = mean - theirs.value
    if theirs.kind == "above":
        return _above(theirs, measured, difference)
    if theirs.kind == "within":
        return _within(theirs, measured, ours)
    if abs(difference) <= reach:
        return _said(theirs, measured, "agrees", f"{difference:+.2g}, within {reach:.2g}")
    return _said(theirs, measured, "differs", f"by {difference:+.3g}, more than {reach:.2g}")


def _within(theirs: Published, measured: Any, ours: np.ndarray[Any, Any]) -> Agreement:
    """Of a tolerance: every run is near, none is, or no telling."""
    difference, K = measured[0] - theirs.value, len(ours)
    near = int(np.sum(np.abs(ours - theirs.value) <= theirs.tolerance))
    reach = f"{theirs.tolerance:.2g}"
    if near == K:
        return _said(theirs, measured, "agrees", f"{difference:+.2g}, within {reach}")
    if near == 0:
        return _said(theirs, measured, "differs", f"by {difference:+.3g}, more than {reach}")
    because = f"{difference:+.2g}, but {near} of {K} runs are within {reach}"
    return _said(theirs, measured, "cannot be compared", because)


def _above(theirs: Published, measured: Any, difference: float) -> Agreement:
    """Of a lower limit: above it, below it, or no telling."""
    reach = measured[-1]
    if difference > reach:
        return _said(
            theirs, measured, "agrees", f"above by {difference:.2g}, more than {reach:.2g}"
        )
    if difference < -reach:
        return _said(theirs, measured, "differs", f"below by {-difference:.3g}")
    return _said(theirs, measured, "cannot be compared", f"the interval holds {theirs.value:.3g}")


def _reach(theirs: Published, num_seeds: int, low: float, high: float, level: float) -> float:
    """How far ours may be from theirs, by the kind of their number."""
    half = (high - low) / 2
    if theirs.by == "exact":
        return half + EXACT_DIGITS * max(abs(theirs.value), 1e-9)
    if theirs.kind == "mean":
        error = float(stats.norm.ppf((1 + level) / 2)) * theirs.error
        return half + error + theirs.rounding
    if theirs.kind == "run":
        return half * float(np.sqrt(num_seeds + 1)) + theirs.rounding
    if theirs.kind == "within":
        return theirs.tolerance
    if theirs.kind == "above":
        return half
    raise ValueError(f"kind is {theirs.kind!r}; expected 'mean', 'run', 'within' or 'above'.")


def _said(theirs: Published, measured: Any, verdict: str, because: str) -> Agreement:
    """A comparison with its verdict."""
    printed = f"{theirs.value:.6g}" if theirs.by == "exact" else theirs.printed
    whose = (theirs.quantity, theirs.by, theirs.value, printed, theirs.kind)
    return Agreement._make((*whose, *measured, verdict, because))


def summary(comparisons: Sequence[Agreement]) -> str:
    """The verdict on a whole reproduction, in one sentence.

    Examples
    --------
    >>> summary([])
    'cannot be compared: nothing was measured'
    """
    if not comparisons:
        return "cannot be compared: nothing was measured"
    groups: dict[str, list[Agreement]] = {}
    for one in comparisons:
        groups.setdefault(one.verdict, []).append(one)
    total, agree = len(comparisons), len(groups.get("agrees", []))
    parts = [f"agrees ({agree} of {total})" if agree == total else f"{agree} of {total} agree"]
    for verdict in ("differs", "cannot be compared"):
        for one in groups.get(verdict, [])[:3]:
            parts.append(f"{one.quantity} ({one.by}) {verdict}: {one.because}")
        more = len(groups.get(verdict, [])) - 3
        if more > 0:
            parts.append(f"{more} more: {verdict}")
    return "; ".join(parts)
