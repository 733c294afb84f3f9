"""Pictures of restored images (floor 6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bbvi.experiments.marginal import Restored
from bbvi.plotting.style import COLORS, new_figure, styled
from bbvi.plotting.vae import draw_images


def restored_figure(restored: Restored) -> Figure:
    """One row of images for the truth, what is seen, and each way to restore it."""
    with styled():
        names = list(restored.images)
        columns = len(restored.images[names[0]])
        figure = new_figure(9, 0.8 + 7.2 * len(names) / columns)
        for axes, name in zip(figure.subplots(len(names), 1), names):
            draw_images(axes, restored.images[name], columns, "")
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
        figure.suptitle(f"{restored.task.capitalize()}: E[x | what is seen]")
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
