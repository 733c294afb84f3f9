"""The Laplace family against SciPy, closed forms and the package's own checks."""

import numpy as np
import pytest
from scipy.stats import laplace

from bbvi import DiagonalGaussian, Laplace, checks, estimators
from bbvi.evaluation import gauss_hermite, grid_nodes, moments_of
from bbvi.evaluation.exact import cosine_expectation, quadratic_expectation
from bbvi.evaluation.exact_sums import weighted_sum
from bbvi.models.integrands import cosine, quadratic
from bbvi.protocols import Gaussian

LAM = np.array([[0.3, -1.0, 0.5, -0.7], [2.0, 0.0, -1.5, 0.2]])


@pytest.mark.parametrize("D", [1, 3])
def test_family_is_consistent(D):
    checks.check_family(Laplace(D), np.random.default_rng(D))


def test_density_entropy_and_moments_are_scipys():
    q, scale = Laplace(2), np.exp(LAM[:, 2:])
    z = np.random.default_rng(0).standard_normal((5, 2, 2))
    expected = laplace.logpdf(z, LAM[:, :2], scale).sum(axis=-1)
    np.testing.assert_allclose(q.log_prob(LAM, z), expected, rtol=1e-13)
    np.testing.assert_allclose(q.entropy(LAM), laplace.entropy(0, scale).sum(axis=1), rtol=1e-13)
    mean, covariance = q.moments(LAM)
    np.testing.assert_array_equal(mean, LAM[:, :2])
    np.testing.assert_allclose(np.diagonal(covariance, axis1=1, axis2=2), 2 * scale**2)


def test_it_does_not_state_that_it_is_gaussian():
    assert not isinstance(Laplace(2), Gaussian)
    assert isinstance(DiagonalGaussian(2), Gaussian)
    for function, arguments in (
        (gauss_hermite, (Laplace(1), quadratic(0.0), np.zeros((1, 2)))),
        (quadratic_expectation, (Laplace(1), 0.0, np.zeros((1, 2)))),
        (cosine_expectation, (Laplace(1), 1.0, np.zeros((1, 2)))),
    ):
        with pytest.raises(TypeError, match=r"Laplace.*gaussian_moments.*grid_expectation"):
            function(*arguments)


@pytest.mark.parametrize("D", [1, 2])
def test_expectations_over_the_grid_are_the_closed_forms(D):
    """E[sum (z - k)^2] = (m - k)^2 + 2 b^2;  E[cos(k z)] = cos(k m) / (1 + k^2 b^2)."""
    q, k = Laplace(D), 1.3
    lam = np.concatenate([LAM[:, :D], LAM[:, 2 : 2 + D]], axis=1)
    m, b = lam[:, :D], np.exp(lam[:, D:])
    exact = weighted_sum(q, quadratic(k, 2, D), lam, grid_nodes(q, lam))
    np.testing.assert_allclose(exact.elbo, ((m - k) ** 2 + 2 * b**2).sum(axis=1), rtol=1e-8)
    grad = np.concatenate([2 * (m - k), 4 * b**2], axis=1)
    np.testing.assert_allclose(exact.grad, grad, rtol=1e-6, atol=1e-7)
    wave = weighted_sum(q, cosine(k, 2, D), lam, grid_nodes(q, lam))
    expected = (np.cos(k * m) / (1 + k**2 * b**2)).sum(axis=1)
    np.testing.assert_allclose(wave.elbo, expected, rtol=1e-7)
    # What stood for it when the family was taken for a Gaussian is far off.
    assert np.abs(exact.elbo - ((m - k) ** 2 + b**2).sum(axis=1)).min() > 0.01


@pytest.mark.parametrize("D", [1, 2])
def test_the_grid_agrees_with_closed_forms_of_a_gaussian(D):
    q, lam = DiagonalGaussian(D), np.concatenate([LAM[:, :D], LAM[:, 2 : 2 + D]], axis=1)
    found = weighted_sum(q, quadratic(0.4, 2, D), lam, grid_nodes(q, lam))
    exact = quadratic_expectation(q, 0.4, lam)
    np.testing.assert_allclose(found.elbo, exact.elbo, rtol=1e-8)
    np.testing.assert_allclose(found.grad, exact.grad, rtol=1e-6, atol=1e-7)


def test_moments_of_a_family_that_does_not_tell():
    from bbvi import Gamma

    lam = np.log([[3.0, 2.0], [0.7, 0.5]])
    mean, covariance = moments_of(Gamma(1), lam)
    a, b = np.exp(lam).T
    np.testing.assert_allclose(mean[:, 0], a / b, rtol=1e-6)
    np.testing.assert_allclose(covariance[:, 0, 0], a / b**2, rtol=1e-5)


def test_a_density_that_is_not_normalized_is_refused():
    class Twice(Laplace):
        def log_prob(self, lam, z):
            return super().log_prob(lam, z) + np.log(2)

    with pytest.raises(ValueError, match="sums to 1 \\+- 1"):
        grid_nodes(Twice(1), np.zeros((1, 2)))


def test_three_dimensions_and_discrete_families_are_refused():
    from bbvi import Bernoulli

    with pytest.raises(ValueError, match="latent_dim 3; expected 1 or 2"):
        grid_nodes(Laplace(3), np.zeros((1, 6)))
    with pytest.raises(TypeError, match="Bernoulli; quadrature in z is for continuous"):
        grid_nodes(Bernoulli(1), np.zeros((1, 1)))


@pytest.mark.parametrize(
    "estimator",
    [
        estimators.score_function,
        estimators.reparameterized,
        estimators.reparameterized_kl,
        estimators.sticking_the_landing,
    ],
)
def test_estimators_are_unbiased_under_it(estimator):
    checks.check_estimator(estimator, np.random.default_rng(0), family=Laplace(2))


def test_a_scaled_gradient_is_still_caught_under_it():
    def scaled(family, target, lam, eps):
        estimate = estimators.reparameterized(family, target, lam, eps)
        return estimate._replace(grad=1.1 * estimate.grad)

    with pytest.raises(AssertionError):
        checks.check_estimator(scaled, np.random.default_rng(0), family=Laplace(2))


def test_single_precision_stays():
    q, lam = Laplace(2), LAM.astype(np.float32)
    eps = q.noise(np.random.default_rng(0), 3, 2, np.float32)
    assert q.transform(lam, eps).dtype == np.float32
    assert q.moments(lam).covariance.dtype == np.float32


def test_a_false_promise_of_normality_is_caught():
    class Pretender(Laplace):
        gaussian_moments = Laplace.moments

    with pytest.raises(AssertionError, match="gaussian_moments promises a Gaussian"):
        checks.check_family(Pretender(2), np.random.default_rng(0), num_draws=20000)


def test_beyond_two_latents_the_checks_of_estimators_say_what_they_need():
    with pytest.raises(ValueError, match=r"family is a Laplace with latent_dim 3.*Check it at D"):
        checks.check_estimator(
            estimators.score_function, np.random.default_rng(0), family=Laplace(3)
        )
