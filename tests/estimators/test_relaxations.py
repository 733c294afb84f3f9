from functools import partial

import numpy as np
import pytest
from altered import with_functions
from replicates import LIMIT, replicate, z_score

from bbvi.estimators import (
    concrete,
    straight_through,
    straight_through_gumbel,
)
from bbvi.estimators.relaxations import concrete as plain_concrete
from bbvi.estimators.relaxations import straight_through as plain_straight_through
from bbvi.evaluation.exact_sums import support_nodes, weighted_sum
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian
from bbvi.models.integrands import quadratic

FAMILIES = [Bernoulli(2), Categorical(2, 3)]


def row(family):
    return np.random.default_rng(0).standard_normal((1, family.num_params))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_concrete_loses_bias_and_gains_variance_as_it_cools(family):
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))
    bias, variance = [], []
    for temperature in (1.0, 0.1):
        estimator = partial(plain_concrete, temperature=temperature)
        found = replicate(estimator, family, target, lam, 1, np.random.default_rng(0))
        assert z_score(found.elbo, exact.elbo) > LIMIT
        bias.append(np.abs(found.grad.mean(axis=0) - exact.grad).max())
        variance.append(found.grad.var(axis=0).sum())
    assert bias[1] < 0.5 * bias[0]
    assert variance[1] > 2 * variance[0]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_concrete_is_the_gradient_of_its_own_objective(family, temperature):
    """For fixed noise, by central differences."""
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    eps = family.noise(np.random.default_rng(0), 1, 1)
    estimator = partial(plain_concrete, temperature=temperature)
    found = estimator(family, target, lam, eps).grad[0]
    for p in range(family.num_params):
        step = np.zeros_like(lam)
        step[0, p] = 1e-6
        up, down = (estimator(family, target, lam + s * step, eps).elbo[0] for s in (1, -1))
        np.testing.assert_allclose(found[p], (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_straight_through_is_unbiased_for_a_linear_f_only(family):
    """f = (z - k)^2 = z^2 - 2 k z + k^2 is linear on {0, 1}, but its slope is not the step."""
    lam = row(family)
    target = quadratic(0.3, latent_dim=family.latent_dim)
    weights = np.arange(1.0, family.latent_dim + 1)

    def value(z):
        return z @ weights

    linear = with_functions(
        target,
        value=value,
        value_and_grads=lambda z, w=None: (value(z), np.broadcast_to(weights, z.shape), {}),
        value_and_dtheta=lambda z, w=None: (value(z), {}),
    )
    estimator = plain_straight_through
    for f, unbiased in ((linear, True), (target, False)):
        exact = weighted_sum(family, f, lam, support_nodes(family, lam))
        found = replicate(estimator, family, f, lam, 1, np.random.default_rng(0))
        assert (z_score(found.grad, exact.grad) < LIMIT) == unbiased
        assert z_score(found.elbo, exact.elbo) < LIMIT


@pytest.mark.parametrize("estimator", [concrete, straight_through_gumbel])
@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan])
def test_a_temperature_that_is_not_positive_is_refused(estimator, temperature):
    family = Bernoulli(1)
    with pytest.raises(ValueError, match=r"temperature is .*; expected a positive number"):
        estimator(family, quadratic(0.0), family.init(1), np.full((1, 1, 1), 0.5), temperature)


@pytest.mark.parametrize("estimator", [concrete, straight_through, straight_through_gumbel])
def test_a_gaussian_is_refused(estimator):
    family = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="got the family DiagonalGaussian, which cannot be relaxed"):
        estimator(family, quadratic(0.0), family.init(1), np.zeros((1, 1, 1)))
