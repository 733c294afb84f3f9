"""Step 1 as a moving picture: one HTML page with a slider, without a network."""

import base64
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.animation import FuncAnimation

from bbvi.lectures.step_1_watched import Landscape, WatchedStep1
from bbvi.plotting.lectures import draw_digit, draw_gap, draw_step
from bbvi.plotting.style import COLORS, new_figure, styled, with_palette
from bbvi.types import Array

LARGEST_MB = 5.0
FRAME_COLORS = 64
# matplotlib's buttons are drawn with a web font; these signs are in every browser.
SIGNS = {
    "minus": "&minus;",
    "fast-backward": "|&laquo;",
    "step-backward": "&lsaquo;",
    "play fa-flip-horizontal": "&#9664;",
    "pause": "&#10074;&#10074;",
    "play": "&#9654;",
    "step-forward": "&rsaquo;",
    "fast-forward": "&raquo;|",
    "plus": "+",
}


def step_1_page(
    landscape: Landscape,
    family: Any,
    course: WatchedStep1,
    x: Array,
    image_shape: tuple[int, int],
    *,
    n: int = 0,
    frames: Sequence[int] | None = None,
    dots_per_inch: int = 60,
) -> str:
    """An HTML page in which q of datapoint n moves to its posterior; every frame is embedded.

    Parameters
    ----------
    landscape : Landscape
        The posterior of datapoint n.
    family, course
        As from `bbvi.lectures.step_1_watched.watch_step_1`.
    x : ndarray (Dx,)
        The datapoint, drawn with ``image_shape``.
    frames : sequence of int, optional
        The steps shown; by default every one up to 12, then every fourth.
    """
    last = len(course.elbo) - 1
    if frames is None:
        frames = [step for step in range(last + 1) if step <= 12 or step % 4 == 0 or step == last]
    settings: Any = {"animation.embed_limit": LARGEST_MB, "savefig.dpi": dots_per_inch}
    with styled(), matplotlib.rc_context(settings):
        fig = new_figure(11.5, 4.6)
        picture, plane, ascent = fig.subplots(1, 3, width_ratios=[0.55, 1.1, 1.25])
        draw_digit(picture, x, image_shape)

        def draw(step: int) -> list[Any]:
            for axes in (plane, ascent):
                axes.clear()
            draw_step(plane, landscape, family, course, n, step)
            plane.set_title(f"q and the true posterior, step {step}")
            plane.set_xlabel("$z_1$")
            plane.set_ylabel("$z_2$")
            draw_gap(ascent, course, n)
            ascent.plot(step, course.elbo[step, n], marker="o", markersize=10, color=COLORS[2])
            gap = f"gap {course.kl[step, n]:.2f} nats"
            ascent.set_title(f"ELBO {course.elbo[step, n]:.2f} nats, {gap}")
            return []

        draw(frames[-1])
        # Laid out once: otherwise the panels would shift from frame to frame.
        fig.canvas.draw()
        fig.set_layout_engine("none")
        page = FuncAnimation(fig, draw, frames=list(frames), interval=150).to_jshtml(
            fps=6, default_mode="once"
        )
    return standalone(re.sub(r"(?<=base64,)[^\"]+", _compact, page))


def _compact(frame: re.Match[str]) -> str:
    """A frame in few colours, on one line: a quarter of the size, and no difference to be seen."""
    png = base64.b64decode(frame[0].replace("\\\n", ""))
    return base64.b64encode(with_palette(png, FRAME_COLORS)).decode()


def standalone(page: str) -> str:
    """The page with plain signs for the web font's, and the same names in every run."""
    page = re.sub(r'<link rel="stylesheet"[^>]*>', "", page)
    for name, sign in SIGNS.items():
        page = page.replace(f'<i class="fa fa-{name}"></i>', sign)
    for name in re.findall(r'id="_anim_img([0-9a-f]+)"', page):
        page = page.replace(name, "_step_1")
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Step 1</title>\n'
        '<link rel="icon" href="data:,">\n'
    )
    return f"{head}{page}\n</html>\n"
