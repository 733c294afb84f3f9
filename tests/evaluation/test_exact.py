"""The references against each other, and their gradients against differences."""

import numpy as np
import pytest

from bbvi import LinearGaussian, backends
from bbvi.evaluation import (
    Nodes,
    cosine_expectation,
    enumeration,
    gauss_hermite,
    hermite_nodes,
    linear_gaussian_elbo,
    multi_sample_bound,
    quadratic_expectation,
    support_nodes,
)
from bbvi.evaluation.exact_sums import weighted_sum
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian, FullCovarianceGaussian, Gamma
from bbvi.models import (
    BernoulliLikelihood,
    BernoulliPrior,
    CategoricalPrior,
    DeepLatentModel,
)
from bbvi.models.integrands import cosine, quadratic
from bbvi.nets import MLP

GAUSSIANS = [
    DiagonalGaussian(1),
    DiagonalGaussian(2),
    FullCovarianceGaussian(1),
    FullCovarianceGaussian(2),
]


def rows(family, N=2):
    return 0.5 * np.random.default_rng(0).standard_normal((N, family.num_params))


def differences(function, lam, step=1e-6):
    columns = []
    for p in range(lam.shape[1]):
        shift = np.zeros_like(lam)
        shift[:, p] = step
        columns.append((function(lam + shift) - function(lam - shift)) / (2 * step))
    return np.stack(columns, axis=-1)


def theta_differences(function, theta, step=1e-6):
    """d/dtheta of function(theta), entry by entry."""
    slopes = {}
    for key, value in theta.items():
        slopes[key] = np.zeros(np.shape(value))
        for index in np.ndindex(np.shape(value)):
            shift = np.zeros(np.shape(value))
            shift[index] = step
            up, down = (function({**theta, key: value + s * shift}) for s in (1, -1))
            slopes[key][index] = (up - down) / (2 * step)
    return slopes


@pytest.mark.parametrize("family", GAUSSIANS)
def test_linear_gaussian_closed_form_is_the_gauss_hermite_sum(family):
    model = LinearGaussian(family.latent_dim, 3)
    theta = model.init(np.random.default_rng(1))
    x, _ = model.sample(np.random.default_rng(2), theta, 2)
    lam = rows(family)
    exact = linear_gaussian_elbo(model, theta, x, family, lam)
    found = gauss_hermite(family, backends.autodiff.target(model, theta, x), lam, num_nodes=20)
    np.testing.assert_allclose(found.elbo, exact.elbo, rtol=1e-10)
    np.testing.assert_allclose(found.grad, exact.grad, rtol=1e-9, atol=1e-11)
    for key, value in exact.grad_theta.items():
        np.testing.assert_allclose(found.grad_theta[key], value, rtol=1e-9)


@pytest.mark.parametrize("family", GAUSSIANS)
@pytest.mark.parametrize(
    ("closed", "integrand", "k"),
    [(quadratic_expectation, quadratic, -1.3), (cosine_expectation, cosine, 2.5)],
)
def test_integrands_in_closed_form(family, closed, integrand, k):
    lam = rows(family)
    exact = closed(family, k, lam)
    target = integrand(k, num_data=2, latent_dim=family.latent_dim)
    found = weighted_sum(family, target, lam, hermite_nodes(family, lam))
    np.testing.assert_allclose(found.elbo, exact.elbo, rtol=1e-9)
    np.testing.assert_allclose(found.grad, exact.grad, rtol=1e-8, atol=1e-10)
    by_steps = differences(lambda lam: closed(family, k, lam).elbo, lam)
    np.testing.assert_allclose(exact.grad, by_steps, rtol=1e-6, atol=1e-8)


def discrete_problem(family, prior):
    model = DeepLatentModel(prior, MLP((family.latent_dim, 3, 4)), BernoulliLikelihood())
    rng = np.random.default_rng(0)
    theta = {key: v + 0.5 * rng.standard_normal(v.shape) for key, v in model.init(rng).items()}
    x = rng.integers(0, 2, size=(2, 4)).astype(float)
    return model, theta, x


DISCRETE = [(Bernoulli(3), BernoulliPrior(3)), (Categorical(2, 3), CategoricalPrior(2, 3))]


