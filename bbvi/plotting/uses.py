"""Pictures of restored images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bbvi.lectures.restoration import Restored
from bbvi.plotting.style import COLORS, new_figure, styled
from bbvi.plotting.vae import draw_images


def restored_figure(restored: Restored) -> Figure:
    """One row of images for the truth, what is seen, and each way to restore it."""
    names, images = list(restored.images), list(restored.images.values())
    columns, pixels = images[0].shape
    side = round(float(np.sqrt(pixels)))
    with styled():
        figure = new_figure(10, 0.8 + 8.2 * len(names) / columns)
        axes = figure.subplots()
        title = f"{restored.task.capitalize()}: E[x | what is seen]"
        draw_images(axes, np.concatenate(images), columns, title)
        rows = (side + 1) * np.arange(len(names)) + (side - 1) / 2
        axes.set_yticks(rows, names)
        axes.tick_params(axis="y", length=0)
    return figure


def errors_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Bars of the mean squared error of each method, one group per task."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    width = 0.8 / len(methods)
    hatches = ("", "//", "..", "xx", "--", "\\\\")
    with styled():
        figure = new_figure(10, 5)
        axes = figure.subplots()
        for i, method in enumerate(methods):
            chosen = {row["task"]: row for row in rows if row["method"] == method}
            axes.bar(
                np.arange(len(tasks)) + (i - (len(methods) - 1) / 2) * width,
                [chosen[task]["error"] for task in tasks],
                width,
                yerr=[2 * chosen[task]["error_se"] for task in tasks],
                color=COLORS[(7, 4, 0, 1, 3)[i % 5]],
                hatch=hatches[i % len(hatches)],
                edgecolor="white",
                label=method,
            )
        axes.set_xticks(np.arange(len(tasks)), tasks)
        axes.set_ylabel("mean squared error per pixel not seen")
        axes.set_title("Restoring images (bars: two standard errors over images)")
        axes.grid(axis="x", visible=False)
        axes.legend()
    return figure
