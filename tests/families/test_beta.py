"""The Beta family: conjugate truth, implicit motion against quantiles, both ends of (0, 1)."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln as autograd_gammaln
from replicates import LIMIT, declared_bias, replicate, z_score
from scipy import stats
from scipy.special import betaincinv, betaln, digamma, gammaln

from bbvi import backends, checks
from bbvi.estimators import ESTIMATORS, prepared
from bbvi.evaluation import elbo, log_evidence_is
from bbvi.families import Beta
from bbvi.families.beta import implicit_derivative
from bbvi.types import Estimate, Factorized, Reparameterizable

TRIALS = 6


@dataclass(frozen=True)
class BetaBinomial:
    """z ~ Beta(a, 1), x | z ~ Binomial(6, z): its posterior is Beta(a + x, 1 + 6 - x)."""

    latent_dim: int = 1

    def init(self, rng):
        return {"log_a": np.array(0.3)}

    def log_joint(self, theta, x, z):
        a = anp.exp(theta["log_a"])
        log_prior = theta["log_a"] + (a - 1) * anp.log(z)
        log_choose = gammaln(TRIALS + 1) - gammaln(x + 1) - gammaln(TRIALS - x + 1)
        log_likelihood = log_choose + x * anp.log(z) + (TRIALS - x) * anp.log1p(-z)
        return anp.sum(log_prior + log_likelihood + 0 * autograd_gammaln(a), axis=-1)

    def sample(self, rng, theta, num):
        z = rng.beta(np.exp(theta["log_a"]), 1.0, size=(num, 1))
        return rng.binomial(TRIALS, z).astype(float), z


THETA, X = {"log_a": np.array(0.3)}, np.array([[4.0]])
POSTERIOR = np.log([[np.exp(0.3) + 4.0, 3.0]])


def exact_elbo(theta, x, lam):
    """E[log z] = psi(a) - psi(a + b), E[log(1 - z)] = psi(b) - psi(a + b) under q."""
    family = Beta(1)
    entropy, dentropy = family.entropy_and_grad(lam)
    a, b = (np.exp(part) for part in family.split(lam))
    shape = np.exp(theta["log_a"])
    log_choose = gammaln(TRIALS + 1) - gammaln(x + 1) - gammaln(TRIALS - x + 1)

    def value(a, b):
        on, off = digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)
        return theta["log_a"] + (shape - 1 + x) * on + (TRIALS - x) * off + log_choose

    h = np.exp(1e-6)
    slope = np.concatenate(
        [(value(a * h, b) - value(a / h, b)) / 2e-6, (value(a, b * h) - value(a, b / h)) / 2e-6],
        axis=1,
    )
    dtheta = {"log_a": np.sum(1 + shape * (digamma(a) - digamma(a + b)))}
    return Estimate(value(a, b)[:, 0] + entropy, slope + dentropy, dtheta)


@pytest.mark.parametrize("log_a", [-1.0, 0.2, 1.5])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, its in ESTIMATORS.items()
        if isinstance(Beta(1), its.family) and its.bound == "ELBO" and not its.normal_prior
    ],
)
def test_every_estimator_is_unbiased(name, log_a):
    record, family, lam = ESTIMATORS[name], Beta(1), np.array([[log_a, 0.4]])
    target = backends.autodiff.target(BetaBinomial(), THETA, X)
    estimator = prepared(record, family, target, lam, X, np.random.default_rng(1))

    def at(estimator):
        rng, draws = np.random.default_rng(0), record.draws_for(family)
        return replicate(
            estimator, family, target, lam, record.min_samples, rng, draws=draws,
            num_replicates=20_000,
        )  # fmt: skip

    found, exact = at(estimator), exact_elbo(THETA, X, lam)
    assert z_score(found.elbo, exact.elbo) < LIMIT
    assert z_score(found.grad, exact.grad, declared_bias(record, estimator, at)) < LIMIT
    assert z_score(found.grad_theta["log_a"], exact.grad_theta["log_a"]) < LIMIT


def test_at_the_exact_posterior_every_sample_gives_log_p_and_no_gradient():
    target, rng = backends.autodiff.target(BetaBinomial(), THETA, X), np.random.default_rng(0)
    eps = Beta(1).noise(rng, 5, 1)
    found = ESTIMATORS["sticking-the-landing"].elbo(Beta(1), target, POSTERIOR, eps)
    np.testing.assert_allclose(found.grad, 0, atol=1e-9)
    a = np.exp(0.3)
    log_p = betaln(a + 4, 3) - betaln(a, 1) + np.log(15)
    assert elbo(Beta(1), target, POSTERIOR, rng, 10).value[0] == pytest.approx(log_p, rel=1e-12)
    evidence = log_evidence_is(Beta(1), target, POSTERIOR, rng, 10)
    assert evidence.value[0] == pytest.approx(log_p, rel=1e-12)


def test_conformance():
    assert isinstance(Beta(2), Reparameterizable)
    assert isinstance(Beta(2), Factorized)
    assert checks.check_family(Beta(2), np.random.default_rng(0)) is None


@pytest.mark.parametrize("a", [0.1, 1.0, 3.0, 50.0, 500.0])
@pytest.mark.parametrize("b", [0.1, 1.0, 3.0, 50.0, 500.0])
def test_the_implicit_derivatives_against_differences_of_the_quantile(a, b):
    u = np.array([1e-4, 0.01, 0.2, 0.5, 0.9, 0.99, 1 - 1e-4])
    z = betaincinv(a, b, u)
    keep = (z > 1e-200) & (z < 1 - 1e-3)

    def quotient(quantile, shape):
        q = {j: quantile(shape * (1 + j * 1e-4)) for j in (-2, -1, 1, 2)}
        return (8 * (q[1] - q[-1]) - (q[2] - q[-2])) / (12e-4 * shape)

    in_a = quotient(lambda shape: betaincinv(shape, b, u), a)
    in_b = quotient(lambda shape: betaincinv(a, shape, u), b)
    a, b = np.array(a), np.array(b)
    np.testing.assert_allclose(implicit_derivative(a, b, z[keep]), in_a[keep], rtol=1e-6)
    found = -implicit_derivative(b, a, z[keep], mirrored=True)
    np.testing.assert_allclose(found, in_b[keep], rtol=1e-6)


def test_with_one_shape_equal_to_one_the_motion_has_a_closed_form():
    """Beta(a, 1) is u^(1/a): d z / d log a = -z log(u) / a; Beta(1, b) mirrors it."""
    family, lam = Beta(2), np.array([[0.8, 0.0, 0.0, -0.6]])
    eps = family.noise(np.random.default_rng(0), 6, 1)
    z = family.transform(lam, eps)
    np.testing.assert_allclose(z[..., 0], eps[..., 0] ** np.exp(-0.8), rtol=1e-10)
    np.testing.assert_allclose(z[..., 1], 1 - (1 - eps[..., 1]) ** np.exp(0.6), rtol=1e-10)
    pulled = family.pullback(lam, eps, np.ones_like(z))
    first = -z[..., 0] * np.log(eps[..., 0]) * np.exp(-0.8)
    np.testing.assert_allclose(pulled[..., 0], first, rtol=1e-8)
    rest = 1 - z[..., 1]
    second = rest * np.log1p(-eps[..., 1]) * np.exp(0.6)
    np.testing.assert_allclose(pulled[..., 3], second, rtol=1e-8)


def test_density_and_entropy_against_scipy():
    family, lam = Beta(2), np.array([[0.3, -0.5, 0.4, 1.0]])
    reference = stats.beta(np.exp(lam[0, :2]), np.exp(lam[0, 2:]))
    z = family.transform(lam, family.noise(np.random.default_rng(0), 5, 1))
    np.testing.assert_allclose(family.log_prob_factors(lam, z), reference.logpdf(z), rtol=1e-10)
    np.testing.assert_allclose(family.entropy(lam)[0], reference.entropy().sum(), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lam", [[-5.0, 0.0], [0.0, -5.0], [-5.0, -5.0], [7.0, 7.0]])
def test_extreme_shapes_stay_inside_and_finite(lam, dtype):
    family, lam = Beta(1), np.array([lam], dtype)
    eps = family.noise(np.random.default_rng(0), 1000, 1, dtype)
    z = family.transform(lam, eps)
    assert z.dtype == dtype
    assert ((z > 0) & (z < 1)).all()
    for array in (
        family.pullback(lam, eps, np.ones_like(z)),
        family.log_prob(lam, z),
        family.score(lam, z),
    ):
        assert array.dtype == dtype
        assert np.isfinite(array).all()


def test_latent_dim_below_one_is_refused():
    with pytest.raises(ValueError, match="latent_dim is 0"):
        Beta(0)
