"""The one style of all figures: colour-blind safe, ordered in grey, readable from the back row."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from bbvi.files import write_atomically

# Okabe and Ito (2008), reordered so that neighbours also differ in a projector's greyscale.
COLORS = ("#0072B2", "#E69F00", "#000000", "#D55E00", "#56B4E9", "#009E73", "#CC79A7", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))

STYLE: Any = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "image.cmap": "gray_r",
    "savefig.dpi": 120,
    # A matplotlibrc may ask for a LaTeX that is not installed; formulas are drawn without one.
    "text.usetex": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """Use the style inside a ``with`` block and leave matplotlib's settings as they were."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure (inches), independent of any display and of pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


PICTURES: dict[str, Any] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
"""The kinds of pictures, each with what keeps time stamps out of it."""


def save(figure: Figure, path: Path, dpi: float | None = None) -> None:
    """Write a whole picture or none, without a time stamp: the same picture is the same bytes.

    Parameters
    ----------
    figure : Figure
    path : Path
        Its ending, .png, .pdf or .svg, says what is written.
    dpi : float, optional
        Dots per inch of a PNG, and of what is an image inside the others; by default 100.
    """
    kind, buffer = path.suffix.removeprefix("."), io.BytesIO()
    # Without a salt the names inside an SVG are drawn at random.
    with matplotlib.rc_context({"svg.hashsalt": "bbvi", "text.usetex": False}):
        figure.savefig(
            buffer,
            format=kind,
            metadata=PICTURES[kind],
            dpi=matplotlib.rcParams["savefig.dpi"] if dpi is None else dpi,
        )
    write_atomically(path, buffer.getvalue())


def with_palette(png: bytes, colors: int = 256) -> bytes:
    """The same PNG in so many colours, without a time stamp: about a third of the size."""
    compact = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(colors, method=Image.Quantize.MEDIANCUT).save(compact, "png", optimize=True)
    return compact.getvalue()
