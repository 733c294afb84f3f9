"""SPSA against closed forms: fair signs, its exact mean over all directions, its variance."""

import itertools

import numpy as np
import pytest
from replicates import LIMIT, replicate, variance_z, z_score

from bbvi import DiagonalGaussian, FullCovarianceGaussian
from bbvi.checks import linear_gaussian_problem
from bbvi.estimators import ESTIMATORS, draw_noise, spsa
from bbvi.estimators.expectations import pathwise
from bbvi.estimators.spsa import _split, draws, spsa_of_expectation
from bbvi.evaluation.exact import cosine_expectation
from bbvi.families import Bernoulli, Categorical, Gamma, LabelAndGaussian
from bbvi.inference.counting import Counter
from bbvi.models.integrands import cosine, quadratic

RNG = np.random.default_rng


def at_step(step):
    def estimator(*arguments):
        return spsa_of_expectation(*arguments, step=step)

    return estimator


@pytest.mark.parametrize("h", [0.1, 0.6])
def test_the_mean_over_all_directions_is_exact(h):
    q, lam, k = DiagonalGaussian(1), np.array([[0.4, -0.2]]), 1.4
    exact = np.zeros((1, 2))
    for signs in itertools.product((-1.0, 1.0), repeat=2):
        e = h * np.array(signs)
        up, down = (cosine_expectation(q, k, row).elbo for row in (lam + e, lam - e))
        exact += (up - down)[:, None] / (2 * e) / 4
    found = replicate(at_step(h), q, cosine(k), lam, 2, RNG(0), draws=draws(q)).grad
    assert z_score(found, exact) < LIMIT
    if h > 0.5:
        assert z_score(found, cosine_expectation(q, k, lam).grad) > LIMIT


def test_every_other_slope_is_noise():
    """Var(g_p) + sum of E[g_r^2] of the others, at D = 2: P = 4."""
    q, lam, target = DiagonalGaussian(2), np.array([[1.0, -1.0, 0.1, -0.3]]), quadratic(0.5, 1, 2)
    path = replicate(pathwise, q, target, lam, 1, RNG(1), num_replicates=400_000).grad[:, 0]
    d, s = lam[0, :2] - 0.5, np.exp(lam[0, 2:])
    # E[g^2]: 4 (d^2 + s^2) for the means, 4 d^2 s^2 + 12 s^4 for the log scales.
    second = np.concatenate([4 * (d**2 + s**2), 4 * d**2 * s**2 + 12 * s**4])
    exact = second.sum() - np.concatenate([2 * d, 2 * s**2]) ** 2
    found = replicate(
        at_step(1e-3), q, target, lam, 1, RNG(2), draws=draws(q), num_replicates=400_000
    ).grad[:, 0]
    assert np.abs(variance_z(found, exact)).max() < LIMIT
    assert z_score(path, np.concatenate([2 * d, 2 * s**2])) < LIMIT
    assert np.abs(variance_z(found, path.var(axis=0))).min() > LIMIT


FAMILIES = [
    DiagonalGaussian(3),
    FullCovarianceGaussian(3),
    Gamma(2),
    Bernoulli(4),
    Categorical(2, 3),
    LabelAndGaussian(3, 2),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda q: type(q).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signs_are_fair_and_independent_of_each_other_and_of_z(family, dtype):
    N, P = 4000, family.num_params
    record = ESTIMATORS["spsa"]
    eps = draw_noise(record, family, RNG(0), 5, N, dtype)
    lam = np.zeros((N, P), dtype)
    target = quadratic(0.0, N, family.latent_dim, dtype)
    z_eps, signs = _split(family, target, lam, eps)
    assert signs.shape == (5, N, P)
    assert set(np.unique(signs)) == {-1, 1}
    flat = signs.reshape(-1, P).astype(float)
    products = flat.T @ flat / len(flat)
    assert np.abs(products - np.eye(P)).max() < LIMIT / np.sqrt(len(flat))
    assert np.abs(flat.mean(axis=0)).max() < LIMIT / np.sqrt(len(flat))
    noise = z_eps.reshape(len(flat), -1)
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0)
    assert np.abs(flat.T @ noise / len(flat)).max() < LIMIT / np.sqrt(len(flat))


def test_two_evaluations_for_any_number_of_parameters():
    for family in (DiagonalGaussian(2), FullCovarianceGaussian(2)):
        target, lam, _ = linear_gaussian_problem(family)
        counter = Counter()
        eps = draw_noise(ESTIMATORS["spsa"], family, RNG(0), 4, len(lam))
        spsa(family, counter.watch(target), lam, eps)
        assert counter.evaluations == 3 * 4 * len(lam)


def test_too_little_noise_is_refused():
    q = DiagonalGaussian(1)
    with pytest.raises(ValueError, match="eps has 3 rows; expected a multiple of 5"):
        spsa_of_expectation(q, quadratic(1.0), np.zeros((1, 2)), np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="step is 0"):
        spsa_of_expectation(q, quadratic(1.0), np.zeros((1, 2)), np.zeros((5, 1, 1)), step=0)
