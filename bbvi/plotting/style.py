"""The one style of all figures: colour-blind safe, ordered in grey, readable from the back row."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from PIL import Image

from bbvi.files import write_atomically

# Okabe and Ito (2008), reordered so that neighbours also differ in a projector's greyscale.
COLORS = ("#0072B2", "#E69F00", "#000000", "#D55E00", "#56B4E9", "#009E73", "#CC79A7", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))


def line_look(number: int) -> dict[str, Any]:
    """Of line number 0, 1, ...: colour and dashes together are unique up to 64.

    The second eight have marks besides: in grey, dashes alone are hard to tell apart.
    """
    turn, place = divmod(number, len(COLORS))
    look = {"color": COLORS[place], "linestyle": LINES[(place + turn) % len(LINES)]}
    marks = {"marker": MARKERS[(turn - 1 + place) % len(MARKERS)], "markevery": 0.12}
    return look | (marks if turn else {})


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


def few_log_labels(axis: Axis) -> None:
    """Label a logarithmic axis that shows less than two decades: two to five ticks, no overlap.

    Call it when the limits are final.  A longer axis gets its labels at decades alone.
    """
    low, high = sorted(float(end) for end in axis.get_view_interval())
    axis.set_minor_formatter(NullFormatter())
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for parts in ((1,), (1, 3), (1, 2, 5)):
        ticks = [part * 10.0**power for power in powers for part in parts]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(ticks) > 1:
            break
    else:
        ticks = [t for t in MaxNLocator(4).tick_values(low, high) if low <= t <= high]
        axis.set_minor_locator(NullLocator())
    if len(parts) > 1:
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FuncFormatter(_log_label))


def _log_label(value: float, position: int | None = None) -> str:
    """0.3, 20 or 3 x 10^-7."""
    if 1e-3 <= value < 1e5:
        return f"{value:.6g}"
    power = math.floor(math.log10(value) + 1e-9)
    part = f"{value / 10.0**power:.4g}"
    times = "" if part == "1" else rf"{part}\times"
    return rf"$\mathdefault{{{times}10^{{{power}}}}}$"


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
