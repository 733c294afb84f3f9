"""Pictures of a trained autoencoder."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bbvi.lectures.latent_space import VaePictures
from bbvi.plotting.style import COLORS, MARKERS, new_figure, styled
from bbvi.types import Array

DISTRUST = 0.05
"""Share of images with too high a k-hat above which a mean log p(x) is drawn hollow."""


def tile(images: Array, columns: int, side: int | None = None) -> Array:
    """One picture of many square images (M, side^2), left to right, then down, with thin gaps."""
    side = round(np.sqrt(images.shape[1])) if side is None else side
    rows = -(-len(images) // columns)
    canvas = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1), np.nan)
    for i, image in enumerate(images):
        top, left = (i // columns) * (side + 1), (i % columns) * (side + 1)
        canvas[top : top + side, left : left + side] = image.reshape(side, side)
    return canvas


def draw_images(axes: Axes, images: Array, columns: int, title: str) -> None:
    """Many images on one Axes, 0 white and 1 black."""
    ink = matplotlib.colormaps["gray_r"].with_extremes(bad="#bcd4e6")
    canvas = np.clip(tile(images, columns), 0, 1)
    axes.imshow(canvas, cmap=ink, vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def draw_latent_space(axes: Axes, means: Array, labels: Array) -> None:
    """Posterior means coloured by digit, each digit also written at its median, or beside it.

    More than two latent dimensions are shown in their first two principal components.
    """
    two, names = means, ("posterior mean of $z_1$", "posterior mean of $z_2$")
    if means.shape[1] > 2:
        centred = means - means.mean(axis=0)
        two = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        names = ("first principal component of E[z]", "second principal component of E[z]")
    colors = matplotlib.colormaps["tab10"]
    size = float(np.clip(20_000 / len(two), 4, 30))
    for k in np.unique(labels):
        chosen = two[labels == k]
        axes.scatter(
            chosen[:, 0], chosen[:, 1], s=size, alpha=0.6, color=colors(int(k) % 10), linewidths=0
        )
    numbers = np.unique(labels)
    medians = np.array([np.median(two[labels == k], axis=0) for k in numbers])
    for k, (across, up) in zip(numbers, _moved_apart(axes, medians, 27.0)):
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": colors(int(k) % 10), "lw": 2}
        axes.text(across, up, str(int(k)), ha="center", va="center", fontsize=14, bbox=box)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_title("Latent space, coloured by digit")


def _moved_apart(axes: Axes, places: Array, points: float) -> Array:
    """The places (K, 2), pushed from each other until they are so many points of print apart."""
    axes.autoscale_view()
    at, least = axes.transData.transform(places), points * axes.figure.dpi / 72
    for _ in range(100):
        for i, j in itertools.combinations(range(len(at)), 2):
            way = at[j] - at[i]
            distance = float(np.hypot(*way))
            if distance < least:
                push = 0.5 * (least - distance) * (way / distance if distance else np.array([1, 0]))
                at[i], at[j] = at[i] - push, at[j] + push
    return axes.transData.inverted().transform(at)


def draw_objective(
    axes: Axes, iterations: Sequence[Mapping[str, Any]], epochs: Sequence[Mapping[str, Any]]
) -> None:
    """The training objective: minibatches as they came, and the evaluation after each epoch."""
    last = iterations[-1]["iteration"] if iterations else len(epochs)
    per_epoch = max(last / max(len(epochs), 1), 1)
    if iterations:
        axes.plot(
            [row["iteration"] / per_epoch for row in iterations],
            [row["objective"] for row in iterations],
            color=COLORS[4],
            linewidth=1,
            label="one minibatch",
        )
    axes.plot(
        [row["epoch"] for row in epochs],
        [row["objective"] for row in epochs],
        color=COLORS[2],
        marker="o" if len(epochs) <= 30 else None,
        markersize=5,
        label="all training images",
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel("objective (nats per image, lower is better)")
    axes.set_title("Objective during training")
    axes.legend()


def vae_figures(
    pictures: VaePictures,
    iterations: Sequence[Mapping[str, Any]],
    epochs: Sequence[Mapping[str, Any]],
) -> dict[str, Figure]:
    """Name -> figure, for every picture of the lecture and of the latent space's uses."""
    columns = len(pictures.originals) // 2
    num_paths = len(pictures.paths) // columns
    num_dims = len(pictures.traversals) // columns
    pairs = np.stack([pictures.originals, pictures.reconstructions])
    half = pairs.reshape(2, 2, columns, -1).swapaxes(0, 1).reshape(4 * columns, -1)
    grid = round(np.sqrt(len(pictures.manifold)))
    figures = {}
    with styled():
        for name, width, height in (("latent_space", 8, 7), ("objective", 8, 5)):
            figures[name] = new_figure(width, height)
        draw_latent_space(figures["latent_space"].subplots(), pictures.means, pictures.labels)
        draw_objective(figures["objective"].subplots(), iterations, epochs)
        for name, images, per_row, title in (
            ("averages", pictures.averages, 5, "Average reconstruction of each digit, 0 to 9"),
            ("manifold", pictures.manifold, grid, "E[x | z] over the latent plane"),
            ("reconstructions", half, columns, "Images and, below each, its reconstruction"),
            ("interpolations", pictures.paths, columns, f"{num_paths} walks between two images"),
            (
                "traversals",
                pictures.traversals,
                columns,
                f"{num_dims} latent dimensions, each moved from -2 to 2",
            ),
        ):
            figures[name] = new_figure(7, 0.9 + 6.4 * -(-len(images) // per_row) / per_row)
            draw_images(figures[name].subplots(), images, per_row, title)
        figures["manifold"].axes[0].set_xlabel("$z_1$, evenly over the prior: low to high")
        figures["manifold"].axes[0].set_ylabel("$z_2$: low to high")
        axes, side = figures["traversals"].axes[0], round(np.sqrt(pictures.traversals.shape[1]))
        names = [f"$z_{{{d + 1}}}$" for d in range(num_dims)]
        axes.set_yticks((side + 1) * np.arange(num_dims) + (side - 1) / 2, names)
        axes.tick_params(axis="y", length=0)
        figures["samples"] = new_figure(11, 3)
        left, right = figures["samples"].subplots(1, 2)
        draw_images(left, pictures.samples, columns, "Samples: z ~ p(z), x ~ p(x | z)")
        draw_images(right, pictures.sample_means, columns, "Their means E[x | z]")
    return figures


def networks_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Held-out ELBO and log p(x) of two networks and budgets: a point for each seed.

    Points of log p(x) are hollow where the k-hat of more than 5 % of the images is too high; up to
    three seeds have the share above each point, up to six have a legend.
    """
    groups = list(dict.fromkeys((row["network"], row["budget"]) for row in rows))
    names = ["dense", *(f"convolutional,\nequal {budget}" for _, budget in groups[1:])]
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    numbered = len(seeds) <= 3
    apart = min(0.24, 0.6 / len(seeds))
    with styled():
        figure = new_figure(11, 5)
        panels = figure.subplots(1, 2, sharey=True)
        for i, seed in enumerate(seeds):
            chosen = [row for row in rows if row["seed"] == seed]
            across = np.arange(len(chosen)) + apart * (i - (len(seeds) - 1) / 2)
            style = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
            for axes, key in zip(panels, ("held_out_elbo", "log_evidence")):
                # Thin: it tells which points are one seed's, and is no trend.
                values = [row[key] for row in chosen]
                axes.plot(across, values, color=style["color"], linewidth=0.8, alpha=0.25)
                for at, value, row in zip(across, values, chosen):
                    hollow = key == "log_evidence" and row["untrusted"] > DISTRUST
                    face = {"markerfacecolor": "white"} if hollow else {}
                    axes.plot(at, value, **style, **face, markersize=9, markeredgewidth=2, ls="")
            panels[0].plot([], [], **style, markersize=9, ls="", label=f"seed {seed}")
            if numbered:
                for at, row in zip(across, chosen):
                    _above(panels[1], at, row["log_evidence"], f"{row['untrusted']:.0%}")
        for axes, title in zip(panels, ("ELBO", "log p(x), by PSIS")):
            axes.set_xticks(range(len(names)), names)
            axes.grid(False, axis="x")
            axes.margins(x=0.1, y=0.1)
            axes.set_title(f"{title}, held out")
        panels[0].set_ylabel("nats per image, higher is better")
        told = "numbers: images with too high a k-hat; " if numbered else ""
        told += f"hollow: over {DISTRUST:.0%}"
        if not numbered:
            told += " of the images have too high a k-hat"
        panels[1].set_xlabel(told, fontsize=12)
        if len(seeds) <= 6:
            figure.legend(loc="outside right center")
    return figure


def _above(axes: Axes, across: float, up: float, text: str) -> None:
    """A few letters above a point."""
    axes.annotate(text, (across, up), (0, 9), textcoords="offset points", ha="center", fontsize=12)
