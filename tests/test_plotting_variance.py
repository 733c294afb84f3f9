import numpy as np
import pytest

from bbvi.plotting.variance import curves_figure, frequency_figure


def row(estimator, samples, variance, high, k=1.0):
    return {
        "model": "cosine",
        "k": k,
        "dimension": 1,
        "point": "start",
        "estimator": estimator,
        "samples": samples,
        "noise": "independent",
        "estimates": "ELBO",
        "unbiased": True,
        "variance": variance,
        "variance_low": variance / 2,
        "variance_high": high,
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
