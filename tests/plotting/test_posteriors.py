"""The picture of posteriors draws what the rows say."""

import numpy as np

from bbvi.plotting.posteriors import posteriors_figure

BASE = {"posterior": "db-one", "mean_error": 0.02, "sd_ratio_min": 0.95, "sd_ratio_max": 1.02}


def test_each_method_and_posterior_is_drawn():
    table = [
        {**BASE, "method": "mean field", "khat": 0.9, "sd_ratio_min": 0.05},
        {**BASE, "method": "linear response, weighted", "khat": 0.3, "mean_error": 0.01},
        {**BASE, "method": "full covariance, weighted", "khat": 0.1, "mean_error": 0.04},
        {"posterior": "own", "method": "mean field", "khat": 0.2},
    ]
    errors, ratios, khats = posteriors_figure(table).axes
    drawn = {line.get_label(): line.get_xdata() for line in errors.lines}
    np.testing.assert_allclose(drawn["mean field"], [0.02, np.nan])
    # Of two weighted ones the one with the smaller k-hat.
    np.testing.assert_allclose(drawn["weighted"], [0.04, np.nan])
    assert np.nanmin(np.concatenate([line.get_xdata() for line in ratios.lines])) == 0.05
    np.testing.assert_allclose(khats.lines[0].get_xdata(), [0.9, 0.2])
    assert [label.get_text() for label in errors.get_yticklabels()] == ["one", "own"]


def test_without_any_reference_k_hat_is_all_that_is_drawn():
    table = [
        {"posterior": "own", "method": name, "khat": khat}
        for name, khat in (("mean field", 0.2), ("full covariance", 0.1))
    ]
    (axes,) = posteriors_figure(table).axes
    drawn = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    assert drawn["mean field"] == 0.2
    assert drawn["full covariance"] == 0.1
    assert np.isnan(drawn["weighted"])
