import numpy as np
import pytest
from scipy import stats

from bbvi.estimators import coupled, measure_valued, measure_valued_bernoulli, uncoupled
from bbvi.estimators.measure_valued import measure_valued as plain_measure_valued
from bbvi.estimators.measure_valued import (
    measure_valued_bernoulli as plain_measure_valued_bernoulli,
)
from bbvi.families import Bernoulli, DiagonalGaussian, FullCovarianceGaussian
from bbvi.models.integrands import quadratic


@pytest.mark.parametrize("coupling", [coupled, uncoupled], ids=["coupled", "uncoupled"])
def test_the_variates_have_their_distributions(coupling):
    e = np.random.default_rng(0).standard_normal((coupling.draws, 50_000, 1, 1))
    plus, minus, maxwell = (v.ravel() for v in coupling.variates(e))
    weibull = stats.weibull_min(2, scale=np.sqrt(2))
    assert stats.kstest(plus, weibull.cdf).pvalue > 1e-4
    assert stats.kstest(minus, weibull.cdf).pvalue > 1e-4
    assert stats.kstest(np.abs(maxwell), stats.maxwell.cdf).pvalue > 1e-4
    assert abs(np.mean(maxwell > 0) - 0.5) < 5 * 0.5 / np.sqrt(50_000)


def test_coupled_and_uncoupled_are_what_they_say():
    rng = np.random.default_rng(0)
    e = rng.standard_normal((4, 50_000, 1, 1))
    plus, minus, maxwell = coupled.variates(e[:3])
    np.testing.assert_array_equal(plus, minus)
    # N = M U with U uniform on (0, 1), independent of M.
    ratio = (e[0] / maxwell).ravel()
    assert stats.kstest(ratio, stats.uniform.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(ratio, np.abs(maxwell).ravel())[0, 1]) < 5 / np.sqrt(50_000)
    plus, minus, maxwell = (v.ravel() for v in uncoupled.variates(e))
    for first, second in ((plus, minus), (np.abs(maxwell), np.abs(e[0]).ravel())):
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(50_000)


def test_one_gaussian_sample_by_hand():
    family, lam = DiagonalGaussian(2), np.array([[0.3, -0.5, 0.2, -0.4]])
    e = np.random.default_rng(0).standard_normal((3, 1, 2))
    found = plain_measure_valued(family, quadratic(1.0, latent_dim=2), lam, e)
    mu, sigma = lam[0, :2], np.exp(lam[0, 2:])
    z, f = mu + sigma * e[0, 0], lambda z: ((z - 1.0) ** 2).sum()
    weibull = np.hypot(e[1, 0], e[2, 0])
    maxwell = np.sign(e[0, 0]) * np.linalg.norm(e[:, 0], axis=0)
    for d in range(2):
        plus, minus, wide = z.copy(), z.copy(), z.copy()
        plus[d] = mu[d] + sigma[d] * weibull[d]
        minus[d] = mu[d] - sigma[d] * weibull[d]
        wide[d] = mu[d] + sigma[d] * maxwell[d]
        slope = (f(plus) - f(minus)) / (sigma[d] * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(found.grad[0, d], slope, rtol=1e-12)
        np.testing.assert_allclose(found.grad[0, 2 + d], f(wide) - f(z), rtol=1e-11)


def test_the_bernoulli_gradient_of_a_sum_has_no_variance():
    family, lam = Bernoulli(3), np.array([[0.3, -1.0, 2.0]])
    p = 1 / (1 + np.exp(-lam))
    for seed in range(3):
        eps = family.noise(np.random.default_rng(seed), 1, 1)
        found = plain_measure_valued_bernoulli(family, quadratic(0.2, latent_dim=3), lam, eps)
        np.testing.assert_allclose(found.grad, (1 - 0.4) * p * (1 - p), rtol=1e-12)


def test_rows_that_are_no_multiple_of_the_draws_are_refused():
    family = DiagonalGaussian(1)
    with pytest.raises(ValueError, match="eps has 4 rows; expected a multiple of 3"):
        measure_valued(family, quadratic(1.0), family.init(1), np.zeros((4, 1, 1)))


def test_other_families_are_refused():
    family = FullCovarianceGaussian(1)
    with pytest.raises(TypeError, match="expected DiagonalGaussian"):
        measure_valued(family, quadratic(1.0), family.init(1), np.zeros((3, 1, 1)))
    with pytest.raises(TypeError, match="expected Bernoulli"):
        measure_valued_bernoulli(family, quadratic(1.0), family.init(1), np.zeros((1, 1, 1)))
