import itertools

import numpy as np
import pytest

from bbvi.plotting.variance import curves_figure, frequency_figure
from bbvi.plotting.variance_ranking import ranking_figure


def row(estimator, samples, variance, high, k=1.0):
    return {
        "model": "cosine",
        "k": k,
        "dimension": 1,
        "point": "start",
        "estimator": estimator,
        "samples": samples,
        "evaluations": samples,
        "noise": "independent",
        "estimates": "ELBO",
        "unbiased": True,
        "variance": variance,
        "variance_low": variance / 2,
        "variance_high": high,
        "variance_exists": True,
    }


@pytest.mark.parametrize("high", [1e130, np.inf])
def test_an_interval_without_an_upper_end_does_not_flatten_the_curves(high):
    rows = [
        row(name, S, variance / S, end, k)
        for name, variance, end in (("score-function", 9.0, 10.0), ("disarm", 0.1, high))
        for S in (1, 4)
        for k in (0.5, 2.0)
    ]
    for figure in (curves_figure(rows, "logit", "title"), frequency_figure(rows, "logit")):
        figure.draw_without_rendering()
        bottom, top = figure.axes[0].get_ylim()
        assert 0 < bottom < 0.1
        assert 2.25 < top < 100


def test_equal_cost_stands_beside_equal_samples():
    rows = [
        row(name, S, 9.0 / S, 10.0) | {"evaluations": each * S}
        for name, each in (("score-function", 1), ("measure-valued", 7))
        for S in (1, 4)
    ]
    by_samples, by_cost = curves_figure(rows, "mean", "title").axes
    assert len(curves_figure(rows[::2], "mean", "title").axes) == 1  # one S: no panel of its cost
    assert by_samples.get_title().startswith("equal $S$")
    assert by_cost.get_title().startswith("equal cost")
    assert [list(line.get_xdata()) for line in by_samples.lines[::3]] == [[1, 4], [1, 4]]
    assert [list(line.get_xdata()) for line in by_cost.lines[::3]] == [[1, 4], [7, 28]]


def ranked(estimator, variance, exists=True):
    made = row(estimator, 4, variance, 2 * variance) | {
        "uses": "values",
        "evaluations_beforehand": 65536 if estimator == "nvil" else 0,
        "variance_exists": exists,
        "tail_index": 0.2 if exists else 0.93,
    }
    return made | {f"variance_x_{cost}": 4 * variance for cost in ("evaluations_in_all", "seconds")}


def test_a_variance_that_does_not_exist_is_no_dot_and_not_the_best():
    rows = [ranked("nvil", 2.0), ranked("wild", 0.1, exists=False), ranked("reparameterized", 1.0)]
    figure = ranking_figure(rows, "mean", "title")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["wild", "nvil  +66k", "reparameterized"]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["variance does not exist (tail index 0.93)", "2$\\times$", "1$\\times$"]
    assert len(axes.lines) == 2
    curves = curves_figure(
        [made | {"samples": S} for made in rows for S in (1, 4)], "mean", "title"
    )
    assert "does not exist" in [text.get_text() for text in curves.legends[0].get_texts()]
    tame = curves_figure([ranked("nvil", 2.0) | {"samples": S} for S in (1, 4)], "mean", "title")
    assert "does not exist" not in [text.get_text() for text in tame.legends[0].get_texts()]


def test_a_legend_calls_biased_only_what_is_known_to_be():
    kinds = {"own": (False, "unknown"), "spsa": (False, "O(step^2)"), "nvil": (True, "none")}
    rows = [
        ranked(name, 1.0) | {"unbiased": unbiased, "bias_declared": declared}
        for name, (unbiased, declared) in kinds.items()
    ]
    (legend,) = ranking_figure(rows, "mean", "title").legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert [text for text in texts if "bias" in text] == ["biased", "bias unknown"]
    (legend,) = curves_figure(rows, "mean", "title").legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:3] == ["own (bias unknown)", "spsa (biased)", "nvil"]
    (legend,) = ranking_figure(rows[2:], "mean", "title").legends
    assert not any("bias" in text.get_text() for text in legend.get_texts())


def test_a_bias_of_unknown_size_that_was_measured_is_told_as_one():
    unknown = {"unbiased": False, "bias_declared": "unknown"}
    seen = {"own": 65.0, "near": -4.0, "nobody-knows": None}
    rows = [ranked(name, 1.0) | unknown | {"bias_z": z} for name, z in seen.items()]
    rows += [ranked("wild", 1.0, exists=False) | unknown | {"bias_z": 65.0}]
    (legend,) = ranking_figure(rows, "mean", "title").legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert [text for text in texts if "bias" in text] == ["biased, measured", "bias unknown"]
    other = ranked("own", 1.0) | unknown | {"samples": 1, "bias_z": 2.0}
    for order in ([*rows, other], [other, *rows]):
        (legend,) = curves_figure(order, "mean", "title").legends
        texts = {text.get_text() for text in legend.get_texts()}
        assert {"own (biased, measured)", "near (bias unknown)", "wild (bias unknown)"} <= texts


@pytest.mark.parametrize("reach", [1.0, 3.0, 30.0, 1e4])
def test_logarithmic_axes_have_a_few_labels_that_do_not_overlap(reach):
    rows = [ranked("nvil", 0.07), ranked("reparameterized", 0.07 * reach)]
    curves = [made | {"samples": S, "evaluations": S} for made in rows for S in (1, 4)]
    rankings = ranking_figure(rows, "mean", "title")
    by_cost = curves_figure(curves, "mean", "title")
    axes = [rankings.axes[0].xaxis, rankings.axes[1].xaxis, by_cost.axes[0].yaxis]
    for axis in [*axes, by_cost.axes[1].xaxis]:
        axis.get_figure().draw_without_rendering()
        low, high = axis.get_view_interval()
        ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes = [tick.label1.get_window_extent() for tick in ticks if tick.label1.get_text()]
        assert 2 <= len(boxes) <= 7
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert not any(label.get_text() for label in axis.get_minorticklabels())


def test_a_variance_that_is_no_number_does_not_make_others_zero():
    rows = [row("nvil", S, variance, 0.2) for S, variance in ((1, float("nan")), (4, 0.1))]
    figure = curves_figure(rows, "mean", "title")
    assert figure.axes[0].get_ylim()[0] < 0.1
    assert "zero" not in " ".join(text.get_text() for text in figure.legends[0].get_texts())
