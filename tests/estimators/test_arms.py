"""ARMS against enumeration; its copula is uniform; what it refuses."""

import numpy as np
import pytest
from scipy.special import expit

from bbvi.estimators.antithetic_pairs import disarm
from bbvi.estimators.arms import arms, correlation, dirichlet_copula
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.models.integrands import quadratic


def of_products(num_data):
    """f(z) = (z_1 - z_2 + 2 z_1 z_2 z_3 - 0.3)^2: the latents do not separate."""

    def value(z):
        return (z[..., 0] - z[..., 1] + 2 * z[..., 0] * z[..., 1] * z[..., 2] - 0.3) ** 2

    def evaluate(z, dz=False, dtheta=False, weights=None):
        from bbvi.types import Evaluation

        return Evaluation(value(z), None, {} if dtheta else None)

    return quadratic(0.0, num_data, 3)._replace(evaluate=evaluate)


def exact(lam):
    z = Bernoulli(3).support()
    q = np.exp(Bernoulli(3).log_prob(lam, z[:, None]))[:, 0]
    f = of_products(1).value(z[:, None])[:, 0]
    return (q * f) @ (z - expit(lam))


@pytest.mark.parametrize("S", [2, 3, 6])
def test_unbiased_against_enumeration_and_not_without_the_correlation(S):
    lam, R = np.array([[0.4, -1.5, 0.9]]), 60000
    q, rng = Bernoulli(3), np.random.default_rng(S)
    wide = np.repeat(lam, R, axis=0)
    g = arms(q, of_products(R), wide, q.noise(rng, S, R)).grad
    error = g.std(axis=0) / np.sqrt(R)
    assert np.all(np.abs(g.mean(axis=0) - exact(lam)) < 5 * error)
    plain = g * (1 - correlation(expit(lam), S))
    assert np.any(np.abs(plain.mean(axis=0) - exact(lam)) > 5 * error)


def test_the_copula_is_uniform_and_antithetic():
    u = dirichlet_copula(np.random.default_rng(0).random((4, 50000)))
    np.testing.assert_allclose(np.quantile(u, [0.1, 0.5, 0.9], axis=1).T, [[0.1, 0.5, 0.9]] * 4,
                               atol=0.01)  # fmt: skip
    assert np.all(np.corrcoef(u)[np.triu_indices(4, 1)] < -0.2)


def test_two_samples_are_a_pair_of_disarm():
    """d and 1 - d make u and 1 - u: the same two samples, the same estimate."""
    q, rng = Bernoulli(3), np.random.default_rng(1)
    lam = np.array([[0.4, -1.5, 0.9]])
    eps = q.noise(rng, 2, 1)
    u = dirichlet_copula(eps)
    np.testing.assert_allclose(u.sum(axis=0), 1, rtol=1e-12)
    found = arms(q, of_products(1), lam, eps)
    first = np.where(expit(lam) < 0.5, 1 - u[0], u[0])[None]
    wanted = disarm(q, of_products(1), lam, first)
    np.testing.assert_allclose(found.grad, wanted.grad, atol=1e-12)


def test_refusals():
    q = Bernoulli(1)
    with pytest.raises(ValueError, match="S = 1"):
        arms(q, quadratic(0.0), q.init(1), np.full((1, 1, 1), 0.5))
    gaussian = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="expected Bernoulli"):
        arms(gaussian, quadratic(0.0), gaussian.init(1), np.zeros((2, 1, 1)))
