"""Eight schools' exact moments, against importance sampling of the same density and the record."""

import numpy as np
import pytest
from scipy import stats

from bbvi.models.eight_schools import EIGHT_SCHOOLS, eight_schools, eight_schools_exact


def test_log_evidence_is_the_published_one():
    assert eight_schools_exact().log_evidence == pytest.approx(-31.32, abs=0.01)


def test_the_grid_is_fine_enough():
    coarse, fine = eight_schools_exact(num_nodes=1001), eight_schools_exact()
    for a, b in zip(coarse, fine):
        np.testing.assert_allclose(a, b, rtol=1e-7)


@pytest.mark.parametrize("data", [EIGHT_SCHOOLS, {"y": [3.0, -1.0], "sigma": [1.0, 2.0]}])
def test_moments_are_those_of_the_prior_weighted_by_the_likelihood(data):
    """Draws of the prior, which the density's own code has no part in."""
    rng, S = np.random.default_rng(0), 1_000_000
    y, sigma = np.asarray(data["y"], float), np.asarray(data["sigma"], float)
    mu, tau = 5 * rng.standard_normal(S), np.abs(5 * rng.standard_cauchy(S))
    theta = mu[:, None] + tau[:, None] * rng.standard_normal((S, len(y)))
    log_w = -0.5 * (((y - theta) / sigma) ** 2 + np.log(2 * np.pi * sigma**2)).sum(axis=-1)
    w = np.exp(log_w - log_w.max())
    exact = eight_schools_exact(data)
    error = w.std() / w.mean() / np.sqrt(S)
    log_mean = log_w.max() + np.log(w.mean())
    assert abs(log_mean - exact.log_evidence) < 5 * error
    w /= w.sum()
    values = np.column_stack([theta, mu, tau])
    mean = w @ values
    for moment, exact_moment in (
        (mean, exact.mean),
        (np.sqrt(w @ (values - mean) ** 2), exact.sd),
    ):
        noise = 5 * exact.sd * np.sqrt((w**2).sum()) * 2
        assert (np.abs(moment - exact_moment) < noise).all()


def test_the_density_has_the_exact_evidence():
    """Importance sampling of the model's own log-density, from the prior."""
    rng, S, J = np.random.default_rng(1), 400_000, 8
    model = eight_schools()
    t, mu, tau = (
        rng.standard_normal((S, J)),
        5 * rng.standard_normal(S),
        np.abs(5 * rng.standard_cauchy(S)),
    )
    z = np.column_stack([t, mu, np.log(tau)])[:, None]
    log_q = stats.norm.logpdf(t).sum(axis=-1) + stats.norm.logpdf(mu, scale=5)
    log_q += stats.halfcauchy.logpdf(tau, scale=5) + np.log(tau)
    w = np.exp(model.log_joint({}, model.x, z)[:, 0] - log_q + 30)
    error = w.std() / w.mean() / np.sqrt(S)
    assert error < 0.01
    assert abs(np.log(w.mean()) - 30 - eight_schools_exact().log_evidence) < 5 * error
