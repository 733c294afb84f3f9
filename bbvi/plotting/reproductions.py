"""Published numbers and ours in one picture."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bbvi.experiments.reproductions.agreement import Agreement
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled
from bbvi.types import Array

Row = Mapping[str, Any]
FACE = {"agrees": COLORS[5], "differs": COLORS[3], "cannot be compared": "white"}
MORE_COLORS = (
    "#332288", "#882255", "#117733", "#999933", "#AA4499", "#661100", "#44AA99", "#555555",
)  # fmt: skip
"""Of Tol's muted scheme, for the ninth series and those after it."""
STARS = ("*", "P", "X", "D")
NOTHING = 1e-20
"""A variance below is rounding and nothing else: it has no place on a logarithmic axis."""
SLOPE = "slope, "
GRAY = "#444444"
FARTHEST = 3.0
"""Reaches between ours and the farthest point of the picture of comparisons."""


class Look(NamedTuple):
    """How a series and its published points are drawn."""

    color: str
    line: Any
    star: str


def look(number: int) -> Look:
    """Of series number 0, 1, ...: colour and star together are unique up to 64."""
    palette = COLORS + MORE_COLORS
    turn, place = divmod(number, len(palette))
    return Look(palette[place], LINES[(place + turn) % len(LINES)], STARS[turn % len(STARS)])


class Star(NamedTuple):
    """A published number in a panel; ``joined`` if it is a point of a published curve."""

    panel: str
    series: str
    x: float
    value: float
    comparable: bool
    joined: bool


def figure_of(entry: Reproduction, rows: Sequence[Row], comparisons: Sequence[Agreement]) -> Figure:
    """Curves against x with what is known drawn in, where rows have an x; otherwise comparisons.

    Parameters
    ----------
    entry : Reproduction
    rows : sequence of dict
        Ours.
    comparisons : sequence of Agreement
        Drawn where there is no curve, and as stars where a curve has their quantity.
    """
    curves = [_placed(entry, row) for row in rows if row.get("x") not in (None, "")]
    with styled():
        return _curves(entry, curves, comparisons) if curves else _points(entry, comparisons)


def _placed(entry: Reproduction, row: Row) -> dict[str, Any]:
    """A row with its panel, and not below the entry's floor."""
    value, panel = float(row["value"]), str(row.get("panel", ""))
    if entry.floor is not None:
        value = max(value, entry.floor)
    if entry.panel_of is not None:
        panel = entry.panel_of(str(row["quantity"]))
    return {**row, "x": float(row["x"]), "value": value, "panel": panel}


