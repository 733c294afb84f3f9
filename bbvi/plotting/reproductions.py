"""Published numbers and ours in one picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbvi.experiments.reproductions.agreement import Comparison
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled

Row = Mapping[str, Any]
FACE = {"agrees": COLORS[5], "differs": COLORS[3], "cannot be compared": COLORS[7]}
COLUMNS = 3
NOTHING = 1e-20
SLOPE = "slope, "


def figure_of(
    entry: Reproduction, rows: Sequence[Row], comparisons: Sequence[Comparison]
) -> Figure:
    """Curves against x with what is known drawn in, where rows have an x; otherwise the points.

    Parameters
    ----------
    entry : Reproduction
    rows : sequence of dict
        Ours.
    comparisons : sequence of Comparison
        Drawn where there is no curve.
    """
    curves = [row for row in rows if row.get("x") not in (None, "")]
    with styled():
        if curves:
            return _curves(entry, curves, comparisons)
        hidden = {row["quantity"] for row in rows if str(row.get("drawn", "")) == "False"}
        return _points(entry, [one for one in comparisons if one.quantity not in hidden])


def _points(entry: Reproduction, comparisons: Sequence[Comparison]) -> Figure:
    """One line for each quantity: our interval, and every published number."""
    shown = [one for one in comparisons if one.num_seeds]
    names = list(dict.fromkeys(one.quantity for one in shown))
    figure = new_figure(12, 2.2 + 0.62 * len(names))
    figure.suptitle(entry.title, fontsize=16)
    axes = figure.subplots()
    authors = list(dict.fromkeys(one.by for one in shown))
    for one in shown:
        place = len(names) - 1 - names.index(one.quantity)
        axes.plot([one.low, one.high], [place, place], color="#444444", lw=7, alpha=0.45)
        axes.plot(one.ours, place, "|", color="#000000", markersize=20, markeredgewidth=3)
        axes.plot(
            one.theirs,
            place,
            MARKERS[authors.index(one.by) % len(MARKERS)],
            color=FACE[one.verdict],
            markersize=11,
            markeredgecolor="white",
        )
    axes.set_yticks(range(len(names)), names[::-1])
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlabel(entry.axes[0])
    handles = [Line2D([], [], color="#444444", lw=7, alpha=0.45, label="ours, with interval")]
    handles += [
        Line2D([], [], marker=mark, ls="", markersize=11, color="#222222", label=name)
        for name, mark in zip(authors, MARKERS)
    ]
    handles += [
        Line2D([], [], marker="o", ls="", markersize=11, color=color, label=verdict)
        for verdict, color in FACE.items()
        if any(one.verdict == verdict for one in shown)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=13)
    return figure


def _curves(entry: Reproduction, rows: Sequence[Row], comparisons: Sequence[Comparison]) -> Figure:
    """One panel for each ``panel`` of the rows: ours as lines, exact and published as marks."""
    if entry.floor is not None:
        rows = [{**row, "value": max(float(row["value"]), entry.floor)} for row in rows]
    panels = list(dict.fromkeys(str(row.get("panel", "")) for row in rows))
    series = list(dict.fromkeys(str(row["series"]) for row in rows))
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(max(8.0, 5.2 * columns), 1.7 + 3.7 * lines)
    figure.suptitle(entry.title, fontsize=16)
    grid = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for axes, panel in zip(grid, panels):
        inside = [row for row in rows if str(row.get("panel", "")) == panel]
        for number, name in enumerate(series):
            _series(axes, [row for row in inside if row["series"] == name], number, comparisons)
        _published_curves(axes, panel, series, entry.published)
        axes.set_title(panel)
        if "x" in entry.logarithmic:
            axes.set_xscale("log")
        else:
            axes.locator_params("x", nbins=5)
        if "y" in entry.logarithmic:
            axes.set_yscale("log")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[: len(panels)]:
        axes.set_xlabel(entry.axes[0])
    for axes in grid[: len(panels) : columns]:
        axes.set_ylabel(entry.axes[1])
    handles = [
        Line2D([], [], color=COLORS[k % 8], ls=LINES[k % 8], label=f"ours: {name}")
        for k, name in enumerate(series)
    ]
    if any(row.get("exact") not in (None, "") for row in rows):
        handles.append(Line2D([], [], marker="o", ls="", color="#444444", label="exact"))
    drawn = {row["quantity"] for row in rows}
    others = dict.fromkeys(
        one.by for one in comparisons if one.by != "exact" and one.quantity in drawn
    ) | dict.fromkeys(one.by for one in entry.published if one.place is not None)
    if any(one.quantity.startswith(SLOPE) for one in comparisons):
        handles.append(Line2D([], [], color="#444444", lw=1.2, label="published slope"))
    handles += [
        Line2D([], [], marker="*", ls="", markersize=15, color="#444444", label=f"{name}")
        for name in others
    ]
    many = 2 if columns < COLUMNS else 4
    figure.legend(handles=handles, loc="outside lower center", ncols=many, fontsize=13)
    return figure


def _series(
    axes: Axes, rows: Sequence[Row], number: int, comparisons: Sequence[Comparison]
) -> None:
    """The mean over seeds with the spread of single seeds, exact values, published points."""
    if not rows:
        return
    color, line = COLORS[number % 8], LINES[number % 8]
    points: dict[float, list[float]] = {}
    for row in rows:
        points.setdefault(float(row["x"]), []).append(float(row["value"]))
    x = np.array(sorted(points))
    mean = np.array([np.mean(points[at]) for at in x])
    # A variance of nothing but rounding has no place on a logarithmic axis.
    mean[np.abs(mean) < NOTHING] = np.nan
    low, high = (np.array([f(points[at]) for at in x]) for f in (np.min, np.max))
    # A single point has no line.
    axes.plot(x, mean, color=color, ls=line, marker="o" if len(x) == 1 else "")
    axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
    exact = {float(r["x"]): float(r["exact"]) for r in rows if r.get("exact") not in (None, "")}
    exact = {at: value for at, value in exact.items() if abs(value) >= NOTHING}
    axes.plot(list(exact), list(exact.values()), "o", color=color, markersize=7)
    for one in comparisons:
        if one.quantity == f"{SLOPE}{rows[0]['series']}":
            axes.plot(x, mean[0] * (x / x[0]) ** one.theirs, color="#444444", lw=1.2)
    by_name = {row["quantity"]: float(row["x"]) for row in rows}
    for one in comparisons:
        if one.quantity in by_name and one.by != "exact":
            axes.plot(by_name[one.quantity], one.theirs, "*", color=color, markersize=17,
                      markeredgecolor="white", zorder=5)  # fmt: skip


def _published_curves(
    axes: Axes, panel: str, series: Sequence[str], published: Sequence[Published]
) -> None:
    """What others printed of whole curves, also beyond the end of ours."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for one in published:
        if one.place is not None and one.place[0] == panel:
            curves.setdefault(one.place[1], []).append((one.place[2], one.value))
    for name, points in curves.items():
        number = series.index(name) if name in series else len(series)
        x, y = zip(*sorted(points))
        axes.plot(x, y, ls=(0, (1, 2)), marker="*", color=COLORS[number % 8], markersize=15,
                  markeredgecolor="white", lw=1.2, zorder=4)  # fmt: skip
