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


def measured(monkeypatch=None):
    """The rows of one seed with DReG, or with what stands in its place."""
    if monkeypatch is not None:
        monkeypatch.setitem(snr.ESTIMATORS, "dreg", snr.ESTIMATORS["iwae"])
    cell = snr._cell("dreg", 100, 8, (20, 200))
    return snr.measure(cell, np.random.default_rng(2))


@pytest.mark.slow
def test_dreg_rises_and_the_plain_encoder_gradient_in_its_place_differs(monkeypatch):
    (published,) = [p for p in snr.ENTRY.published if p.quantity == "slope, encoder, DReG"]
    (one,) = compare([published._replace(tolerance=0.2)], measured())
    assert one.verdict == "agrees"
    (one,) = compare([published._replace(tolerance=0.2)], measured(monkeypatch))
    assert one.verdict == "differs"
