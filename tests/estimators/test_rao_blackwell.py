from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest
from replicates import LIMIT, replicate, z_scores

from bbvi import LinearGaussian, backends, reparameterized_mc, score_function
from bbvi.estimators import rao_blackwellized
from bbvi.estimators.rao_blackwell import rao_blackwellized as plain_rao_blackwellized
from bbvi.evaluation import enumeration
from bbvi.families import (
    Bernoulli,
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    MeanField,
    SmoothMeanField,
)
from bbvi.models import HiddenMarkovModel, LinearGaussianStateSpace
from bbvi.models.integrands import quadratic
from bbvi.nets import softplus


@dataclass(frozen=True)
class SeparatePairs:
    """D binary latents, each with its own observation: x_d ~ N(w z_d, 1).

    The blanket of z_d is its own prior and its own observation.
    """

    latent_dim: int

    def init(self, rng):
        return {"w": np.ones(()), "logit": np.zeros(())}

    def log_joint_blankets(self, theta, x, z):
        log_prior = z * theta["logit"] - softplus(theta["logit"])
        return log_prior - 0.5 * (x - theta["w"] * z) ** 2 - 0.5 * np.log(2 * np.pi)

    def log_joint(self, theta, x, z):
        return anp.sum(self.log_joint_blankets(theta, x, z), axis=-1)

    def sample(self, rng, theta, num):
        z = (rng.random((num, self.latent_dim)) < 0.5).astype(float)
        return theta["w"] * z + rng.standard_normal(z.shape), z


@dataclass(frozen=True)
class WithoutBlankets:
    """The same model, which does not tell."""

    inner: SeparatePairs

    @property
    def latent_dim(self):
        return self.inner.latent_dim

    def log_joint(self, theta, x, z):
        return self.inner.log_joint(theta, x, z)


def problem(D, wrapped=False):
    model = SeparatePairs(D)
    theta = {"w": np.array(1.5), "logit": np.array(0.3)}
    x, lam = np.cos(np.arange(D))[None], np.sin(1.0 + np.arange(D))[None]
    shown = WithoutBlankets(model) if wrapped else model
    return backends.autodiff.target(shown, theta, x), lam


def rows(D, R):
    """The same with the datapoint repeated R times, and its noise."""
    model, theta = SeparatePairs(D), {"w": np.array(1.5), "logit": np.array(0.3)}
    x, lam = np.cos(np.arange(D))[None], np.sin(1.0 + np.arange(D))[None]
    target = backends.autodiff.target(model, theta, np.tile(x, (R, 1)))
    return target, np.tile(lam, (R, 1)), Bernoulli(D).noise(np.random.default_rng(1), 1, R)


def test_a_blanket_is_as_if_every_latent_were_alone():
    """With the model's blankets the variance in one latent does not grow with their number."""
    variances = {}
    for D in (2, 12):
        target, lam, eps = rows(D, 100_000)
        family = Bernoulli(D)
        exact = enumeration(family, problem(D)[0], lam[:1])
        for estimator in (rao_blackwellized, score_function):
            found = estimator(family, target, lam, eps)
            error = found.grad.std(axis=0) / np.sqrt(len(lam))
            assert np.abs((found.grad.mean(axis=0) - exact.grad[0]) / error).max() < LIMIT
            variances[estimator, D] = found.grad.var(axis=0)
            for key, value in exact.grad_theta.items():
                assert np.isclose(found.grad_theta[key] / len(lam), value, atol=0.02)
    assert variances[score_function, 12][:2].mean() > 5 * variances[score_function, 2].mean()
    np.testing.assert_allclose(
        variances[rao_blackwellized, 12][:2], variances[rao_blackwellized, 2], rtol=0.05
    )


def test_without_blankets_the_entropies_of_others_are_still_dropped():
    family = Bernoulli(4)
    target, lam = problem(4, wrapped=True)
    exact = enumeration(family, target, lam)
    found = replicate(rao_blackwellized, family, target, lam, 2, np.random.default_rng(0))
    assert max(z_scores(found, exact)) < LIMIT


def test_one_sample_by_hand():
    """grad_d = (blanket_d - log q_d) (z_d - p_d)."""
    family = Bernoulli(3)
    target, lam = problem(3)
    eps = family.noise(np.random.default_rng(0), 1, 1)
    z = family.transform(lam, eps)
    assert target.blankets is not None
    signal = target.blankets(z) - family.log_prob_factors(lam, z)
    expected = (signal * family.score(lam, z))[0]
    found = rao_blackwellized(family, target, lam, eps)
    np.testing.assert_allclose(found.grad, expected, rtol=1e-12)


def test_a_wrong_blanket_is_rejected():
    """Negative control: the blanket of the neighbour."""
    family = Bernoulli(2)
    target, lam, eps = rows(2, 100_000)
    blankets = target.blankets
    wrong = target._replace(blankets=lambda z: blankets(z)[..., ::-1])
    exact = enumeration(family, problem(2)[0], lam[:1])
    found = rao_blackwellized(family, wrong, lam, eps).grad
    z = (found.mean(axis=0) - exact.grad[0]) / (found.std(axis=0) / np.sqrt(len(lam)))
    assert np.abs(z).max() > LIMIT


