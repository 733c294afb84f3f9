"""The picture of `bbvi.experiments.compare` (floor 6)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bbvi.plotting.lectures import draw_q
from bbvi.plotting.style import COLORS, LINES, new_figure, styled
from bbvi.types import Array

Row = Mapping[str, Any]

LABELS = {
    "bbvi-score": "BBVI, score function",
    "bbvi-leave-one-out": "BBVI, leave-one-out",
    "bbvi-reparameterized": "BBVI, reparameterized",
    "amortized-score": "amortized, score function",
    "amortized-reparameterized": "amortized, reparam. (VAE)",
    "semi-amortized": "semi-amortized, reparam.",
    "amortized-leave-one-out": "amortized, leave-one-out",
    "semi-amortized-leave-one-out": "semi-amortized, leave-one-out",
    "bbvi-summed-label": "BBVI, label summed out",
    "amortized-summed-label": "amortized, label summed out",
    "semi-amortized-summed-label": "semi-amort., label summed out",
    "amortized-sampled-label": "amortized, label sampled",
}
DARK, LIGHT = "#0072B2", "#E69F00"


def figure(
    rows: Sequence[Row],
    curves: Sequence[Row],
    posteriors: Sequence[Any],
    x_test: Array,
    image_shape: tuple[int, int] | None,
    title: str,
) -> Figure:
    """Learning curves, gap bars and, where there are any, true posteriors with q on top."""
    methods = [str(row["method"]) for row in rows]
    drawn = sorted({posterior.row for posterior in posteriors})
    with styled():
        fig = new_figure(17, 5.8 + 3.0 * len(drawn))
        heights = [5.8, 3.0 * len(drawn)] if drawn else [5.8]
        parts = np.atleast_1d(np.asarray(fig.subfigures(len(heights), 1, height_ratios=heights)))
        fig.suptitle(title, fontsize=18)
        _numbers(parts[0], rows, curves, methods)
        if drawn:
            _posterior_panels(parts[1], posteriors, methods, drawn, x_test, image_shape)
    return fig


def _numbers(fig: Any, rows: Sequence[Row], curves: Sequence[Row], methods: Sequence[str]) -> None:
    """Learning per evaluation and per second, and the gap bars, under one legend."""
    by_evaluations, by_seconds, gaps = fig.subplots(1, 3, width_ratios=[1, 1, 1.15])
    for axes, column in ((by_evaluations, "evaluations"), (by_seconds, "seconds")):
        learning_curves(axes, curves, methods, column)
    by_seconds.set_ylabel("")
    gap_bars(gaps, rows)
    lines, names = by_evaluations.get_legend_handles_labels()
    bars, kinds = gaps.get_legend_handles_labels()
    fig.legend(lines + bars, names + kinds, loc="outside lower center", ncols=4)


def learning_curves(axes: Axes, curves: Sequence[Row], methods: Sequence[str], column: str) -> None:
    """Training ELBO against ``column`` (evaluations or seconds), as a running mean."""
    lowest, highest = [], []
    for number, method in enumerate(methods):
        mine = [row for row in curves if row["method"] == method]
        budget = np.array([row[column] for row in mine])
        elbo = running_mean(np.array([row["elbo"] for row in mine]), max(1, len(mine) // 40))
        axes.plot(
            budget[-len(elbo) :],
            elbo,
            color=COLORS[number % len(COLORS)],
            linestyle=LINES[number % len(LINES)],
            label=LABELS.get(method, method),
        )
        lowest.append(np.quantile(elbo, 0.15))
        highest.append(elbo.max())
    # A budget of one step draws one point, whose span would be 0.
    span = max(highest) - min(lowest) or 1.0
    axes.set_ylim(min(lowest) - 0.15 * span, max(highest) + 0.05 * span)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(FuncFormatter(partial(_three_of_a_decade, axes)))
    axes.set_xlabel("log-joint evaluations" if column == "evaluations" else "seconds")
    axes.set_ylabel("training ELBO per datapoint (nats)")
    axes.set_title(f"Learning, per {'evaluation' if column == 'evaluations' else 'second'}")


def _three_of_a_decade(axes: Axes, value: float, position: int | None = None) -> str:
    """The label of a minor tick: 3, 30, ... where decades are few; more labels would overlap."""
    low, high = axes.get_xlim()
    power = int(np.floor(np.log10(value)))
    if high > 100 * low or round(value / 10.0**power) != 3:
        return ""
    return rf"$\mathdefault{{3\times10^{{{power}}}}}$"


def running_mean(values: Array, width: int) -> Array:
    """Means of ``width`` neighbours; shorter by width - 1."""
    return np.convolve(values, np.full(width, 1 / width), mode="valid")


def gap_bars(axes: Axes, rows: Sequence[Row]) -> None:
    """log p(x) - ELBO on held-out data, stacked: approximation, then amortization."""
    places = np.arange(len(rows))[::-1]
    approximation = np.array([row["approximation_gap"] for row in rows])
    amortization = np.array([row["amortization_gap"] for row in rows])
    axes.barh(places, approximation, color=DARK, label="approximation gap")
    axes.barh(
        places,
        amortization,
        left=approximation,
        color=LIGHT,
        hatch="//",
        edgecolor="black",
        linewidth=0.5,
        label="amortization gap",
    )
    # A family that contains the posterior leaves nothing but noise.
    reach = max((approximation + np.maximum(amortization, 0)).max(), 1e-3)
    for place, row, total in zip(places, rows, approximation + amortization):
        error = row["test_elbo_se"]
        text = f"ELBO {row['test_elbo']:.2f}" + (f" ± {error:.2f}" if np.isfinite(error) else "")
        axes.text(max(total, 0) + 0.02 * reach, place, text, va="center", fontsize=11)
    axes.set_yticks(places, [LABELS.get(str(row["method"]), str(row["method"])) for row in rows])
    axes.set_xlim(0, 1.6 * reach)
    axes.set_xlabel("log p(x) - ELBO per held-out datapoint (nats)")
    axes.set_title("What inference loses on new data")
    axes.grid(axis="y", visible=False)


def posterior_panel(axes: Axes, posterior: Any) -> None:
    """Contours of the true posterior, and q's ellipses of one and two standard deviations."""
    density = np.exp(posterior.log_joint - posterior.log_joint.max())
    levels = np.exp(-0.5 * np.array([3.0, 2.0, 1.0, 0.3]) ** 2)
    axes.contourf(posterior.z1, posterior.z2, density, [*levels, 1.01], cmap="Blues")
    draw_q(axes, posterior.mean, posterior.covariance)
    inside = density > levels[0]
    for low_high, z in ((axes.set_xlim, posterior.z1), (axes.set_ylim, posterior.z2)):
        spread = 3.2 * np.sqrt(np.diagonal(posterior.covariance).max())
        centre = posterior.mean[0 if z is posterior.z1 else 1]
        low, high = min(z[inside].min(), centre - spread), max(z[inside].max(), centre + spread)
        low_high(low, high)
    axes.grid(visible=False)
    axes.tick_params(labelsize=9)


def _posterior_panels(
    fig: Any,
    posteriors: Sequence[Any],
    methods: Sequence[str],
    drawn: Sequence[int],
    x_test: Array,
    image_shape: tuple[int, int] | None,
) -> None:
    """A line for each drawn datapoint: its picture, then one panel a method."""
    fig.suptitle(
        "True posterior of a held-out datapoint under each method's own model (blue), "
        "and its q at 1 and 2 standard deviations (orange)",
        fontsize=14,
    )
    first = 1 if image_shape else 0
    panels = fig.subplots(len(drawn), len(methods) + first, squeeze=False)
    for line, row in zip(panels, drawn):
        if image_shape:
            line[0].imshow(x_test[row].reshape(image_shape), cmap="gray_r")
            line[0].set_xticks([])
            line[0].set_yticks([])
            line[0].grid(visible=False)
        for axes, method in zip(line[first:], methods):
            found = [p for p in posteriors if p.row == row and p.method == method]
            posterior_panel(axes, found[0])
            if row == drawn[0]:
                axes.set_title(LABELS.get(method, method).replace(", ", ",\n"), fontsize=11.5)
            if row == drawn[-1]:
                axes.set_xlabel("$z_1$")
        line[first].set_ylabel("$z_2$")
