"""Published points stand in the picture, also beyond the end of ours."""

import numpy as np

from bbvi.experiments.reproductions import belief_network
from bbvi.experiments.reproductions.agreement import compare
from bbvi.plotting.reproductions import figure_of


def drawn(rows):
    """Every (x, y) with the mark of a published number."""
    entry = belief_network.ENTRY
    figure = figure_of(entry, rows, compare(entry.published, rows))
    axes = figure.axes[0]
    points = [line.get_xydata() for line in axes.lines if line.get_marker() == "*"]
    return {(round(x), round(y, 2)) for x, y in np.concatenate(points)}


def test_the_published_curves_go_on_where_ours_ends():
    cell = {"estimator": "rebar", "rate": belief_network.RATE, "epochs": 2}
    rows = [belief_network._row(cell, epoch, -150.0 + epoch) for epoch in (1, 2)]
    wanted = {
        (epoch, float(value))
        for curve in belief_network.CURVES.values()
        for epoch, value in curve.items()
    }
    found = drawn(rows)
    assert wanted <= found
    assert (1, -149.0) not in found