def test_a_plain_integrand_uses_its_blankets():
    family = DiagonalGaussian(2)
    target = quadratic(1.0, latent_dim=2)._replace(blankets=lambda z: (z - 1.0) ** 2)
    lam = np.array([[0.3, -0.2, 0.1, 0.0]])
    eps = family.noise(np.random.default_rng(0), 1, 1)
    z = family.transform(lam, eps)
    found = plain_rao_blackwellized(family, target, lam, eps)
    expected = np.tile((z - 1.0) ** 2, 2) * family.score(lam, z)
    np.testing.assert_allclose(found.grad, expected[0], rtol=1e-12)


def chain(T):
    """A state-space model of T steps, one sequence, and q near its posterior."""
    model, family = LinearGaussianStateSpace(1, 1, T), DiagonalGaussian(T)
    theta = {**model.init(np.random.default_rng(0)), "C": np.ones((1, 1))}
    x = np.sin(np.arange(T))[None]
    lam = np.concatenate([0.5 * x, np.full((1, T), -1.0)], axis=1)
    return family, backends.autodiff.target(model, theta, x), lam


def test_a_long_chain_costs_no_more_variance_than_a_short_one():
    variances = {}
    for T in (4, 32):
        family, target, lam = chain(T)
        for estimator in (rao_blackwellized, score_function):
            rng = np.random.default_rng(0)
            found = replicate(estimator, family, target, lam, 1, rng, num_replicates=20_000)
            variances[estimator, T] = found.grad[:, 0, 1].var()
    assert variances[score_function, 32] > 10 * variances[score_function, 4]
    assert variances[rao_blackwellized, 32] < 1.2 * variances[rao_blackwellized, 4]


def test_a_chain_of_the_package_tells_its_blankets():
    """Moving one latent changes the joint by as much as it changes that latent's blanket."""
    _, target, _ = chain(5)
    z = np.random.default_rng(0).standard_normal((3, 1, 5))
    blankets = target.blankets(z)
    for d in range(5):
        moved = z.copy()
        moved[..., d] += 0.7
        change = target.value(moved) - target.value(z)
        np.testing.assert_allclose((target.blankets(moved) - blankets)[..., d], change, rtol=1e-10)


def test_a_chain_with_its_blankets_is_unbiased():
    family, target, lam = chain(3)
    found = replicate(rao_blackwellized, family, target, lam, 1, np.random.default_rng(0))
    path = replicate(reparameterized_mc, family, target, lam, 1, np.random.default_rng(1))
    error = np.sqrt((found.grad.var(axis=0) + path.grad.var(axis=0)) / len(found.grad))
    assert np.abs((found.grad - path.grad).mean(axis=0) / error).max() < LIMIT


def test_a_hidden_markov_chain_with_its_blankets():
    model, family = HiddenMarkovModel(num_states=2, num_steps=5), Categorical(5, 2)
    theta = model.init(np.random.default_rng(0))
    x = np.array([[2.0, 1.0, -1.0, 0.5, -2.0]])
    lam = np.random.default_rng(1).standard_normal((1, 10))
    target = backends.autodiff.target(model, theta, x)
    exact = enumeration(family, target, lam)
    variances = []
    for estimator in (rao_blackwellized, score_function):
        found = replicate(estimator, family, target, lam, 1, np.random.default_rng(0))
        assert max(z_scores(found, exact)) < LIMIT
        variances.append(found.grad.var(axis=0).sum())
    assert variances[0] < 0.6 * variances[1]


def test_factors_of_several_latents():
    """Groups of a mean field: the prior of a neighbour in the same group must stay."""
    family = MeanField((FullCovarianceGaussian(2), DiagonalGaussian(1)))
    model = LinearGaussian(3, 3)
    theta = model.init(np.random.default_rng(0))
    target = backends.autodiff.target(model, theta, np.array([[0.3, -0.2, 0.5]]))
    lam = 0.2 * np.random.default_rng(1).standard_normal((1, family.num_params))
    found = replicate(rao_blackwellized, family, target, lam, 1, np.random.default_rng(0))
    other = replicate(
        reparameterized_mc, SmoothMeanField(family.groups), target, lam, 1, np.random.default_rng(1)
    )
    difference = found.grad.mean(axis=0) - other.grad.mean(axis=0)
    error = np.sqrt((found.grad.var(axis=0) + other.grad.var(axis=0)) / len(found.grad))
    assert np.abs(difference / error).max() < LIMIT


def test_a_family_without_factors_is_refused():
    family = FullCovarianceGaussian(2)
    with pytest.raises(TypeError, match="it is not a product of independent factors"):
        rao_blackwellized(family, quadratic(1.0, latent_dim=2), family.init(1), np.zeros((1, 1, 2)))
