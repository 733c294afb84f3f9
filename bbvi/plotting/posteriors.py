"""Pictures of approximations held against reference moments."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bbvi.plotting.style import COLORS, new_figure, styled

Row = Mapping[str, Any]

METHODS = {
    "mean field": (COLORS[1], "s"),
    "linear response": (COLORS[0], "o"),
    "full covariance": (COLORS[2], "^"),
    "weighted": (COLORS[5], "D"),
}
SMALLEST = 3e-3
"""Errors below this, a third of a percent of a standard deviation, are drawn there."""
LOWEST = -0.2
"""The same of k-hat: far below 0.7 it makes no difference."""


def posteriors_figure(rows: Sequence[Row]) -> Figure:
    """Largest error of a mean, range of sd ratios and k-hat of each method, a line per posterior.

    ``rows`` are those of `bbvi.experiments.posteriors.rows`.  Shaded is what counts as right.  Of
    the weighted draws the ones with the smaller k-hat are shown.  A posterior without reference has
    a k-hat only; if none has one, k-hat is all that is drawn.
    """
    names = list(dict.fromkeys(row["posterior"] for row in rows))
    if all(row.get("mean_error") in (None, "") for row in rows):
        return _khat_figure(rows, names)
    with styled():
        figure = new_figure(13, 2.2 + 0.55 * len(names))
        errors, ratios, khats = figure.subplots(1, 3, sharey=True, width_ratios=(3, 4, 2))
        for axes, (low, high) in ((errors, (SMALLEST, 0.1)), (ratios, (0.9, 1.1))):
            axes.axvspan(low, high, color=COLORS[7], alpha=0.25, lw=0)
            axes.set_xscale("log")
        for number, (method, (color, marker)) in enumerate(METHODS.items()):
            chosen = [_row(rows, name, method) for name in names]
            y = np.arange(len(names)) + 0.2 * (number - 1.5)
            look = {"color": color, "marker": marker, "ms": 8, "ls": "none", "label": method}
            error, smallest, largest = (
                np.array([row.get(key, np.nan) for row in chosen], float)
                for key in ("mean_error", "sd_ratio_min", "sd_ratio_max")
            )
            errors.plot(np.maximum(error, SMALLEST), y, **look)
            ratios.plot(smallest, y, **look)
            ratios.plot(largest, y, **{**look, "label": None})
            ratios.hlines(y, smallest, largest, color=color, lw=3)
        _draw_khats(khats, rows, names)
        errors.set_yticks(np.arange(len(names)), _short(names))
        errors.invert_yaxis()
        errors.set_xlabel("largest error of a mean, in sd")
        ratios.set_xlabel("sd / true sd, smallest to largest")
        errors.margins(y=0.02)
        _ticks(ratios, (0.03, 0.1, 0.3, 1, 2))
        _ticks(errors, (0.003, 0.01, 0.03, 0.1, 0.3, 1))
        handles, labels = errors.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(METHODS))
    return figure


def _khat_figure(rows: Sequence[Row], names: Sequence[str]) -> Figure:
    """k-hat of each method, a line per posterior."""
    with styled():
        figure = new_figure(11, 2.4 + 0.8 * len(names))
        axes = figure.subplots()
        _draw_khats(axes, rows, names)
        axes.set_yticks(np.arange(len(names)), _short(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel("k-hat (shaded: the weighted draws can be trusted)")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(METHODS))
    return figure


def _draw_khats(axes: Any, rows: Sequence[Row], names: Sequence[str]) -> None:
    axes.axvspan(LOWEST, 0.7, color=COLORS[7], alpha=0.25, lw=0)
    for number, (method, (color, marker)) in enumerate(METHODS.items()):
        chosen = [_row(rows, name, method) for name in names]
        khat = np.array([row.get("khat", np.nan) for row in chosen], float)
        y = np.arange(len(names)) + 0.2 * (number - 1.5)
        look = {"color": color, "marker": marker, "ms": 8, "ls": "none", "label": method}
        axes.plot(np.clip(khat, LOWEST, 1.5), y, **look)
    axes.set_xlabel("k-hat")
    axes.set_xticks((0, 0.7, 1))


def _row(rows: Sequence[Row], name: str, method: str) -> Row:
    """The method's row of a posterior; of the weighted ones that with the smaller k-hat."""
    chosen = [
        row
        for row in rows
        if row["posterior"] == name
        and (row["method"] == method or (method == "weighted" and method in row["method"]))
    ]
    return min(chosen, key=lambda row: row["khat"]) if chosen else {}


def _ticks(axes: Any, places: Sequence[float]) -> None:
    """Plain numbers on a logarithmic axis, those of the range only."""
    low, high = axes.get_xlim()
    shown = [place for place in places if low <= place <= high]
    axes.set_xticks(shown, [f"{place:g}" for place in shown])
    axes.set_xticks([], minor=True)


def _short(names: Sequence[str]) -> list[str]:
    """What follows the first hyphen, where that tells the posteriors apart."""
    ends = [name.partition("-")[2] or name for name in names]
    return [end if ends.count(end) == 1 else name for name, end in zip(names, ends)]
