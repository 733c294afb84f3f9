"""The pictures of the gallery's pages, drawn when the book is built."""

import io
from typing import Any

import matplotlib.figure
import numpy as np

from bbvi.estimators import ESTIMATORS
from book.measured import measured
from book.problems import NAMES, kind_for

BLUE, GREY, RED = "#1f5fa8", "#b8b8b8", "#c8402a"
FLOOR = 1e-4
"""Noise below this is drawn at it: a gradient without any noise."""


def png(figure: Any) -> bytes:
    """The figure as bytes that depend on nothing but what it shows."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def new_figure(columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure without pyplot's state, and its axes in a row."""
    figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def bias_and_variance(name: str) -> bytes:
    """Left the bias of each parameter with two standard errors, right the noise beside others."""
    figure, (left, right) = new_figure(2, 9.5, 3.3)
    _draw_bias(left, name)
    _draw_noise(right, name)
    return png(figure)


def _draw_bias(axes: Any, name: str) -> None:
    for at, found in enumerate(measured(name)):
        spread = np.linspace(-0.25, 0.25, len(found.bias)) if len(found.bias) > 1 else [0.0]
        axes.errorbar(
            at + np.asarray(spread), found.bias, yerr=2 * found.error, fmt="o", ms=3.5, color=BLUE
        )
    axes.axhline(0, color="black", lw=0.8)
    reach = max(np.abs(axes.get_ylim()).max(), 0.05)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("bias / gradient")
    axes.set_title("Bias of each parameter, ± 2 standard errors", fontsize=10)
    _problems_below(axes)


def _draw_noise(axes: Any, name: str) -> None:
    kind, bound = kind_for(ESTIMATORS[name]), ESTIMATORS[name].bound
    others = [
        other
        for other, its in ESTIMATORS.items()
        if kind_for(its) == kind and its.bound == bound and other != name
    ]
    for at, found in enumerate(measured(name)):
        noise = [max(measured(other)[at].noise, FLOOR) for other in others]
        axes.plot([at] * len(noise), noise, "_", ms=16, color=GREY)
        value = max(found.noise, FLOOR)
        axes.plot(at, value, "o", ms=8, color=RED)
        text = f"{found.noise:.2g}" if found.noise > FLOOR else "0"
        axes.annotate(text, (at, value), (9, -3), textcoords="offset points", fontsize=9)
    axes.set_yscale("log")
    axes.set_ylabel("variance / gradient²")
    title = "Noise of one gradient (grey: the other estimators)"
    axes.set_title(title if others else "Noise of one gradient", fontsize=10)
    _problems_below(axes)


def _problems_below(axes: Any) -> None:
    axes.set_xticks(range(len(NAMES)), [name.replace(", ", ",\n") for name in NAMES], fontsize=8)
    axes.set_xlim(-0.5, len(NAMES) - 0.3)
    axes.spines[["top", "right"]].set_visible(False)
