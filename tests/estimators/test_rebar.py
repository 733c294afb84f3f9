from functools import partial

import numpy as np
import pytest
from replicates import LIMIT, replicate, z_score

from bbvi.estimators import rebar, relax, score_function
from bbvi.estimators.expectations import score_function as plain_score_function
from bbvi.estimators.rebar import rebar as plain_rebar
from bbvi.estimators.rebar import relax as plain_relax
from bbvi.evaluation.exact_sums import support_nodes, weighted_sum
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian
from bbvi.models.integrands import quadratic

FAMILIES = [Bernoulli(2), Categorical(2, 3)]


def row(family):
    return 0.7 * np.random.default_rng(0).standard_normal((1, family.num_params))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize(("temperature", "scale"), [(0.2, 1.0), (2.0, 0.5), (0.5, -1.0)])
def test_unbiased_for_any_temperature_and_scale(family, temperature, scale):
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))
    estimator = partial(plain_rebar, temperature=temperature, scale=scale)
    found = replicate(estimator, family, target, lam, 1, np.random.default_rng(0))
    assert z_score(found.grad, exact.grad) < LIMIT


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_it_has_less_variance_than_the_score_function(family):
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    variances = [
        replicate(estimator, family, target, lam, 1, np.random.default_rng(0))
        .grad.var(axis=0)
        .sum()
        for estimator in (plain_rebar, plain_score_function)
    ]
    assert variances[0] < 0.6 * variances[1]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_no_surrogate_is_the_score_function(family):
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    eps = family.noise(np.random.default_rng(0), 5, 1)
    found = rebar(family, target, lam, eps, scale=0.0)
    plain = score_function(family, target, lam, eps)
    np.testing.assert_allclose(found.grad, plain.grad, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_relax_is_unbiased_for_a_surrogate_of_zeta_alone(family):
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))

    def surrogate(family, f, zeta):
        return np.sin(zeta).sum(axis=-1), np.cos(zeta)

    estimator = partial(plain_relax, surrogate=surrogate)
    found = replicate(estimator, family, target, lam, 2, np.random.default_rng(0))
    assert z_score(found.grad, exact.grad) < LIMIT


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_a_surrogate_with_a_wrong_slope_is_rejected(family):
    """Negative control."""
    lam, target = row(family), quadratic(0.3, latent_dim=family.latent_dim)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))

    def surrogate(family, f, zeta):
        return np.sin(zeta).sum(axis=-1), 0.9 * np.cos(zeta)

    estimator = partial(plain_relax, surrogate=surrogate)
    found = replicate(estimator, family, target, lam, 2, np.random.default_rng(0))
    assert z_score(found.grad, exact.grad) > LIMIT


def test_the_full_path_instead_of_the_gap_is_rejected():
    """Negative control: dc/dzeta dzeta/dlam alone counts c twice."""
    family = Bernoulli(2)
    lam, target = row(family), quadratic(0.3, latent_dim=2)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))

    class Ungapped(Bernoulli):
        def gap_pullback(self, lam, zeta, dzeta):
            return dzeta

    wrong = plain_rebar
    found = replicate(wrong, Ungapped(2), target, lam, 1, np.random.default_rng(0))
    assert z_score(found.grad, exact.grad) > LIMIT


@pytest.mark.parametrize("estimator", [rebar, relax])
def test_a_gaussian_is_refused(estimator):
    family = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="which cannot be relaxed"):
        estimator(family, quadratic(0.0), family.init(1), np.zeros((1, 1, 1)))


def test_a_temperature_that_is_not_positive_is_refused():
    family = Bernoulli(1)
    with pytest.raises(ValueError, match="temperature is 0"):
        rebar(family, quadratic(0.0), family.init(1), np.full((1, 1, 1), 0.5), temperature=0)
