"""The target by differences; the ratio of known numbers; the slopes, and a wrong pairing."""

import numpy as np
import pytest
from scipy import stats

from bbvi.experiments.reproductions import signal_to_noise as snr
from bbvi.experiments.reproductions.agreement import compare


def test_the_target():
    rng = np.random.default_rng(0)
    x, mu, z = rng.normal(size=(3, snr.D)), rng.normal(size=snr.D), rng.normal(size=(2, 3, snr.D))
    log_p, dz, dtheta = snr.gaussian_target(x, mu).evaluate(z, True, True)
    wanted = stats.norm.logpdf(z, mu).sum(-1) + stats.norm.logpdf(x, z).sum(-1)
    np.testing.assert_allclose(log_p, wanted)
    np.testing.assert_allclose(dz, (mu - z) + (x - z))
    np.testing.assert_allclose(dtheta["mu"], (z - mu).mean(axis=0))


def test_the_ratio_of_known_numbers():
    g = np.random.default_rng(1).normal([0.3, 0.0], [1.0, 2.0], (40000, 2))
    assert snr.signal_to_noise(g) == pytest.approx(0.3 / np.sqrt(5), rel=0.05)


def test_a_quieter_gradient_with_the_same_mean_serves_for_the_signal():
    rng = np.random.default_rng(1)
    g, quiet = rng.normal(0.01, 1.0, (500, 20)), rng.normal(0.01, 0.01, (500, 20))
    assert snr.signal_to_noise(g, quiet) == pytest.approx(0.01, rel=0.1)
    assert snr.signal_to_noise(3 * g, quiet) == pytest.approx(0.01 / 3, rel=0.1)


def test_slopes_of_known_lines_over_both_ranges():
    """Slope 1 up to K = 100, then 0.5: the second range sees 0.5 alone."""
    K = [10, 100, 1000]
    rows = snr._rows("s", K, [1.0, 10.0, 10.0 * 10**0.5])
    slopes = {row["quantity"]: row["value"] for row in rows if "slope" in row["quantity"]}
    assert slopes == pytest.approx(
        {snr.slope_name("s", 10, 1000): 0.75, snr.slope_name("s", 100, 1000): 0.5}
    )


def test_the_published_slopes_are_over_the_ranges_that_the_setup_tells():
    ranges = {one.quantity.partition("K = ")[2] for one in snr.ENTRY.published}
    assert ranges == {"3 to 1000", "100 to 1000"}
    assert all(f"K = {one}" in snr.ENTRY.setup for one in ranges)
    assert all(cell["K"] == [3, 10, 30, 100, 300, 1000] for cell in snr.ENTRY.cells)


def measured(name="dreg", of="b", monkeypatch=None):
    """The rows of one seed, or with another estimator in DReG's place."""
    if monkeypatch is not None:
        monkeypatch.setitem(snr.ESTIMATORS, "dreg", snr.ESTIMATORS["iwae"])
    cell = snr._cell(name, of, 100, 8, (20, 200))
    return snr.measure(cell, np.random.default_rng(2))


def verdict(series, rows):
    (published,) = (
        one
        for one in snr.ENTRY.published
        if one.quantity.startswith(f"slope, {series}, K = 100 to")
    )
    (row,) = (row for row in rows if row["quantity"].startswith("slope"))
    (one,) = compare([published._replace(quantity=row["quantity"], tolerance=0.2)], [row])
    return one.verdict


@pytest.mark.slow
def test_dreg_rises_and_the_plain_encoder_gradient_in_its_place_differs(monkeypatch):
    assert verdict("encoder, IWAE", measured("iwae")) == "agrees"
    assert verdict("encoder, DReG", measured()) == "agrees"
    assert verdict("encoder, DReG", measured(monkeypatch=monkeypatch)) == "differs"
