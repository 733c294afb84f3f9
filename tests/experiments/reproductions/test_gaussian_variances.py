"""The integrals against closed forms; a wrong estimator differs."""

import numpy as np
import pytest

from bbvi.experiments.reproductions import gaussian_variances as variances
from bbvi.experiments.reproductions.agreement import compare
from bbvi.models.integrands import cosine, quadratic

CELL = {"cost": "(x - k)^2", "estimator": "score-function", "replicates": 40000}


@pytest.mark.parametrize("name", variances.NAMES)
@pytest.mark.parametrize("k", [-2.0, 0.5])
def test_means_are_the_known_gradients(name, k):
    in_mu, in_log_sigma = (mean for mean, _ in variances.moments(name, quadratic(k)))
    assert in_mu == pytest.approx(2 * (1 - k), rel=1e-9)
    assert in_log_sigma == pytest.approx(2.0, rel=1e-9)
    in_mu, in_log_sigma = (mean for mean, _ in variances.moments(name, cosine(k)))
    assert in_mu == pytest.approx(-k * np.sin(k) * np.exp(-(k**2) / 2), rel=1e-8)
    assert in_log_sigma == pytest.approx(-(k**2) * np.cos(k) * np.exp(-(k**2) / 2), rel=1e-8)


def test_variances_in_closed_form():
    """With c = mu - k: 4 of the pathwise gradient; moments of the normal and of the Rayleigh."""
    k = -1.0
    c = 1 - k
    assert variances.moments("reparameterized", quadratic(k))[0][1] == pytest.approx(4, rel=1e-9)
    # E[(c + e)^4 e^2] - (2 c)^2 = c^4 + 18 c^2 + 15 - 4 c^2.
    found = variances.moments("score-function", quadratic(k))[0][1]
    assert found == pytest.approx(c**4 + 14 * c**2 + 15, rel=1e-9)
    # (4 c R / sqrt(2 pi)), Var R = 2 - pi / 2.
    found = variances.moments("measure-valued", quadratic(k))[0][1]
    assert found == pytest.approx(16 * c**2 / (2 * np.pi) * (2 - np.pi / 2), rel=1e-9)


def test_a_scaled_estimator_differs(monkeypatch):
    rng = np.random.default_rng
    right_verdicts = [one.verdict for one in compare((), variances.measure(CELL, rng(0)))]
    assert "differs" not in right_verdicts
    assert right_verdicts.count("agrees") > len(right_verdicts) * 0.8
    right = variances.gradients
    monkeypatch.setattr(variances, "gradients", lambda *given: 1.2 * right(*given))
    wrong = compare((), variances.measure(CELL, rng(0)))
    assert sum(one.verdict == "differs" for one in wrong) > len(wrong) / 3
