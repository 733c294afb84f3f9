"""The picture of `bbvi.experiments.compare_seeds`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bbvi.experiments.compare_results import IMPOSSIBLE
from bbvi.experiments.csv_and_json import decimal
from bbvi.plotting.lectures import draw_q
from bbvi.plotting.style import COLORS, few_log_labels, line_look, new_figure, styled
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
    "importance-weighted": "importance-weighted (DReG)",
    "reweighted-wake-sleep": "reweighted wake-sleep",
    "wake-sleep": "wake-sleep",
    "monte-carlo-em": "Monte Carlo EM",
    "mean-field-em": "mean-field EM",
}
DARK, LIGHT = "#0072B2", "#E69F00"


def slides(
    rows: Sequence[Row],
    summary: Sequence[Row],
    curves: Sequence[Row],
    posteriors: Sequence[Any],
    x_test: Array | Mapping[int, Array],
    image_shape: tuple[int, int] | None,
    title: str,
    seconds_curves: Sequence[Row] | None = None,
    learning_title: str | None = None,
) -> dict[str, Figure]:
    """Three figures by name: learning curves; new data with gaps; true posteriors, where there are.

    Parameters
    ----------
    rows, summary, curves, posteriors
        As in `bbvi.experiments.compare_seeds.SeedComparison`.
    x_test, image_shape
        Data, and how to draw a row where it is a picture.
    title : str
    seconds_curves : sequence of dict, optional
        Curves of runs with equal seconds; by default those with equal evaluations are drawn
        against their seconds.
    learning_title : str, optional
        Of the learning curves; by default that of the others.
    """
    methods = [str(line["method"]) for line in summary]
    with styled():
        drawn = {
            "compare": _learning(curves, methods, learning_title or title, seconds_curves),
            "compare_new_data": _new_data(rows, summary, title),
        }
        if posteriors:
            lines, across = len({p.row for p in posteriors}), len(methods) + bool(image_shape)
            drawn["compare_posteriors"] = new_figure(2.6 * across, 1.4 + 2.6 * lines)
            panels = drawn["compare_posteriors"]
            _posterior_panels(panels, posteriors, methods, x_test, image_shape)
    return drawn


def _learning(
    curves: Sequence[Row], methods: Sequence[str], title: str, seconds_curves: Sequence[Row] | None
) -> Figure:
    """Training ELBO per evaluation and per second, under one legend."""
    fig = new_figure(13, 6.6)
    by_evaluations, by_seconds = fig.subplots(1, 2, sharey=not seconds_curves)
    learning_curves(by_seconds, seconds_curves or curves, methods, "seconds")
    learning_curves(by_evaluations, curves, methods, "evaluations")
    by_seconds.set_ylabel("")
    if seconds_curves:
        by_seconds.set_title("Learning, a budget of seconds")
    fig.suptitle(title)
    lines, names = by_evaluations.get_legend_handles_labels()
    fig.legend(lines, names, loc="outside lower center", ncols=3, fontsize=12)
    return fig


def _new_data(rows: Sequence[Row], summary: Sequence[Row], title: str) -> Figure:
    """Held-out ELBO beside what inference lost of log p(x)."""
    fig = new_figure(13, 1.6 + 0.75 * len(summary))
    held_out, gaps = fig.subplots(1, 2)
    held_out_dots(held_out, rows, summary)
    gap_bars(gaps, summary)
    fig.suptitle(title)
    return fig


def learning_curves(axes: Axes, curves: Sequence[Row], methods: Sequence[str], column: str) -> None:
    """Training ELBO against ``column`` (evaluations or seconds): mean and range over seeds."""
    lowest, highest = [], []
    for number, method in enumerate(methods):
        of_method = [row for row in curves if row["method"] == method]
        if not of_method:  # all its runs ended in errors
            continue
        budget, elbo = _by_seed(of_method, column)
        mean, look = elbo.mean(axis=0), line_look(number)
        color = look["color"]
        axes.plot(budget, mean, label=LABELS.get(method, method), **look)
        if len(elbo) > 1:
            axes.fill_between(
                budget, elbo.min(axis=0), elbo.max(axis=0), color=color, alpha=0.2, linewidth=0
            )
        # A run that has diverged has no place on the axis.
        if np.isfinite(mean).any():
            lowest.append(np.quantile(mean[np.isfinite(mean)], 0.3))
            highest.append(elbo[np.isfinite(elbo)].max())
    # A budget of one step draws one point, whose span would be 0.
    if not highest:
        return
    span = max(highest) - min(lowest) or 1.0
    axes.set_ylim(min(lowest) - 0.15 * span, max(highest) + 0.05 * span)
    axes.set_xscale("log")
    few_log_labels(axes.xaxis)
    axes.set_xlabel("log-joint evaluations" if column == "evaluations" else "seconds")
    axes.set_ylabel("training ELBO per datapoint (nats)")
    axes.set_title(f"Learning, per {'evaluation' if column == 'evaluations' else 'second'}")


def _by_seed(curve: Sequence[Row], column: str) -> tuple[Array, Array]:
    """The mean budget at each point of a curve, and the ELBO (seeds, points)."""
    seeds = list(dict.fromkeys(row.get("seed", 0) for row in curve))
    parts = [[row for row in curve if row.get("seed", 0) == seed] for seed in seeds]
    # Equal evaluations are equal steps; equal seconds are not quite.
    shortest = min(map(len, parts))
    budget = np.array([[row[column] for row in part[:shortest]] for part in parts], np.float64)
    elbo = np.array([[row["elbo"] for row in part[:shortest]] for part in parts], np.float64)
    return budget.mean(axis=0), elbo


def held_out_dots(axes: Axes, rows: Sequence[Row], summary: Sequence[Row]) -> None:
    """Held-out ELBO: a dot for each seed in ``rows``, the mean and its 95 % interval over seeds."""
    places = np.arange(len(summary))[::-1]
    means = np.array([line["test_elbo"] for line in summary])
    for number, (place, line) in enumerate(zip(places, summary)):
        color = COLORS[number % len(COLORS)]
        seeds = [row["test_elbo"] for row in rows if row["method"] == line["method"]]
        axes.plot(seeds, np.full(len(seeds), place - 0.22), ".", color=color, markersize=7)
        if np.isfinite(line["test_elbo_low"]):
            ends = [line["test_elbo_low"], line["test_elbo_high"]]
            axes.plot(ends, [place, place], color=color, linewidth=3)
        if not np.isfinite(line["test_elbo"]):
            at: Any = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 11}
            axes.annotate("not finite", (0.03, place), color=color, **at)
            continue
        axes.plot(line["test_elbo"], place, "o", color=color, markersize=10)
        axes.annotate(
            decimal(line["test_elbo"]),
            (line["test_elbo"], place),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=11,
        )
    ends = [line[f"test_elbo_{end}"] for line in summary for end in ("low", "high")]
    seen = [*means, *(row["test_elbo"] for row in rows), *ends]
    seen = [value for value in seen if np.isfinite(value)] or [0.0]
    span = max(np.ptp(seen), 1e-3)
    axes.set_xlim(min(seen) - 0.1 * span, max(seen) + 0.1 * span)
    axes.set_ylim(-0.6, len(summary) - 0.3)
    axes.set_yticks(places, [LABELS.get(str(s["method"]), str(s["method"])) for s in summary])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("held-out ELBO per datapoint (nats)")
    axes.set_title("New data: mean, 95 %, seeds" if rows else "New data: mean, 95 %")
    axes.grid(axis="y", visible=False)


def gap_bars(axes: Axes, summary: Sequence[Row]) -> None:
    """log p(x) - ELBO on held-out data, stacked: approximation, then amortization; means."""
    places = np.arange(len(summary))[::-1]
    approximation = np.array([line["approximation_gap"] for line in summary])
    amortization = np.array([line["amortization_gap"] for line in summary])
    # The report says what is wrong with the others.
    known = (approximation > -IMPOSSIBLE) & np.isfinite(amortization)
    for place in places[~known]:
        axes.text(0, place, "  not known", va="center")
    places, approximation, amortization = places[known], approximation[known], amortization[known]
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
    axes.set_yticks(range(len(summary)), [""] * len(summary))  # they stand beside the ELBO
    axes.set_ylim(-0.6, len(summary) - 0.3)
    # A family that contains the posterior leaves nothing but noise.
    reach = max((approximation + np.maximum(amortization, 0)).max(initial=0), 1e-3)
    axes.set_xlim(0, 1.05 * reach)
    axes.set_xlabel("log p(x) - ELBO (nats)")
    axes.set_title("Of this lost by inference")
    if known.any():
        axes.legend(loc="best", frameon=True)
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
    axes.tick_params(labelsize=11)
    axes.locator_params(nbins=4)


def _posterior_panels(
    fig: Any,
    posteriors: Sequence[Any],
    methods: Sequence[str],
    x_test: Array | Mapping[int, Array],
    image_shape: tuple[int, int] | None,
) -> None:
    """A line for each datapoint: its picture, then one panel a method; axes shared by a column."""
    drawn = sorted({posterior.row for posterior in posteriors})
    first = 1 if image_shape else 0
    fig.suptitle(
        "True posterior of a held-out datapoint under each method's own model (blue), "
        "and its q at 1 and 2 standard deviations (orange)"
    )
    panels = fig.subplots(len(drawn), len(methods) + first, squeeze=False)
    for line, row in zip(panels, drawn):
        if image_shape:
            line[0].imshow(x_test[row].reshape(image_shape), cmap="gray_r")
            line[0].set_xticks([])
            line[0].set_yticks([])
            line[0].grid(visible=False)
        for axes, method in zip(line[first:], methods):
            posterior = next(p for p in posteriors if p.row == row and p.method == method)
            posterior_panel(axes, posterior)
            if row == drawn[0]:
                axes.set_title(LABELS.get(method, method).replace(", ", ",\n"), fontsize=13)
            if row == drawn[-1]:
                axes.set_xlabel("$z_1$")
        line[first].set_ylabel("$z_2$")
    for column in panels.T[first:]:
        same_limits(column)


def same_limits(panels: Sequence[Axes]) -> None:
    """Give panels of one latent space the same axes, wide enough for each."""
    for direction in ("x", "y"):
        limits = np.array([getattr(axes, f"get_{direction}lim")() for axes in panels])
        for axes in panels:
            getattr(axes, f"set_{direction}lim")(limits[:, 0].min(), limits[:, 1].max())