def _points(entry: Reproduction, comparisons: Sequence[Agreement]) -> Figure:
    """One line for each comparison: theirs minus ours in units of the reach.

    The numbers of one entry lie far apart and their differences are small: on one axis of values
    nothing could be seen.
    """
    shown = [one for one in comparisons if one.num_seeds and 0 < one.reach < np.inf]
    figure = new_figure(13, 2.2 + 0.42 * len(shown))
    figure.suptitle(entry.title, fontsize=16)
    axes = figure.subplots()
    authors = list(dict.fromkeys(one.by for one in shown))
    for place, one in enumerate(shown[::-1]):
        # Where an order was published, theirs has to lie below ours.
        left = -FARTHEST if one.kind == "above" else -1
        axes.barh(place, 2, left=left, height=0.8, color=GRAY, alpha=0.18)
        away = float(np.clip((one.theirs - one.ours) / one.reach, -FARTHEST, FARTHEST))
        axes.plot(away, place, MARKERS[authors.index(one.by) % len(MARKERS)], markersize=11,
                  color=FACE[one.verdict], markeredgecolor="#222222", clip_on=False)  # fmt: skip
        axes.text(1.01, place, f"{one.printed}, ours {one.ours:.6g}", va="center",
                  fontsize=12, transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_yticks(range(len(shown)), [f"{one.quantity} ({one.by})" for one in shown[::-1]])
    axes.set_xlim(-FARTHEST, FARTHEST)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel("(published - ours) / reach")
    figure.legend(handles=_handles_of_points(shown), loc="outside lower center", ncols=4)
    return figure


def _handles_of_points(shown: Sequence[Agreement]) -> list[Any]:
    """The legend of `_points`: who printed a number, and the verdicts."""
    handles: list[Any] = [Patch(color=GRAY, alpha=0.18, label="agreement")]
    usual: dict[str, Any] = {"ls": "", "markersize": 11, "markeredgecolor": "#222222"}
    handles += [
        Line2D([], [], marker=mark, color="#222222", label=name, **usual)
        for name, mark in zip(dict.fromkeys(one.by for one in shown), MARKERS)
    ]
    return handles + [
        Line2D([], [], marker="o", color=color, label=verdict, **usual)
        for verdict, color in FACE.items()
        if any(one.verdict == verdict for one in shown)
    ]


def _curves(entry: Reproduction, rows: Sequence[Row], comparisons: Sequence[Agreement]) -> Figure:
    """One panel for each ``panel``: ours as lines, exact and published numbers as marks."""
    stars = _stars(entry.published, rows, comparisons)
    panels = list(dict.fromkeys([*(r["panel"] for r in rows), *(star.panel for star in stars)]))
    ours = list(dict.fromkeys(str(row["series"]) for row in rows))
    looks = {
        name: look(number)
        for number, name in enumerate(dict.fromkeys([*ours, *(star.series for star in stars)]))
    }
    figure, grid = _grid(entry.title, len(panels))
    for axes, panel in zip(grid, panels):
        if "x" in entry.logarithmic:
            axes.set_xscale("log")
        else:
            axes.locator_params("x", nbins=5)
        if "y" in entry.logarithmic:
            axes.set_yscale("log")
        for name in ours:
            inside = [row for row in rows if (row["panel"], row["series"]) == (panel, name)]
            if inside:
                _series(axes, inside, looks[name], "y" in entry.logarithmic)
                _slopes(axes, inside, comparisons)
        _draw_stars(axes, [star for star in stars if star.panel == panel], looks)
        axes.set_title(panel)
        axes.set_xlabel(entry.axes[0])
        axes.set_ylabel(entry.axes[1])
    handles = _handles(entry, rows, stars, looks, comparisons)
    many = 4 if len(grid) == 3 or len(grid) > 4 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=many, fontsize=13)
    return figure


