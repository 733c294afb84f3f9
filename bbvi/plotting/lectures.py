"""Pictures of the lectures: naive Monte Carlo, the ELBO's gap, Step 1, mixture prior."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from bbvi.evaluation.grid_sums import moments_of
from bbvi.lectures.step_1_watched import Landscape, WatchedStep1
from bbvi.plotting.style import COLORS, LINES, MARKERS, new_figure, styled
from bbvi.plotting.vae import draw_latent_space
from bbvi.types import Array

Row = Mapping[str, Any]

Q_COLOR, ELBO_COLOR, GAP_COLOR = "#D55E00", "#0072B2", "#F2C879"
NUM_LEVELS = np.exp(-0.5 * np.array([3.0, 2.0, 1.0, 0.3]) ** 2)


def naive_figure(rows: Sequence[Row]) -> Figure:
    """Errors of naive Monte Carlo against S, and the S that it would need against D."""
    with styled():
        fig = new_figure(12.5, 5)
        left, right = fig.subplots(1, 2, width_ratios=[1.25, 1])
        draw_naive_errors(left, rows)
        draw_samples_needed(right, rows)
    return fig


def draw_naive_errors(axes: Axes, rows: Sequence[Row]) -> None:
    """Median and 5 to 95 % band of the error of log p(x), one line for each D."""
    for number, D in enumerate(dict.fromkeys(row["dimension"] for row in rows)):
        mine = [row for row in rows if row["dimension"] == D]
        S, low, median, high = (
            np.array([float(row[key]) for row in mine])
            for key in ("samples", "low", "median", "high")
        )
        color = COLORS[number]
        axes.fill_between(S, low, high, color=color, alpha=0.16, linewidth=0)
        axes.plot(
            S,
            median,
            color=color,
            linestyle=LINES[number],
            marker=MARKERS[number],
            label=f"D = {D}",
        )
    axes.axhline(0, color="black", linewidth=1.2)
    axes.set_xscale("log")
    # Near 0 the scale is linear, so that good and hopeless estimates fit on one axis.
    axes.set_yscale("symlog", linthresh=1)
    ticks = [-100, -10, -1, 0, 1]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(-500, 6)
    axes.set_xlabel("samples S from the prior")
    axes.set_ylabel("estimate - exact log p(x) (nats)")
    axes.set_title("Naive Monte Carlo: median, and 5 to 95 % of runs")
    axes.legend(loc="lower right", ncols=2)


def draw_samples_needed(axes: Axes, rows: Sequence[Row]) -> None:
    """The exact number of samples for a tenth of p(x) as standard deviation, against D."""
    needed = {int(row["dimension"]): float(row["samples_for_ten_percent"]) for row in rows}
    places = np.arange(len(needed))
    # Dots, for a logarithmic axis has no zero from which a bar could rise.
    axes.plot(places, list(needed.values()), "o", color=ELBO_COLOR, markersize=11)
    for place, value in zip(places, needed.values()):
        power = int(np.floor(np.log10(value)))
        text = f"${value / 10**power:.0f} \\times 10^{{{power}}}$"
        axes.text(float(place), 3 * value, text, ha="center")
    axes.set_yscale("log")
    axes.set_ylim(1, 60 * max(needed.values()))
    axes.set_xlim(-0.6, len(needed) - 0.4)
    axes.set_xticks(places, [str(D) for D in needed])
    axes.set_xlabel("latent dimensions D")
    axes.set_ylabel("samples S needed")
    axes.set_title("Samples for 10 % error of p(x), exactly")
    axes.grid(axis="x", visible=False)


def gap_figure(courses: Mapping[str, tuple[WatchedStep1, int]]) -> Figure:
    """One panel for each title -> (course, datapoint): log p(x) = ELBO + KL, at every step."""
    with styled():
        fig = new_figure(6.2 * len(courses), 4.8)
        panels = fig.subplots(1, len(courses), squeeze=False)[0]
        for axes, (title, (course, n)) in zip(panels, courses.items()):
            draw_gap(axes, course, n)
            axes.set_title(title)
        for axes in panels[1:]:
            axes.set_ylabel("")
    return fig


def draw_gap(axes: Axes, course: WatchedStep1, n: int = 0) -> None:
    """The ELBO rising towards log p(x); what is left between them is KL(q || p(z | x))."""
    steps, elbo = np.arange(len(course.elbo)), course.elbo[:, n]
    axes.fill_between(
        steps,
        elbo,
        elbo + course.kl[:, n],
        facecolor=GAP_COLOR,
        edgecolor="#8A6D1B",
        hatch="///",
        linewidth=0,
        label="KL(q || posterior)",
    )
    axes.plot(steps, elbo, color=ELBO_COLOR, label="ELBO")
    axes.axhline(course.log_evidence[n], color="black", linestyle="--", label="log p(x)")
    height = course.log_evidence[n] - elbo.min()
    axes.set_ylim(elbo.min() - 0.05 * height, course.log_evidence[n] + 0.12 * height)
    axes.set_xlim(0, len(elbo) - 1)
    axes.set_xlabel("steps of Step 1")
    axes.set_ylabel("nats")
    final = f"KL in the end: {course.kl[-1, n]:.2g} nats"
    axes.text(0.97, 0.46, final, transform=axes.transAxes, ha="right", fontsize=11)
    axes.legend(loc="lower right")


def draw_landscape(axes: Axes, landscape: Landscape) -> None:
    """Contours of the true posterior, over the prior's bulk."""
    density = np.exp(landscape.log_joint - landscape.log_joint.max())
    levels = [*NUM_LEVELS, 1.01]
    axes.contourf(landscape.z1, landscape.z2, density, levels, cmap="Blues", vmin=-0.3, vmax=1)
    axes.contour(
        landscape.z1, landscape.z2, density, NUM_LEVELS[:3], colors="#08306B", linewidths=0.8
    )
    # The posterior may be small or far out: show it together with the prior, where q starts.
    for set_limits, z in ((axes.set_xlim, landscape.z1), (axes.set_ylim, landscape.z2)):
        inside = z[density > NUM_LEVELS[0]]
        set_limits(min(inside.min() - 0.4, -2.4), max(inside.max() + 0.4, 2.4))
    axes.grid(visible=False)


