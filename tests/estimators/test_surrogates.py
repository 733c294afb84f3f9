from functools import partial

import numpy as np
import pytest
from replicates import LIMIT, replicate, z_score

from bbvi.estimators import rebar, relax, surrogates
from bbvi.estimators.rebar import rebar as plain_rebar
from bbvi.estimators.rebar import relax as plain_relax
from bbvi.evaluation.exact_sums import support_nodes, weighted_sum
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian
from bbvi.models.integrands import quadratic
from bbvi.optimizers import adam, sgd

FAMILIES = [Bernoulli(2), Categorical(1, 3)]


def problem(family):
    lam = 0.7 * np.random.default_rng(0).standard_normal((1, family.num_params))
    return quadratic(0.3, latent_dim=family.latent_dim), lam


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_one_step_follows_the_gradient_of_the_square(family):
    """Plain gradient descent by 1e-6 lowers g^2 by 1e-6 times the squared gradient."""
    target, lam = problem(family)
    rng = np.random.default_rng(1)
    state = surrogates.begin(rng, family.num_params, hidden=4, optimizer=sgd(1e-6))
    state = state._replace(
        params={k: v + 0.5 * rng.standard_normal(v.shape) for k, v in state.params.items()}
    )
    eps = family.noise(rng, 3, 1)

    def square(params):
        surrogate = surrogates.learned(state._replace(params=params))
        g = plain_relax(family, target, lam, eps, surrogate).grad
        return float((g**2).sum())

    moved = surrogates.after(state, family, target, lam, eps)
    for key, value in state.params.items():
        slope = (np.asarray(value) - moved.params[key]) / 1e-6
        for index in np.ndindex(np.shape(value)):
            step = np.zeros(np.shape(value))
            step[index] = 1e-6
            up = square({**state.params, key: value + step})
            down = square({**state.params, key: value - step})
            np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_learning_lowers_the_variance_and_keeps_the_mean(family):
    target, lam = problem(family)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))
    rng = np.random.default_rng(1)
    state = surrogates.begin(rng, family.num_params, optimizer=adam(0.02))
    rows, tiled = np.repeat(lam, 20, axis=0), quadratic(0.3, 20, family.latent_dim)
    for _ in range(400):
        eps = family.noise(rng, 1, 20)
        state = surrogates.after(state, family, tiled, rows, eps)
    learned = partial(plain_relax, surrogate=surrogates.learned(state))
    start = plain_rebar
    found = replicate(learned, family, target, lam, 1, np.random.default_rng(2))
    before = replicate(start, family, target, lam, 1, np.random.default_rng(2))
    assert z_score(found.grad, exact.grad) < LIMIT
    assert found.grad.var(axis=0).sum() < 0.5 * before.grad.var(axis=0).sum()


def test_it_starts_as_rebar():
    family = Bernoulli(2)
    target, lam = problem(family)
    state = surrogates.begin(np.random.default_rng(0), 2, temperature=0.7)
    eps = family.noise(np.random.default_rng(0), 3, 1)
    found = relax(family, target, lam, eps, surrogates.learned(state))
    same = rebar(family, target, lam, eps, temperature=0.7)
    np.testing.assert_allclose(found.grad, same.grad, rtol=1e-12)


def test_after_changes_nothing_in_place():
    family = Bernoulli(2)
    target, lam = problem(family)
    state = surrogates.begin(np.random.default_rng(0), 2)
    before = {key: np.array(value) for key, value in state.params.items()}
    eps = family.noise(np.random.default_rng(0), 3, 1)
    moved = surrogates.after(state, family, target, lam, eps)
    assert any((moved.params[key] != value).any() for key, value in before.items())
    for key, value in before.items():
        np.testing.assert_array_equal(state.params[key], value)


def test_bad_sizes_and_families_are_refused():
    with pytest.raises(ValueError, match="num_params is 0"):
        surrogates.begin(np.random.default_rng(0), 0)
    with pytest.raises(ValueError, match="hidden is 0"):
        surrogates.begin(np.random.default_rng(0), 2, hidden=0)
    family = DiagonalGaussian(1)
    state = surrogates.begin(np.random.default_rng(0), 2)
    with pytest.raises(TypeError, match="which cannot be relaxed"):
        surrogates.after(state, family, quadratic(0.0), family.init(1), np.zeros((1, 1, 1)))
