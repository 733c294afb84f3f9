"""Closed forms of gradient noise, against Gauss-Hermite sums and enumeration of minibatches."""

from itertools import combinations

import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian
from bbvi.backends import target
from bbvi.estimators import reparameterized
from bbvi.evaluation.linear_gaussian_noise import lam_covariance, minibatch_noise, theta_noise

POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(4)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def problem(D, family, seed=0):
    rng = np.random.default_rng(seed)
    model = LinearGaussian(D, 4)
    theta = model.init(rng) | {"b": rng.standard_normal(4), "log_sigma": np.asarray(-0.4)}
    lam = 0.6 * rng.standard_normal((3, family.num_params))
    return model, theta, rng.standard_normal((3, 4)), lam


def nodes(D):
    """eps (J, D) and probabilities: exact for polynomials of degree 7."""
    eps = np.stack([g.ravel() for g in np.meshgrid(*[POINTS] * D, indexing="ij")], axis=-1)
    return eps, np.prod(np.meshgrid(*[WEIGHTS] * D), axis=0).reshape(-1)


def covariance(values, w):
    centred = values - w @ values
    return (w[:, None] * centred).T @ centred


@pytest.mark.parametrize("family", [DiagonalGaussian(2), FullCovarianceGaussian(2)])
def test_theta_noise_is_the_quadratic_s_variance(family):
    model, theta, x, lam = problem(2, family)
    eps, w = nodes(2)
    found = theta_noise(theta, x, family, lam)
    for n in range(3):
        z = family.transform(lam[n : n + 1], eps[:, None])
        p = target(model, theta, x[n : n + 1])
        each = [p.value_and_dtheta(one[None])[1] for one in z]
        flat = np.array([np.concatenate([np.ravel(v) for v in g.values()]) for g in each])
        assert found[n] == pytest.approx(np.trace(covariance(flat, w)), rel=1e-10)


@pytest.mark.parametrize("D", [1, 2, 3])
def test_lam_covariance_is_the_estimator_s(D):
    family = DiagonalGaussian(D)
    model, theta, x, lam = problem(D, family)
    eps, w = nodes(D)
    found = lam_covariance(theta, x, lam)
    for n in range(3):
        rows = np.repeat(lam[n : n + 1], len(eps), axis=0)
        p = target(model, theta, np.repeat(x[n : n + 1], len(eps), axis=0))
        grad = reparameterized(family, p, rows, eps[None]).grad
        assert found[n] == pytest.approx(covariance(grad, w), rel=1e-10, abs=1e-12)
    # Negative control: lam elsewhere has other noise.
    assert not np.allclose(lam_covariance(theta, x, lam + 0.1), found, rtol=1e-3)


@pytest.mark.parametrize("B", [1, 2, 4, 6])
def test_minibatch_noise_is_the_variance_over_all_minibatches(B):
    gradients = np.random.default_rng(0).standard_normal((6, 3))
    means = np.array([gradients[list(rows)].mean(axis=0) for rows in combinations(range(6), B)])
    assert minibatch_noise(gradients, B) == pytest.approx(means.var(axis=0).sum(), abs=1e-14)