def draw_q(axes: Axes, mean: Array, covariance: Array) -> None:
    """A Gaussian q as its mean and the ellipses of one and two standard deviations."""
    # A white edge keeps q apart from the posterior on a black-and-white projector.
    halo: Any = [patheffects.withStroke(linewidth=4.6, foreground="white")]
    for deviations in (1, 2):
        line = ellipse(mean, covariance, deviations, linewidth=2.4, color=Q_COLOR)
        line.set_path_effects(halo)
        axes.add_patch(line)
    cross: Any = {"marker": "+", "markersize": 12, "markeredgewidth": 2.6, "color": Q_COLOR}
    axes.plot(*mean, **cross, path_effects=halo)


def ellipse(mean: Array, covariance: Array, deviations: float, **style: Any) -> Ellipse:
    """The contour of a Gaussian in the plane at so many standard deviations."""
    values, vectors = np.linalg.eigh(covariance)
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    width, height = (float(size) for size in 2 * deviations * np.sqrt(values[::-1]))
    return Ellipse((mean[0], mean[1]), width, height, angle=angle, fill=False, **style)


def step_1_figure(
    landscapes: Sequence[Landscape],
    family: Any,
    course: WatchedStep1,
    x: Array,
    image_shape: tuple[int, int],
    steps: Sequence[int] = (0, 5, 15, 60),
) -> Figure:
    """Step 1 watched: a line for each datapoint, its image, q at some steps, and its ELBO."""
    with styled():
        fig = new_figure(2.7 * (len(steps) + 2), 2.9 * len(x) + 0.4)
        widths = [0.75, *[1.0] * len(steps), 1.35]
        panels = fig.subplots(len(x), len(steps) + 2, width_ratios=widths, squeeze=False)
        for n, line in enumerate(panels):
            draw_digit(line[0], x[n], image_shape)
            for axes, step in zip(line[1:], steps):
                draw_step(axes, landscapes[n], family, course, n, step)
                axes.set_xlabel("$z_1$" if n == len(x) - 1 else "")
                if n == 0:
                    axes.set_title(f"after {step} steps" if step else "start: q = prior")
            line[1].set_ylabel("$z_2$")
            draw_gap(line[-1], course, n)
            if n < len(x) - 1:
                line[-1].set_xlabel("")
            if n > 0:
                line[-1].get_legend().remove()
        fig.suptitle("Step 1: q (orange, 1 and 2 sd) climbs to the true posterior (blue)")
    return fig


def draw_digit(axes: Axes, x: Array, image_shape: tuple[int, int]) -> None:
    """One datapoint as a picture."""
    axes.imshow(x.reshape(image_shape), cmap="gray_r", vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.set_title("x")


def draw_step(
    axes: Axes, landscape: Landscape, family: Any, course: WatchedStep1, n: int, step: int
) -> None:
    """The posterior of datapoint n with q after that many steps, and the way of q's mean."""
    draw_landscape(axes, landscape)
    means, covariances = moments_of(family, course.lam[: step + 1, n])
    axes.plot(means[:, 0], means[:, 1], color="black", linewidth=1.4, alpha=0.8)
    draw_q(axes, means[-1], covariances[-1])


def mixture_figure(
    weights: Array, means: Array, covariances: Array, posterior_means: Array, labels: Array
) -> Figure:
    """A mixture prior's components (K) over the posterior means of data, coloured by label."""
    with styled():
        fig = new_figure(8, 7)
        axes = fig.subplots()
        draw_latent_space(axes, posterior_means, labels)
        draw_components(axes, weights, means, covariances)
        axes.set_title("Components of the learned mixture prior, at 2 sd, with their weights")
    return fig


def draw_components(axes: Axes, weights: Array, means: Array, covariances: Array) -> None:
    """Ellipses of two standard deviations, wider lines for heavier components."""
    for weight, mean, covariance in zip(weights, means, covariances):
        line = 1 + 3 * weight / weights.max()
        axes.add_patch(ellipse(mean, covariance, 2, linewidth=line, color="black"))
    axes.autoscale_view()
    taken = [np.array(text.get_position()) for text in axes.texts]
    # A label's width and height, as a part of the panel.
    room = np.array([0.075, 0.05]) * [np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())]
    turns = np.linspace(0.5, 2.5, 72, endpoint=False) * np.pi
    circle = np.column_stack([np.cos(turns), np.sin(turns)])
    for weight, mean, covariance in zip(weights, means, covariances):
        ring = mean + 2 * circle @ np.linalg.cholesky(covariance).T
        # Its own place on the ellipse, as far as may be from what else is written.
        distances = np.abs(ring[:, None] - np.array([*taken, [np.inf, np.inf]])) / room
        x, y = ring[np.argmax(np.minimum(distances.max(axis=2).min(axis=1), 1.5))]
        taken.append(np.array([x, y]))
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "black"}
        axes.text(x, y, f"{weight:.2f}", fontsize=11, ha="center", va="center", bbox=box)
