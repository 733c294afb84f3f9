"""Estimators ranked by variance times cost."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bbvi.experiments.variance import SPREAD_OVER
from bbvi.plotting.style import COLORS, few_log_labels, new_figure, styled
from bbvi.plotting.variance_rows import (
    MEASURED,
    Row,
    base_point,
    bias_in_words,
    caption,
    matching,
)

USES = {"values": (COLORS[0], "o"), "gradients in z": (COLORS[3], "D")}
FACES = {"biased": "white", MEASURED: "#fff2a8", "bias unknown": "#c8c8c8"}
"""What fills the mark of an estimator whose bias is not known to be none."""
NO_VARIANCE: Any = {"fontsize": 13, "fontweight": "bold", "color": "#b00020"}
"""The look of a variance that does not exist."""
IN_ALL = "evaluations_in_all"


def ranking_figure(rows: Sequence[Row], block: str, title: str) -> Figure:
    """Every estimator by variance times cost: evaluations on the left, seconds on the right.

    The evaluations include what is learned beforehand, spread over `SPREAD_OVER` gradients.

    Parameters
    ----------
    rows : sequence of dict
        Of one model and block.
    block : str
        Its name, e.g. "mean".
    title : str
        Of the figure.
    """
    fixed = base_point(rows)
    shown = sorted(
        matching(rows, fixed),
        key=lambda row: (row["variance_exists"] is not False, -row[f"variance_x_{IN_ALL}"]),
    )
    with styled():
        figure = new_figure(14.5, 1.9 + 0.36 * len(shown))
        figure.suptitle(f"{title}\n{caption(fixed)}, gradient in the {block}", fontsize=16)
        panels = figure.subplots(1, 2, sharey=True)
        costs = {
            IN_ALL: "log-joint evaluations\n"
            f"(those beforehand, “+”, spread over {SPREAD_OVER:,} gradients)",
            "seconds": "seconds",
        }
        for axes, (cost, name) in zip(panels, costs.items()):
            dots(axes, shown, cost)
            axes.set_xlabel(f"variance $\\times$ {name}")
        handles = [
            Line2D([], [], marker=mark, ls="", markersize=9, color=color, label=f"uses {use}")
            for use, (color, mark) in USES.items()
        ]
        hollow: Any = {"marker": "o", "linestyle": "", "markersize": 9, "color": "#444444"}
        told = {bias_in_words(row) for row in shown}
        handles += [
            Line2D([], [], markerfacecolor=face, label=words, **hollow)
            for words, face in FACES.items()
            if words in told
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=12.5)
    return figure


def dots(axes: Axes, rows: Sequence[Row], cost: str) -> None:
    """Variance times cost as one dot per estimator, and how many times the best's it is."""
    product = f"variance_x_{cost}"
    # What estimates another bound has another gradient: it is shown, but it is not the best.
    fair = [row[product] for row in rows if _fair(row)]
    best = min([value for value in fair if value > 0], default=1.0)
    floor = best * 0.1
    for place, row in enumerate(rows):
        value = row[product]
        if row["variance_exists"] is False:
            text = f"variance does not exist (tail index {row['tail_index']:.2f})"
            axes.annotate(
                text, (0.03, place), xycoords=("axes fraction", "data"), va="center", **NO_VARIANCE
            )
            continue
        color, marker = USES[row["uses"]] if value > 0 else (USES[row["uses"]][0], "v")
        face = FACES.get(bias_in_words(row), color)
        axes.plot(max(value, floor), place, marker, color=color, markerfacecolor=face, markersize=9)
        text = f"{value / best:.3g}" if value < 1000 * best else f"{value / best:.0e}"
        text = text.replace("e+0", "e")
        axes.annotate(
            f"{text}$\\times$",
            (max(value, floor), place),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            fontsize=10.5,
        )
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 6)
    few_log_labels(axes.xaxis)
    bounds = ["" if row["estimates"] == "ELBO" else f"  ({row['estimates']} bound)" for row in rows]
    names = [row["estimator"] + bound + _learned(row) for row, bound in zip(rows, bounds)]
    axes.set_yticks(range(len(rows)), names, fontsize=12)
    axes.set_ylim(-0.7, len(rows) - 0.3)


def _fair(row: Row) -> bool:
    """Whether its product may be the best."""
    exists = row["variance_exists"] is not False
    return exists and row["estimates"] == "ELBO" and row["unbiased"]


def _learned(row: Row) -> str:
    """Evaluations beforehand, e.g. "  +66k"."""
    count = row["evaluations_beforehand"]
    return f"  +{count / 1000:.0f}k" if count else ""
