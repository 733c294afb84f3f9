"""The pictures of `bbvi.experiments.variance`.

Curves show at most eight estimators, the ranking shows all.  A variance of zero, up to rounding,
has no place on a logarithmic axis: it is drawn at the bottom as an open triangle.
"""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from bbvi.plotting.style import COLORS, LINES, MARKERS, few_log_labels, new_figure, styled
from bbvi.plotting.variance_ranking import ranking_figure
from bbvi.plotting.variance_rows import (
    MEASURED,
    Row,
    base_point,
    bias_in_words,
    caption,
    distinct,
    matching,
)

HEADLINES = (
    "score-function",
    "leave-one-out",
    "optimal-control-variate",
    "measure-valued",
    "reparameterized",
    "sticking-the-landing",
    "linearized",
    "measure-valued-bernoulli",
    "disarm",
    "rebar",
    "relax",
    "concrete",
)
"""Drawn first when there are more than eight estimators."""
TITLES = {
    "quadratic": "$f(z) = \\sum_d (z_d - k)^2$",
    "cosine": "$f(z) = \\sum_d \\cos(k z_d)$",
    "linear-gaussian": "Probabilistic PCA of irises",
    "linear-gaussian-digits": "Probabilistic PCA of the digits",
    "digits": "Binarized digits, Gaussian latents",
    "digits-discrete": "Binarized digits, binary latents",
}
ZERO_LOOK: Any = {
    "marker": "v",
    "linestyle": "",
    "markersize": 13,
    "markerfacecolor": "white",
    "color": "#444444",
}
NO_VARIANCE_LOOK: Any = {
    "marker": "X",
    "linestyle": "",
    "markersize": 15,
    "markeredgecolor": "white",
    "color": "#b00020",
    "zorder": 5,
}
ZERO = 1e-13
"""Of the largest variance in the picture: below it is drawn as zero."""


def figures(model: str, block: str, rows: Sequence[Row]) -> dict[str, Figure]:
    """The figures of one of the `pictures`, by name: curves, ranking, and frequencies if varied."""
    title = TITLES.get(model, model.rpartition(":")[2])
    drawn = {
        "curves": curves_figure(rows, block, f"How noisy is the gradient?  {title}"),
        "ranking": ranking_figure(rows, block, f"What a gradient costs.  {title}"),
    }
    if len(distinct(rows, "k")) > 1:
        drawn["frequencies"] = frequency_figure(rows, block)
    return drawn


def curves_figure(rows: Sequence[Row], block: str, title: str) -> Figure:
    """Variance against S, against what that costs, against D and along the trajectory.

    Parameters
    ----------
    rows : sequence of dict
        Of one model and block.
    block : str
        Its name, e.g. "mean".
    title : str
        Of the figure.
    """
    rows = [row for row in rows if row["estimates"] == "ELBO"]
    names = drawn_estimators(rows)
    rows = [row for row in rows if row["estimator"] in names]
    base = base_point(rows)
    labels = {
        "samples": "samples per gradient, $S$",
        "evaluations": "log-joint evaluations per gradient",
        "dimension": "latent dimension, $D$",
        "point": "along the trajectory",
    }
    several = {column for column in labels if len(distinct(rows, column)) > 1}
    if "samples" not in several:  # what differs is the price of D alone
        several.discard("evaluations")
    varied = [column for column in labels if column in several] or ["samples"]
    with styled():
        # Four panels side by side could not be read from the back row.
        lines = 2 if len(varied) > 3 else 1
        across = len(varied) // lines
        figure = new_figure(5.2 * across + 3.4, 5.0 * lines + 0.4)
        figure.suptitle(title, fontsize=18)
        panels = figure.subplots(lines, across, sharey=True, squeeze=False).ravel()
        held = {column: {key: base[key] for key in base if key != column} for column in varied}
        if "evaluations" in held:
            held["evaluations"] = held["samples"]
        if "dimension" in held:
            # At the start q is the same N(0, I) for every D.
            held["dimension"]["point"] = distinct(rows, "point")[0]
        shown = {column: matching(rows, held[column]) for column in varied}
        every = [row for mine in shown.values() for row in mine]
        bottom = _bottom(every)
        for axes, column in zip(panels, varied):
            curves(axes, shown[column], column, names, bottom)
            axes.set_xlabel(labels[column])
            equal = {"samples": "equal $S$: ", "evaluations": "equal cost: "}.get(column, "")
            axes.set_title(equal + caption(held[column]), fontsize=13)
        for axes in panels[::across]:
            axes.set_ylabel(f"variance of the gradient in the {block}\n(per parameter)")
        panels[0].set_ylim(bottom, _top(every))
        few_log_labels(panels[0].yaxis)
        handles = _handles(names, rows)
        if any(row["variance"] < bottom for row in every):
            handles.append(Line2D([], [], label="zero, up to rounding", **ZERO_LOOK))
        if any(row["variance_exists"] is False for row in every):
            handles.append(Line2D([], [], label="does not exist", **NO_VARIANCE_LOOK))
        figure.legend(handles=handles, loc="outside right center", fontsize=12.5)
    return figure


