"""Double control variates: exact mean and variance by enumeration of all samples together."""

import itertools

import numpy as np
import pytest
from scipy.special import expit

from bbvi.estimators import ESTIMATORS
from bbvi.estimators import double_control_variates as module
from bbvi.estimators.double_control_variates import double_cv
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian
from bbvi.models.integrands import quadratic
from bbvi.types import Evaluation

LAM = np.array([[0.4, -1.1]])


def smooth(num_data, D, curvature=0.3):
    """f(z) = s + curvature s^2 with s = sum_d d z_d - 0.7."""
    a = np.arange(1.0, D + 1)

    def evaluate(z, dz=False, dtheta=False, weights=None):
        s = z @ a - 0.7
        slope = (1 + 2 * curvature * s)[..., None] * a if dz else None
        return Evaluation(s + curvature * s**2, slope, {} if dtheta else None)

    return quadratic(0.0, num_data, D)._replace(evaluate=evaluate)


def outcomes(S, D=2):
    """Noise (S, R, D) for each of the R = 2^(S D) outcomes, one a row, and their probabilities."""
    z = np.array(list(itertools.product([0.0, 1.0], repeat=S * D))).reshape(-1, S, D)
    p = expit(LAM[0])
    eps = np.where(z == 1, 1 - 0.5 * p, 0.5 * (1 - p))
    return eps.transpose(1, 0, 2), np.where(z == 1, p, 1 - p).prod(axis=(1, 2))


def moments(estimator, S, curvature=0.3):
    """Exact mean and variance of an estimator of S samples: (D,), (D,)."""
    eps, q = outcomes(S)
    R = len(q)
    g = estimator(Bernoulli(2), smooth(R, 2, curvature), np.repeat(LAM, R, axis=0), eps).grad
    mean = q @ g
    return mean, q @ (g - mean) ** 2


def exact_gradient():
    z = Bernoulli(2).support()[:, None]
    q = np.exp(Bernoulli(2).log_prob(LAM, z))
    return (q * smooth(1, 2).value(z))[:, 0] @ Bernoulli(2).score(LAM, z)[:, 0]


@pytest.mark.parametrize("S", [2, 3, 4])
def test_its_mean_over_all_outcomes_is_the_gradient(S):
    mean, _ = moments(double_cv, S)
    np.testing.assert_allclose(mean, exact_gradient(), rtol=1e-12)


def test_a_line_that_saw_its_own_sample_is_biased(monkeypatch):
    monkeypatch.setattr(module, "_mean_of_others", lambda a: np.repeat(a.mean(0)[None], len(a), 0))
    mean, _ = moments(double_cv, 3)
    assert np.max(np.abs(mean - exact_gradient())) > 0.01


@pytest.mark.parametrize("S", [2, 4])
def test_less_variance_than_leave_one_out_where_f_is_nearly_a_line(S):
    leave_one_out = ESTIMATORS["leave-one-out"].estimator
    _, ours = moments(double_cv, S, 0.1)
    _, theirs = moments(leave_one_out, S, 0.1)
    assert np.all(ours < 0.5 * theirs)


def test_a_linear_f_has_no_variance():
    mean, variance = moments(double_cv, 2, 0.0)
    np.testing.assert_allclose(variance, 0, atol=1e-28)
    np.testing.assert_allclose(mean, [1, 2] * (expit(LAM) * expit(-LAM))[0], rtol=1e-12)


def test_categories_too():
    family, rng, R = Categorical(2, 3), np.random.default_rng(0), 40000
    lam = rng.normal(size=(1, family.num_params))
    z = family.support()[:, None]
    q = np.exp(family.log_prob(lam, z))
    f = smooth(1, family.latent_dim).value(z)
    exact = (q * f)[:, 0] @ family.score(lam, z)[:, 0]
    wide = np.repeat(lam, R, axis=0)
    g = double_cv(family, smooth(R, family.latent_dim), wide, family.noise(rng, 2, R)).grad
    error = g.std(axis=0) / np.sqrt(R)
    assert np.all(np.abs(g.mean(axis=0) - exact) < 5 * error)
    assert np.any(np.abs(1.1 * g.mean(axis=0) - exact) > 5 * error)


def test_refusals():
    q = Bernoulli(1)
    with pytest.raises(ValueError, match="S = 1"):
        double_cv(q, quadratic(0.0), q.init(1), np.full((1, 1, 1), 0.5))
    gaussian = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="DiagonalGaussian"):
        double_cv(gaussian, quadratic(0.0), gaussian.init(1), np.zeros((2, 1, 1)))
