"""Published points stand in the picture, like beside like, each in a colour of its own."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from bbvi.experiments.reproductions import autoencoder, belief_network
from bbvi.experiments.reproductions.agreement import compare
from bbvi.experiments.reproductions.entries import Published
from bbvi.experiments.reproductions.run import find, stored
from bbvi.plotting.reproductions import _placed, figure_of, look

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reproductions"
STORED = sorted(path.stem for path in FOLDER.glob("*.csv"))


def stars(axes):
    """(series, colour, mark, x, y) of every published number in a panel."""
    found = []
    for line in axes.lines:
        if line.get_gid() in (None, "zero"):
            continue
        colors = (line.get_markerfacecolor(), line.get_markeredgecolor())
        (color,) = (to_hex(one) for one in colors if to_hex(one) != "#ffffff")
        ((x, y),) = line.get_xydata()
        found.append((line.get_gid(), color, line.get_marker(), x, y))
    return found


def picture(name):
    result = stored(name, FOLDER)
    return figure_of(find(name), result.rows, result.comparisons)


def belief(rows):
    entry = belief_network.ENTRY
    return stars(figure_of(entry, rows, compare(entry.published, rows)).axes[0])


def test_the_published_curves_go_on_where_ours_ends():
    cell = {"estimator": "rebar", "rate": belief_network.RATE, "epochs": 2}
    rows = [belief_network._row(cell, epoch, -150.0 + epoch) for epoch in (1, 2)]
    wanted = {
        (epoch, float(value))
        for curve in belief_network.CURVES.values()
        for epoch, value in curve.items()
    }
    found = {(round(x), round(y, 2)) for *_, x, y in belief(rows)}
    assert wanted <= found
    assert (1, -149.0) not in found


@pytest.mark.parametrize("num_series", [1, 8, 9, 16, 40])
def test_no_two_series_share_colour_and_star(num_series):
    looks = [look(number) for number in range(num_series)]
    assert len({(its.color, its.star) for its in looks}) == num_series
    assert len({(its.color, str(its.line)) for its in looks}) == num_series


@pytest.mark.parametrize("name", STORED)
def test_colours_tell_series_apart_in_every_stored_picture(name):
    figure = picture(name)
    owner = {}
    for axes in figure.axes:
        for series, color, mark, *_ in stars(axes):
            assert owner.setdefault((color, mark), series) == series
    assert len(set(owner.values())) == len(owner)


def test_a_series_that_is_published_alone_has_no_colour_of_ours():
    """All of ours, MuProp left out: its star is in none of their colours."""
    rows = [
        belief_network._row({"estimator": name, "rate": rate, "epochs": 1}, 1, -150.0)
        for name in belief_network.NAMES
        for rate in (belief_network.RATE, 3e-3)
        if name != "muprop"
    ]
    entry = belief_network.ENTRY
    axes = figure_of(entry, rows, compare(entry.published, rows)).axes[0]
    ours = {to_hex(line.get_color()) for line in axes.lines if line.get_gid() is None}
    mine = {(color, mark) for series, color, mark, *_ in stars(axes) if series == "MuProp"}
    assert len(mine) == 1
    assert all(color not in ours or mark != "*" for color, mark in mine)


@pytest.mark.parametrize("name", STORED)
def test_a_point_of_ours_is_the_mean_of_one_quantity(name):
    entry, quantities = find(name), {}
    for row in stored(name, FOLDER).rows:
        if row.get("x") not in (None, ""):
            placed = _placed(entry, row)
            place = (placed["panel"], placed["series"], placed["x"])
            assert quantities.setdefault(place, row["quantity"]) == row["quantity"]


def test_log_p_by_128_samples_is_not_drawn_beside_log_p_by_1000():
    """Also of rows that were stored with one panel for both."""
    rows = [
        {"quantity": f"log p by {K} samples, validation, step {step}", "value": value,
         "panel": "log p", "series": "validation", "x": step}
        for step in (10000, 20000) for K, value in ((128, -97.5), (1000, -96.0))
    ]  # fmt: skip
    entry = autoencoder.ENTRY
    figure = figure_of(entry, rows, compare(entry.published, rows))
    panels = {axes.get_title(): axes for axes in figure.axes}
    for K, value in ((128, -97.5), (1000, -96.0)):
        (ours,) = (
            line
            for line in panels[f"log p by {K} samples"].lines
            if line.get_gid() is None and line.get_linestyle() == "-"
        )
        np.testing.assert_array_equal(ours.get_ydata(), [value, value])
    published = [y for *_, y in stars(panels["log p by 128 samples"])]
    assert sorted(published) == [-98.973, -97.914, -96.716]
    assert stars(panels["log p by 1000 samples"]) == []


def test_zeros_of_a_logarithmic_axis_are_marked_at_its_edge():
    figure = picture("gaussian-variances")
    axes = figure.axes[0]
    assert axes.get_ylim()[0] > 1e-3
    (zero,) = (line for line in axes.lines if line.get_gid() == "zero")
    assert zero.get_xdata() == [1.0]


@pytest.mark.parametrize("name", STORED)
def test_every_stored_picture_can_be_laid_out(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = picture(name)
        figure.canvas.draw()
    # No panel is squeezed to nothing by its labels.
    assert all(min(axes.get_position().size) > 0.1 for axes in figure.axes)


def test_a_comparison_without_a_curve_is_drawn_by_its_reach():
    theirs = [Published("a", "1.0", "they", "t", "within", tolerance=0.5)]
    theirs += [Published("b", "0", "they", "t", "above")]
    rows = [{"quantity": "a", "value": 1.25}]
    rows += [{"quantity": "b", "value": value} for value in (1.0, 1.1, 0.9)]
    comparisons = compare(theirs, rows)
    (axes,) = figure_of(belief_network.ENTRY, rows, comparisons).axes
    away = [max((one.theirs - one.ours) / one.reach, -3.0) for one in comparisons]
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx(away[::-1])
    # Where an order was published, agreement lies on the left alone.
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert ends == [(-3, -1), (-1, 1)]