def _grid(title: str, panels: int) -> tuple[Figure, list[Axes]]:
    """Panels in rows of two or three, without a lonely one."""
    columns = {1: 1, 2: 2, 4: 2}.get(panels, 3)
    lines = -(-panels // columns)
    figure = new_figure(max(9.0, 5.4 * columns), 1.7 + (3.7 if panels > 1 else 4.4) * lines)
    figure.suptitle(title, fontsize=16)
    grid = list(np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel())
    for axes in grid[panels:]:
        axes.set_visible(False)
    return figure, grid[:panels]


def _series(axes: Axes, rows: Sequence[Row], its: Look, logarithmic: bool) -> None:
    """The mean over seeds with the spread of single seeds, and exact values."""
    points: dict[float, list[float]] = {}
    for row in rows:
        points.setdefault(row["x"], []).append(row["value"])
    x = np.array(sorted(points))
    low, mean, high = (np.array([f(points[at]) for at in x]) for f in (np.min, np.mean, np.max))
    exact = {r["x"]: float(r["exact"]) for r in rows if r.get("exact") not in (None, "")}
    nothing = np.abs(mean) < NOTHING if logarithmic else np.zeros(len(x), bool)
    for values in (low, mean, high):
        values[nothing] = np.nan
    # A single point has no line.
    axes.plot(x, mean, color=its.color, ls=its.line, marker="o" if len(x) == 1 else "")
    axes.fill_between(x, low, high, color=its.color, alpha=0.15, lw=0)
    seen = {at: value for at, value in exact.items() if at not in x[nothing]}
    axes.plot(list(seen), list(seen.values()), "o", color=its.color, markersize=7)
    _below(axes, x[nothing], its)


def _below(axes: Axes, x: Array, its: Look) -> None:
    """Zeros of a logarithmic axis: arrows on its lower edge."""
    if len(x):
        axes.plot(x, np.full(len(x), 0.04), "v", color=its.color, markersize=13, gid="zero",
                  markeredgecolor="white", transform=axes.get_xaxis_transform())  # fmt: skip


def _slopes(axes: Axes, rows: Sequence[Row], comparisons: Sequence[Agreement]) -> None:
    """Published slopes over "K = first to last", through our mean at the first K."""
    for one in comparisons:
        name, _, ends = one.quantity.partition(", K = ")
        if name != f"{SLOPE}{rows[0]['series']}" or one.verdict == "cannot be compared":
            continue
        x = np.array([float(end) for end in ends.split(" to ")])
        start = np.mean([row["value"] for row in rows if row["x"] == x[0]])
        axes.plot(x, start * (x / x[0]) ** one.theirs, color=GRAY, lw=1.2)


def _stars(
    published: Sequence[Published], rows: Sequence[Row], comparisons: Sequence[Agreement]
) -> list[Star]:
    """Points of published curves, also beyond the end of ours; and numbers of drawn quantities."""
    verdicts = {(one.quantity, one.by): one.verdict for one in comparisons}
    places = {row["quantity"]: (row["panel"], str(row["series"]), row["x"]) for row in rows}
    stars = []
    for one in published:
        place = one.place or places.get(one.quantity)
        if place is not None:
            comparable = verdicts.get((one.quantity, one.by)) in ("agrees", "differs")
            panel, series, x = place
            joined = one.place is not None
            stars.append(Star(panel, series, x, one.value, comparable, joined))
    return stars


def _draw_stars(axes: Axes, stars: Sequence[Star], looks: Mapping[str, Look]) -> None:
    """Filled where they were compared, hollow where not."""
    for name in dict.fromkeys(star.series for star in stars):
        its, own = looks[name], [star for star in stars if star.series == name]
        curve = sorted((star.x, star.value) for star in own if star.joined)
        if len(curve) > 1:
            axes.plot(*zip(*curve), ls=(0, (1, 2)), color=its.color, lw=1.2, zorder=4)
        for star in own:
            inside, edge, width = ("white", its.color, 1.8)
            if star.comparable:
                inside, edge, width = (its.color, "white", 0.8)
            axes.plot(star.x, star.value, its.star, color=inside, markeredgecolor=edge,
                      markersize=16, markeredgewidth=width, zorder=5, gid=name)  # fmt: skip


def _handles(
    entry: Reproduction,
    rows: Sequence[Row],
    stars: Sequence[Star],
    looks: Mapping[str, Look],
    comparisons: Sequence[Agreement],
) -> list[Line2D]:
    """The legend: a line for each of our series, a star for each that is published alone."""
    ours = dict.fromkeys(str(row["series"]) for row in rows)
    handles = [
        Line2D([], [], color=looks[name].color, ls=looks[name].line, label=f"ours: {name}")
        for name in ours
    ]
    alone = [star for star in stars if star.series not in ours]
    handles += [
        _star(f"published: {name}", looks[name].color, looks[name].star,
              any(star.comparable for star in alone if star.series == name))
        for name in dict.fromkeys(star.series for star in alone)
    ]  # fmt: skip
    if any(row.get("exact") not in (None, "") for row in rows):
        handles.append(Line2D([], [], marker="o", ls="", color=GRAY, label="exact"))
    if any(_is_nothing(entry, row) for row in rows):
        handles.append(Line2D([], [], marker="v", ls="", markersize=12, color=GRAY,
                              label="exactly 0"))  # fmt: skip
    if any(one.quantity.startswith(SLOPE) for one in comparisons):
        handles.append(Line2D([], [], color=GRAY, lw=1.2, label="published slope"))
    beside = {star.comparable for star in stars if star.series in ours}
    texts = {True: "published", False: "published, not compared"}
    return handles + [
        _star(f"{text} (colour as ours)", GRAY, "*", known)
        for known, text in texts.items()
        if known in beside
    ]


def _star(label: str, color: str, mark: str, filled: bool) -> Line2D:
    """A star of the legend."""
    inside = color if filled else "white"
    return Line2D([], [], ls="", marker=mark, markersize=15, color=color, label=label,
                  markerfacecolor=inside)  # fmt: skip


def _is_nothing(entry: Reproduction, row: Row) -> bool:
    return "y" in entry.logarithmic and abs(row["value"]) < NOTHING
