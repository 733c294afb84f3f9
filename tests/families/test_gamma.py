from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln as autograd_gammaln
from replicates import LIMIT, declared_bias, replicate, z_score
from scipy import stats
from scipy.special import digamma, gammaincinv, gammaln

from bbvi import backends, checks
from bbvi.estimators import ESTIMATORS, prepared
from bbvi.families import Gamma
from bbvi.families.gamma import implicit_shape_derivative
from bbvi.types import Estimate, Factorized, Reparameterizable


@dataclass(frozen=True)
class GammaPoisson:
    """z ~ Gamma(a, 1), x | z ~ Poisson(z): its posterior is Gamma(a + x, 2)."""

    latent_dim: int = 1

    def init(self, rng):
        return {"log_shape": np.array(0.3)}

    def log_joint(self, theta, x, z):
        a = anp.exp(theta["log_shape"])
        log_prior = (a - 1) * anp.log(z) - z - autograd_gammaln(a)
        return anp.sum(log_prior + x * anp.log(z) - z - gammaln(x + 1), axis=-1)

    def sample(self, rng, theta, num):
        z = rng.gamma(np.exp(theta["log_shape"]), size=(num, 1))
        return rng.poisson(z).astype(float), z


def exact_elbo(theta, x, lam):
    """E[log z] = psi(a) - log b and E[z] = a / b under q."""
    family = Gamma(1)
    entropy, dentropy = family.entropy_and_grad(lam)
    (log_a, log_b), shape = family.split(lam), np.exp(theta["log_shape"])
    a, b = np.exp(log_a), np.exp(log_b)

    def value(a, b):
        mean_log = digamma(a) - np.log(b)
        log_prior = (shape - 1) * mean_log - gammaln(shape)
        return log_prior - 2 * a / b + x * mean_log - gammaln(x + 1)

    h = 1e-6
    slope = np.concatenate(
        [
            (value(a * np.exp(h), b) - value(a * np.exp(-h), b)) / (2 * h),
            (value(a, b * np.exp(h)) - value(a, b * np.exp(-h))) / (2 * h),
        ],
        axis=1,
    )
    dtheta = {"log_shape": shape * np.sum(digamma(a) - np.log(b) - digamma(shape))}
    return Estimate(value(a, b)[:, 0] + entropy, slope + dentropy, dtheta)


THETA, X = {"log_shape": np.array(0.3)}, np.array([[3.0]])


@pytest.mark.parametrize("log_shape", [-1.0, 0.2, 1.5])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, its in ESTIMATORS.items()
        if isinstance(Gamma(1), its.family) and its.bound == "ELBO" and not its.normal_prior
    ],
)
def test_every_estimator_is_unbiased(name, log_shape):
    record, family, lam = ESTIMATORS[name], Gamma(1), np.array([[log_shape, 0.4]])
    target = backends.autodiff.target(GammaPoisson(), THETA, X)
    estimator = prepared(record, family, target, lam, X, np.random.default_rng(1))

    def at(estimator):
        rng, draws = np.random.default_rng(0), record.draws_for(family)
        return replicate(estimator, family, target, lam, record.min_samples, rng, draws=draws)

    found, exact = at(estimator), exact_elbo(THETA, X, lam)
    assert z_score(found.elbo, exact.elbo) < LIMIT
    assert z_score(found.grad, exact.grad, declared_bias(record, estimator, at)) < LIMIT
    theta = found.grad_theta["log_shape"]
    assert z_score(theta, exact.grad_theta["log_shape"]) < LIMIT


def test_at_the_exact_posterior_sticking_the_landing_has_no_variance():
    model = GammaPoisson()
    lam = np.log([[np.exp(0.3) + 3.0, 2.0]])
    target = backends.autodiff.target(model, THETA, X)
    eps = Gamma(1).noise(np.random.default_rng(0), 5, 1)
    found = ESTIMATORS["sticking-the-landing"].elbo(Gamma(1), target, lam, eps)
    np.testing.assert_allclose(found.grad, 0, atol=1e-9)


def test_implicit_gradients_have_far_less_variance_than_the_score_function():
    lam = np.array([[1.5, 0.4]])
    target = backends.autodiff.target(GammaPoisson(), THETA, X)
    variances = [
        replicate(ESTIMATORS[name].elbo, Gamma(1), target, lam, 1, np.random.default_rng(0))
        .grad.var(axis=0)
        .sum()
        for name in ("reparameterized", "score-function")
    ]
    assert variances[0] < 0.2 * variances[1]


def test_conformance():
    assert isinstance(Gamma(2), Reparameterizable)
    assert isinstance(Gamma(2), Factorized)
    assert checks.check_family(Gamma(2), np.random.default_rng(0)) is None


@pytest.mark.parametrize("a", [0.05, 0.5, 1.0, 3.0, 50.0, 2000.0])
def test_the_implicit_derivative_against_differences_of_the_quantile(a):
    u = np.array([1e-6, 0.01, 0.2, 0.5, 0.9, 0.999, 1 - 1e-9])
    y = gammaincinv(a, u)
    keep = y > 1e-200
    h = 1e-4 * a
    quantile = {j: gammaincinv(a + j * h, u) for j in (-2, -1, 1, 2)}
    expected = (8 * (quantile[1] - quantile[-1]) - (quantile[2] - quantile[-2])) / (12 * h)
    found = implicit_shape_derivative(np.array(a), y[keep])
    np.testing.assert_allclose(found, expected[keep], rtol=1e-6)


def test_the_exponential_has_a_closed_form_rate_and_scale():
    """d/dlog b of z = y / b is -z; and at a = 1, log_prob is the exponential's."""
    family, lam = Gamma(1), np.array([[0.0, 0.7]])
    eps = family.noise(np.random.default_rng(0), 4, 1)
    z = family.transform(lam, eps)
    np.testing.assert_allclose(z, -np.log1p(-eps) * np.exp(-0.7), rtol=1e-10)
    pulled = family.pullback(lam, eps, np.ones_like(z))
    np.testing.assert_allclose(pulled[..., 1], -z[..., 0], rtol=1e-12)
    np.testing.assert_allclose(family.log_prob(lam, z), (0.7 - np.exp(0.7) * z)[..., 0])


def test_density_and_entropy_against_scipy():
    family, lam = Gamma(2), np.array([[0.3, -0.5, 0.4, 1.0]])
    a, b = np.exp(lam[0, :2]), np.exp(lam[0, 2:])
    reference = stats.gamma(a, scale=1 / b)
    z = family.transform(lam, family.noise(np.random.default_rng(0), 5, 1))
    np.testing.assert_allclose(family.log_prob_factors(lam, z), reference.logpdf(z), rtol=1e-10)
    np.testing.assert_allclose(family.entropy(lam)[0], reference.entropy().sum(), rtol=1e-10)


def test_small_shapes_stay_positive_and_finite():
    family, lam = Gamma(1), np.array([[-7.0, 0.0]])
    eps = family.noise(np.random.default_rng(0), 1000, 1)
    z = family.transform(lam, eps)
    assert (z > 0).all()
    assert np.isfinite(family.pullback(lam, eps, np.ones_like(z))).all()
    assert np.isfinite(family.log_prob(lam, z)).all()


def test_latent_dim_below_one_is_refused():
    with pytest.raises(ValueError, match="latent_dim is 0"):
        Gamma(0)
