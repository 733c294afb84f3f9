"""The pictures of `bbvi.experiments.decomposition`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bbvi.plotting.compare import LABELS
from bbvi.plotting.style import new_figure, styled
from bbvi.plotting.variance_rows import Row, distinct

PARTS: dict[str, tuple[str, str, str]] = {
    "monte_carlo": ("Monte Carlo noise", "#0072B2", "o"),
    "minibatch": ("minibatch noise", "#E69F00", "s"),
    "bias_squared": ("bias of Step 1, squared", "#000000", "^"),
}
"""Column -> its label, colour and marker, from the bottom of a bar to its top."""
SIGNAL: Any = {"color": "#888888", "linestyle": ":", "linewidth": 3.0, "label": "gradient, squared"}


def figures(rows: Sequence[Row], name: str) -> dict[str, Figure]:
    """One figure for each block and S, by name: theta-S8, phi-S8."""
    return {
        f"{block}-S{S}": figure(
            [row for row in rows if (row["block"], row["samples"]) == (block, S)],
            f"What is wrong with the gradient in {block}?  {name}, S = {S}, "
            f"{rows[0]['batch_size']} datapoints",
        )
        for block in distinct(rows, "block")
        for S in distinct(rows, "samples")
    }


def figure(rows: Sequence[Row], title: str) -> Figure:
    """A column for each method: the parts along training, and their shares of the error.

    Parameters
    ----------
    rows : sequence of dict
        Of one block and S; several seeds are averaged.
    title : str
    """
    methods = distinct(rows, "method")
    with styled():
        fig = new_figure(max(4.6 * len(methods), 10.0), 8.6)
        fig.suptitle(title, fontsize=18)
        panels = fig.subplots(2, len(methods), sharex="col", sharey="row", squeeze=False)
        for method, (top, bottom) in zip(methods, panels.T):
            mine = [row for row in rows if row["method"] == method]
            sizes(top, mine)
            shares(bottom, mine)
            top.set_title(LABELS.get(method, method), fontsize=16)
            bottom.set_xlabel("steps of learning")
        panels[0, 0].set_ylabel("squared, per parameter")
        panels[1, 0].set_ylabel("share of the\nsum of these parts")
        handles = {label: h for axes in panels[0] for h, label in _labelled(axes)}
        fig.legend(handles.values(), handles, loc="outside lower center", ncols=4, fontsize=15)
    return fig


def sizes(axes: Axes, rows: Sequence[Row]) -> None:
    """Each part, and the signal, against the steps, on a logarithmic axis, with standard errors.

    A part that is estimated below zero has no place on the axis and is left out.
    """
    steps = distinct(rows, "step")
    for column, (label, color, marker) in PARTS.items():
        mean, error = averaged(rows, column)
        shown = mean > 0
        if not shown.any():
            continue
        x, low = np.flatnonzero(shown), np.minimum(error, 0.9 * mean)[shown]
        axes.errorbar(
            x,
            mean[shown],
            [low, error[shown]],
            color=color,
            marker=marker,
            markersize=9,
            capsize=4,
            label=label,
        )
    axes.plot(range(len(steps)), np.maximum(averaged(rows, "gradient_squared")[0], 0), **SIGNAL)
    axes.set_yscale("log", nonpositive="mask")
    axes.set_xticks(range(len(steps)), [f"{step:,}" for step in steps])


def shares(axes: Axes, rows: Sequence[Row]) -> None:
    """The parts as shares of their sum, one bar for each step; what is below zero counts as 0."""
    steps = distinct(rows, "step")
    heights = {c: np.maximum(averaged(rows, c)[0], 0) for c in PARTS}
    # Where all is exact there is nothing to share.
    whole = np.maximum(sum(heights.values()), np.finfo(float).tiny)
    bottom = np.zeros(len(steps))
    for column, (_, color, _) in PARTS.items():
        share = heights[column] / whole
        axes.bar(range(len(steps)), share, 0.7, bottom=bottom, color=color)
        for place, (height, base) in enumerate(zip(share, bottom)):
            if height > 0.09:
                dark = color != "#E69F00"
                axes.text(
                    place,
                    base + height / 2,
                    f"{height:.0%}",
                    color="white" if dark else "black",
                    ha="center",
                    va="center",
                    fontsize=14,
                )
        bottom = bottom + share
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="x", visible=False)


def averaged(rows: Sequence[Row], column: str) -> tuple[Any, Any]:
    """Mean over seeds at each step, and its standard error; 0 where there is no such part."""
    means, errors = [], []
    for step in distinct(rows, "step"):
        mine = [row for row in rows if row["step"] == step and row[column] is not None]
        means.append(np.mean([row[column] for row in mine]) if mine else 0.0)
        squares = [row[f"{column}_se"] ** 2 for row in mine]
        errors.append(np.sqrt(np.sum(squares)) / len(mine) if mine else 0.0)
    return np.array(means), np.array(errors)


def _labelled(axes: Axes) -> list[tuple[Any, str]]:
    return list(zip(*axes.get_legend_handles_labels()))