@pytest.mark.parametrize(("family", "prior"), DISCRETE)
def test_enumeration_by_a_plain_loop_and_by_differences(family, prior):
    model, theta, x = discrete_problem(family, prior)
    lam = rows(family)

    def elbo(theta, lam):
        total = np.zeros(2)
        for value in family.support():
            z = np.tile(value, (1, 2, 1))
            log_q = family.log_prob(lam, z)[0]
            total += np.exp(log_q) * (model.log_joint(theta, x, z)[0] - log_q)
        return total

    found = enumeration(family, backends.autodiff.target(model, theta, x), lam)
    np.testing.assert_allclose(found.elbo, elbo(theta, lam), rtol=1e-11)
    by_steps = differences(lambda lam: elbo(theta, lam), lam)
    np.testing.assert_allclose(found.grad, by_steps, rtol=1e-6, atol=1e-8)
    for key, slope in theta_differences(lambda t: elbo(t, lam).sum(), theta).items():
        np.testing.assert_allclose(found.grad_theta[key], slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("family", "prior"), DISCRETE)
def test_at_the_exact_posterior_the_elbo_is_the_evidence(family, prior):
    """One latent variable: q can be the posterior itself."""
    family = Bernoulli(1) if isinstance(family, Bernoulli) else Categorical(1, 3)
    prior = BernoulliPrior(1) if isinstance(family, Bernoulli) else CategoricalPrior(1, 3)
    model, theta, x = discrete_problem(family, prior)
    z = np.repeat(family.support()[:, None, :], 2, axis=1)
    log_joint = model.log_joint(theta, x, z)
    evidence = np.log(np.exp(log_joint).sum(axis=0))
    lam = log_joint.T if family.latent_dim > 1 else (log_joint[1] - log_joint[0])[:, None]
    exact = enumeration(family, backends.autodiff.target(model, theta, x), lam)
    np.testing.assert_allclose(exact.elbo, evidence, rtol=1e-10)
    np.testing.assert_allclose(exact.grad, 0, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0])
def test_multi_sample_bound_by_differences(alpha):
    family, prior = DISCRETE[0]
    model, theta, x = discrete_problem(family, prior)
    lam = rows(family)

    def bound(theta, lam):
        target = backends.autodiff.target(model, theta, x)
        return multi_sample_bound(family, target, lam, support_nodes(family, lam), 2, alpha)

    found = bound(theta, lam)
    by_steps = differences(lambda lam: bound(theta, lam).elbo, lam)
    np.testing.assert_allclose(found.grad, by_steps, rtol=1e-6, atol=1e-8)
    for key, slope in theta_differences(lambda t: bound(t, lam).elbo.sum(), theta).items():
        np.testing.assert_allclose(found.grad_theta[key], slope, rtol=1e-5, atol=1e-8)


def test_multi_sample_bound_grows_with_s_to_the_evidence():
    family = DiagonalGaussian(1)
    model = LinearGaussian(1, 2)
    theta = model.init(np.random.default_rng(1))
    x, _ = model.sample(np.random.default_rng(2), theta, 2)
    target, lam = backends.autodiff.target(model, theta, x), rows(family)
    nodes = hermite_nodes(family, lam, 40)
    bounds = [multi_sample_bound(family, target, lam, nodes, S).elbo for S in (1, 2, 3)]
    np.testing.assert_allclose(bounds[0], gauss_hermite(family, target, lam).elbo, rtol=1e-9)
    assert (bounds[0] < bounds[1]).all()
    assert (bounds[1] < bounds[2]).all()
    assert (bounds[2] < model.log_evidence(theta, x)).all()


def test_nodes_are_a_distribution():
    for nodes in (
        support_nodes(Bernoulli(3), rows(Bernoulli(3))),
        hermite_nodes(DiagonalGaussian(2), rows(DiagonalGaussian(2))),
    ):
        assert isinstance(nodes, Nodes)
        np.testing.assert_allclose(nodes.probabilities.sum(axis=0), 1, rtol=1e-12)


def test_bad_requests_are_refused():
    target = quadratic(0.0, latent_dim=3)
    with pytest.raises(ValueError, match="family has latent_dim 3; Gauss-Hermite"):
        gauss_hermite(DiagonalGaussian(3), target, np.zeros((1, 6)))
    with pytest.raises(TypeError, match="Gauss-Hermite sums are for Gaussian families"):
        gauss_hermite(Gamma(1), quadratic(0.0), np.zeros((1, 2)))
    with pytest.raises(TypeError, match="no support to enumerate"):
        enumeration(DiagonalGaussian(1), quadratic(0.0), np.zeros((1, 2)))
    family, lam = Bernoulli(3), np.zeros((1, 3))
    with pytest.raises(ValueError, match="num_samples is 7 with 8 nodes: 2097152 tuples"):
        multi_sample_bound(family, target, lam, support_nodes(family, lam), 7)