def frequency_figure(rows: Sequence[Row], block: str) -> Figure:
    """Variance against the frequency k of f = cos(k z): where the pathwise gradient loses."""
    names = drawn_estimators(rows)
    rows = [row for row in rows if row["estimator"] in names]
    fixed = {**base_point(rows), "point": distinct(rows, "point")[0]}
    del fixed["k"]
    shown = matching(rows, fixed)
    bottom = _bottom(shown)
    with styled():
        figure = new_figure(10.5, 5.8)
        axes = figure.subplots()
        curves(axes, shown, "k", names, bottom)
        axes.set_xlabel("frequency $k$ of the integrand $\\cos(kz)$")
        axes.set_ylabel(f"variance of the gradient in the {block}")
        axes.set_title(
            f"A wavy integrand turns the ranking over\n({caption(fixed)}, $\\sigma = 1$)"
        )
        axes.set_ylim(bottom, _top(shown))
        few_log_labels(axes.yaxis)
        handles = _handles(names, rows)
        if any(row["variance_exists"] is False for row in shown):
            handles.append(Line2D([], [], label="does not exist", **NO_VARIANCE_LOOK))
        figure.legend(handles=handles, loc="outside right center", fontsize=12.5)
    return figure


def curves(
    axes: Axes, rows: Sequence[Row], column: str, names: Sequence[str], bottom: float
) -> None:
    """Variance with its interval against a column, one line per estimator; log scales.

    What is below ``bottom`` is zero up to rounding, and drawn just above it.
    """
    places, floor = distinct(rows, column), 1.5 * bottom
    words = isinstance(places[0], str)
    for row_name in names:
        mine = [row for row in rows if row["estimator"] == row_name]
        mine.sort(key=lambda row: places.index(row[column]) if words else row[column])
        x = [places.index(row[column]) if words else row[column] for row in mine]
        y = [max(row["variance"], floor) for row in mine]
        low = [max(row["variance_low"], floor) for row in mine]
        high = [min(max(row["variance_high"], floor), 10 * _top(rows)) for row in mine]
        style = _look(row_name, names)
        axes.plot(x, y, **style)
        axes.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
        none = [(a, b) for a, b, row in zip(x, y, mine) if row["variance_exists"] is False]
        axes.plot(*(zip(*none) if none else ([], [])), **NO_VARIANCE_LOOK)
        zeros = [place for place, row in zip(x, mine) if row["variance"] < floor]
        axes.plot(zeros, [floor] * len(zeros), **{**ZERO_LOOK, "color": style["color"]})
    axes.set_yscale("log")
    if words:
        axes.set_xticks(range(len(places)), places)
        axes.set_xlim(-0.25, len(places) - 0.75)
    else:
        axes.set_xscale("log")
        if column == "evaluations":
            few_log_labels(axes.xaxis)
        else:
            axes.xaxis.set_major_locator(FixedLocator(places))
            axes.set_xticklabels([f"{place:g}" for place in places])
        axes.xaxis.set_minor_locator(NullLocator())


def drawn_estimators(rows: Sequence[Row]) -> list[str]:
    """At most eight of the rows' estimators: the headline ones first, then the others."""
    present = distinct(rows, "estimator")
    if len(present) <= len(COLORS):
        return present
    chosen = [name for name in HEADLINES if name in present] or present
    return [name for name in present if name in chosen[: len(COLORS)]]


def _bottom(rows: Sequence[Row]) -> float:
    """Below the smallest variance that is not zero up to rounding."""
    # What is not finite (an estimator with too few samples) is not drawn and sets no scale.
    finite = [row["variance"] for row in rows if math.isfinite(row["variance"])]
    largest = max(finite, default=1.0)
    return min((value for value in finite if value > ZERO * largest), default=1) / 4


def _top(rows: Sequence[Row]) -> float:
    """Above the largest variance; an interval without an upper end must not set the scale."""
    return 4 * max((row["variance"] for row in rows if row["variance"] > 0), default=1.0)


def _look(name: str, names: Sequence[str]) -> dict[str, Any]:
    looks: dict[str, int] = {}
    for other in names:
        # An estimator keeps its look from figure to figure as far as eight looks allow.
        wish = HEADLINES.index(other) if other in HEADLINES else 0
        free = [(wish + step) % len(COLORS) for step in range(len(COLORS))]
        looks[other] = next((look for look in free if look not in looks.values()), 0)
    i = looks[name]
    return {"color": COLORS[i], "marker": MARKERS[i], "linestyle": LINES[i], "markersize": 8}


def _handles(names: Sequence[str], rows: Sequence[Row]) -> list[Line2D]:
    words = {(row["estimator"], bias_in_words(row)) for row in rows}
    # Measured at one point is measured.
    bias = dict(sorted(words, key=lambda pair: pair[1] == MEASURED))
    return [
        Line2D([], [], label=f"{name} ({bias[name]})" if bias[name] else name, **_look(name, names))
        for name in names
    ]
