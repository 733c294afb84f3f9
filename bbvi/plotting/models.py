"""Pictures of models: what a mixture prior gains, and three maps to the plane."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bbvi.plotting.lectures import draw_components
from bbvi.plotting.style import COLORS, new_figure, styled
from bbvi.plotting.vae import draw_images, draw_latent_space
from bbvi.types import Array

Row = Mapping[str, Any]
LIGHT = 0.005
"""Components of less weight are not drawn."""


def priors_figure(rows: Sequence[Row], fitted: Any, labels: Array) -> Figure:
    """The mixture's components over held-out posterior means, and its gain for each decoder."""
    with styled():
        fig = new_figure(14, 6.2)
        left, right = fig.subplots(1, 2, width_ratios=[1.15, 1])
        codes, means, covariances = _in_the_plane(fitted)
        heavy = fitted.weights >= LIGHT
        draw_latent_space(left, codes, labels)
        draw_components(left, fitted.weights[heavy], means[heavy], covariances[heavy])
        left.set_title(f"{heavy.sum()} of {len(heavy)} components weigh {LIGHT:g} or more (2 sd)")
        left.set_xlabel("first principal component of E[z]")
        left.set_ylabel("second principal component of E[z]")
        draw_gains(right, rows)
    return fig


def _in_the_plane(fitted: Any) -> tuple[Array, Array, Array]:
    """Codes (N, 2), means (K, 2) and covariances (K, 2, 2) along the codes' principal axes."""
    center = fitted.codes.mean(axis=0)
    axes = np.linalg.svd(fitted.codes - center, full_matrices=False)[2][:2].T
    moved = ((points - center) @ axes for points in (fitted.codes, fitted.means))
    return *moved, axes.T @ fitted.covariances @ axes


def draw_gains(axes: Axes, rows: Sequence[Row]) -> None:
    """Held-out ELBO of the mixture minus that of N(0, I), with two standard errors."""
    gains = [row for row in rows if "gain" in row]
    places = np.arange(len(gains))[::-1]
    values = np.array([row["gain"] for row in gains])
    errors = np.array([row["gain_se"] for row in gains])
    colors = [COLORS[0] if value > 0 else COLORS[1] for value in values]
    axes.barh(places, values, xerr=2 * errors, color=colors, capsize=5, height=0.6)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(places, [f"decoder\n{row['decoder']}" for row in gains])
    axes.set_xlabel("gain in held-out ELBO per digit (nats), ± 2 se")
    axes.set_title("Mixture prior against N(0, I)")
    axes.grid(axis="y", visible=False)


def codes_figure(rows: Sequence[Row], views: Sequence[Any], labels: Array) -> Figure:
    """Held-out codes of each map, and below what it makes of draws from a Gaussian of codes."""
    with styled():
        fig = new_figure(15, 8.2)
        panels = fig.subplots(2, len(views), height_ratios=[2.4, 1])
        for (above, below), view, row in zip(panels.T, views, rows):
            draw_latent_space(above, view.codes, labels)
            above.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            above.set_xlabel("first coordinate of the code")
            above.set_ylabel("second coordinate" if above is panels[0, 0] else "")
            above.set_title(f"{view.method}: {_summary(row)}", fontsize=12.5)
            made_from = "draws of N(0, I)" if "log_evidence" in row else "Gaussian codes"
            draw_images(below, view.samples, 8, "")
            below.set_title(f"made from {made_from}", fontsize=12)
    return fig


def _summary(row: Row) -> str:
    text = f"squared error {row['squared_error']:.3f}"
    if "log_evidence" not in row:
        return f"{text}\nno likelihood of binary pixels,\nand so no log p(x)"
    keys = ("log_evidence", "log_evidence_fitted")
    plain, fitted = (f"{row[key]:.1f} ± {row[f'{key}_se']:.1f}" for key in keys)
    return f"{text}\nlog p(x) {plain} under N(0, I),\n{fitted} nats under a Gaussian of codes"
