"""The figures of the lecture notebooks, each with the numbers that are drawn in it."""

import ast
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from bbvi.plotting.figures import Drawn
from bbvi.types import Array

PLACES = ("x", "y", "width", "height", "angle")


def notebook_figures(source: Path, quick: bool) -> dict[str, Drawn]:
    """Run a notebook's ``py:percent`` source; every figure that ends a cell, with its numbers.

    Parameters
    ----------
    source : Path
        ``NN_topic.py``; the figures are named ``NN_topic_1``, ``NN_topic_2``, ...
    quick : bool
        Run it in its small sizes (BBVI_SMOKE=1).
    """
    names: dict[str, Any] = {"__name__": source.stem}
    with _sizes(quick):
        cells = _cells(source.read_text("utf-8"))
        shown = [value for cell in cells if isinstance(value := _run(cell, names, source), Figure)]
    return {
        f"{source.stem}_{number}": Drawn(figure, drawn_numbers(figure))
        for number, figure in enumerate(shown, start=1)
    }


def drawn_numbers(figure: Figure) -> list[dict[str, Any]]:
    """What a figure draws, as tidy rows: panel, what, label, and places in the panel's units.

    Lines, points and areas have x and y; bars and ellipses also width, height and angle; an image
    has one row for each line of pixels, with the ``values`` from left to right.
    """
    rows: list[dict[str, Any]] = []
    for number, axes in enumerate(figure.axes, start=1):
        panel = f"{number}: {axes.get_title()}".replace("\n", " ").removesuffix(": ")
        for what, artist, places in _marks(axes):
            label = str(artist.get_label())
            common = {"panel": panel, "what": what, "label": "" if label.startswith("_") else label}
            rows += [
                common | {key: f"{value:.6g}" for key, value in zip(PLACES, place)}
                for place in places
            ]
        for image in axes.images:
            common = {"panel": panel, "what": "image", "label": ""}
            for y, line in enumerate(np.ma.filled(np.ma.asarray(image.get_array()), np.nan)):
                values = " ".join(f"{value:.3g}" for value in np.ravel(line))
                rows.append(common | {"y": y, "values": values})
    return rows


def _marks(axes: Axes) -> Iterator[tuple[str, Any, Array]]:
    """(what, artist, places (M, 2 to 5)) of everything on the axes but images and words."""
    for line in axes.lines:
        yield "line", line, np.column_stack([line.get_xdata(False), line.get_ydata(False)])
    for group in axes.collections:
        if isinstance(group, PathCollection):
            yield "points", group, np.asarray(group.get_offsets())
        else:
            for path in group.get_paths():
                yield "area", group, np.asarray(path.vertices)
    for patch in axes.patches:
        if isinstance(patch, Rectangle):
            size = [*patch.get_xy(), patch.get_width(), patch.get_height(), patch.get_angle()]
            yield "bar", patch, np.array([size])
        elif isinstance(patch, Ellipse):
            size = [*patch.center, patch.width, patch.height, patch.angle]
            yield "ellipse", patch, np.array([size])


def line_of(error: BaseException, source: Path) -> int | None:
    """The line of a notebook's source that an error comes from, the innermost; None if none."""
    if isinstance(error, SyntaxError) and error.filename == str(source):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(source)]
    return lines[-1] if lines else None


def _cells(text: str) -> Iterator[str]:
    """The cells, each after as many empty lines as are before it in the file."""
    start = 0
    for cell in re.split(r"(?m)^# %%.*$", text):
        yield "\n" * start + cell
        start += cell.count("\n")


def _run(cell: str, names: dict[str, Any], source: Path) -> Any:
    """Run a cell and return the value of its last expression, which a notebook would show."""
    body = ast.parse(cell, str(source)).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), str(source), "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), str(source), "eval"), names)
    return None


@contextmanager
def _sizes(quick: bool) -> Iterator[None]:
    """BBVI_SMOKE as asked for, and afterwards as it was."""
    before = os.environ.get("BBVI_SMOKE")
    os.environ["BBVI_SMOKE"] = "1" if quick else "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["BBVI_SMOKE"]
        else:
            os.environ["BBVI_SMOKE"] = before
