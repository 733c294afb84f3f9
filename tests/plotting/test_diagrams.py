"""The diagrams: all words inside the picture, none on another, and the marks that they promise."""

import itertools

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.patches import Circle

from bbvi.plotting import diagrams, figures
from bbvi.plotting.style import new_figure

DRAWN = {
    "plate_model": diagrams.plate_model,
    "autoencoder_and_vae": diagrams.autoencoder_and_vae,
    "sampling_as_input": diagrams.sampling_moved_to_the_input,
    "two_gradients": diagrams.two_gradients,
}


def collisions(figure):
    """Pairs of words that cover each other, and words that leave the picture."""
    figure.canvas.draw()
    words = [t for axes in figure.axes for t in (*axes.texts, axes.title) if t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent()) for t in words]
    size = figure.bbox
    outside = [
        name
        for name, b in boxes
        if b.x0 < size.x0 or b.y0 < size.y0 or b.x1 > size.x1 or b.y1 > size.y1
    ]
    pairs = [(a, b) for (a, p), (b, q) in itertools.combinations(boxes, 2) if p.overlaps(q)]
    return outside, pairs


@pytest.mark.parametrize("name", DRAWN)
def test_no_word_covers_another_or_is_cut(name):
    assert collisions(DRAWN[name]()) == ([], [])


def test_a_covered_and_a_cut_word_are_seen():
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.text(0.5, 0.5, "one")
    axes.text(0.52, 0.5, "two")
    axes.text(0.9, 0.1, "far too long for its place", in_layout=False)
    outside, pairs = collisions(figure)
    assert outside == ["far too long for its place"]
    assert ("one", "two") in pairs


def test_x_alone_is_observed():
    """A circle is grey where x stands in it, in the plates white where z does."""
    for axes in diagrams.plate_model().axes:
        circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
        for circle in circles:
            [name] = [t.get_text() for t in axes.texts if t.get_position() == circle.center]
            white = np.allclose(circle.get_facecolor(), matplotlib.colors.to_rgba("white"))
            assert white == ("z" in name)


def test_the_command_draws_them():
    drawn = figures.FIGURES["diagrams"](np.random.default_rng(0), True)
    assert set(drawn) == {f"diagram_{name}" for name in DRAWN}
    assert all(figures.compact_png(one.picture)[:4] == b"\x89PNG" for one in drawn.values())
