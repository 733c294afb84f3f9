"""Published variance formulas, as functions of their parameters, and the known reversals.

The variance is taken over replicates of the whole estimate, and compared with the formula in
standard errors of a sample variance, from the fourth moment.
"""

from functools import partial

import numpy as np
import pytest
from altered import with_functions
from replicates import LIMIT, replicate, variance_z

from bbvi.estimators import (
    ESTIMATORS,
    expectations,
    leave_one_out,
    reparameterized,
    sticking_the_landing,
    uncoupled,
)
from bbvi.estimators.baselines import constant
from bbvi.estimators.baselines import control_variate as plain_control_variate
from bbvi.estimators.measure_valued import measure_valued as plain_measure_valued
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.models.integrands import cosine, quadratic

SETTINGS = [(1.0, 1.0, -3.0), (0.5, 2.0, 1.5), (-1.0, 0.3, -1.2), (0.0, 1.0, 0.0)]
MANY = 400_000


def gradients(estimator, mu, s, target, num_samples=1, draws=1, num_replicates=MANY):
    """d/dmu and d/dsigma of every replicate at q = N(mu, s^2): (R, 2)."""
    lam = np.array([[mu, np.log(s)]])
    found = replicate(
        estimator,
        DiagonalGaussian(1),
        target,
        lam,
        num_samples,
        np.random.default_rng(1),
        draws=draws,
        num_replicates=num_replicates,
        num_blocks=10,
    )
    return found.grad[:, 0] / np.array([1.0, s])


def optimal(d, s):
    """E[f h^2] / E[h^2] of f = (z - k)^2, for the mean and for the log scale."""
    return np.array([[d**2 + 3 * s**2, d**2 + 5 * s**2]])


@pytest.mark.parametrize(("mu", "s", "k"), SETTINGS)
class TestQuadratic:
    def test_score_function(self, mu, s, k):
        d = mu - k
        expected = np.array(
            [
                (d**4 + 14 * d**2 * s**2 + 15 * s**4) / s**2,
                (2 * d**4 + 60 * d**2 * s**2 + 74 * s**4) / s**2,
            ]
        )
        found = gradients(expectations.score_function, mu, s, quadratic(k))
        assert np.abs(variance_z(found, expected)).max() < LIMIT

    def test_score_function_with_the_optimal_constant(self, mu, s, k):
        d = mu - k
        estimator = partial(plain_control_variate, coefficients=optimal(d, s))
        expected = np.array([8 * d**2 + 6 * s**2, 40 * d**2 + 24 * s**2])
        found = gradients(estimator, mu, s, quadratic(k))
        assert np.abs(variance_z(found, expected)).max() < LIMIT

    def test_pathwise(self, mu, s, k):
        d = mu - k
        expected = np.array([4 * s**2, 4 * d**2 + 8 * s**2])
        found = gradients(expectations.pathwise, mu, s, quadratic(k))
        assert np.abs(variance_z(found, expected)).max() < LIMIT

    def test_measure_valued_coupled(self, mu, s, k):
        d = mu - k
        estimator = plain_measure_valued
        expected = np.array([d**2 * (16 / np.pi - 4), 4 * d**2 + 4 * s**2])
        found = gradients(estimator, mu, s, quadratic(k), draws=3)
        assert np.abs(variance_z(found, expected)).max() < LIMIT

    def test_measure_valued_uncoupled(self, mu, s, k):
        d = mu - k
        estimator = partial(plain_measure_valued, coupling=uncoupled)
        expected = np.array([d**2 * (8 / np.pi - 2) + 4 * s**2 / np.pi, 16 * d**2 + 8 * s**2])
        found = gradients(estimator, mu, s, quadratic(k), draws=4)
        assert np.abs(variance_z(found, expected)).max() < LIMIT


def test_the_published_point():
    """mu = s = 1, k = -3: d = 4."""
    d, s = 4.0, 1.0
    assert (d**4 + 14 * d**2 + 15, 8 * d**2 + 6, 4 * s**2) == (495.0, 134.0, 4.0)
    assert round(d**2 * (16 / np.pi - 4), 3) == 17.487
    assert (2 * d**4 + 60 * d**2 + 74, 40 * d**2 + 24) == (1546.0, 664.0)
    assert (4 * d**2 + 8 * s**2, 4 * d**2 + 4) == (72.0, 68.0)


def test_a_wrong_formula_is_rejected():
    """Negative control: one part in thirty is seen."""
    found = gradients(expectations.pathwise, 1.0, 1.0, quadratic(-3.0))
    assert variance_z(found[:, 0], 4.0 * 1.033) < -LIMIT


@pytest.mark.parametrize("num_samples", [1, 2, 10])
def test_score_function_against_pathwise_falls_as_one_over_s(num_samples):
    """N(2, 1), f = x^2: 87 / S and 4 / S."""
    for estimator, single in ((expectations.score_function, 87.0), (expectations.pathwise, 4.0)):
        found = gradients(estimator, 2.0, 1.0, quadratic(0.0), num_samples)
        assert abs(variance_z(found[:, 0], single / num_samples)) < LIMIT


def standard_normal():
    """log p(z) = log N(z; 0, 1) as a target without data."""
    scaled = quadratic(0.0)

    def value(z):
        return -0.5 * scaled.value(z) - 0.5 * np.log(2 * np.pi)

    return with_functions(
        scaled,
        value=value,
        value_and_dz=lambda z: (value(z), -z),
        value_and_dtheta=lambda z, weights=None: (value(z), {}),
        value_and_grads=lambda z, weights=None: (value(z), -z, {}),
    )._replace(standard_normal_prior=True)


@pytest.mark.parametrize("s", [0.5, 0.8, 1.0, 1.7])
def test_sticking_the_landing_against_the_total_gradient(s):
    """(1/s - s)^2 against s^2: it wins near q = p, and loses at small scales."""
    path = gradients(sticking_the_landing, 0.3, s, standard_normal())[:, 0]
    total = gradients(reparameterized, 0.3, s, standard_normal())[:, 0]
    assert abs(variance_z(path, (1 / s - s) ** 2)) < LIMIT
    assert abs(variance_z(total, s**2)) < LIMIT
    assert (path.var() < total.var()) == (s > 0.5**0.5)


@pytest.mark.parametrize(("p", "t"), [(0.5, 0.499), (0.8, 0.3), (0.1, -1.0)])
class TestBernoulli:
    """f(b) = (b - t)^2, gradient in the logit: step = f(1) - f(0), v = p (1 - p)."""

    def gradient(self, estimator, p, t, num_samples=1):
        lam = np.array([[np.log(p / (1 - p))]])
        rng = np.random.default_rng(2)
        return replicate(
            estimator, Bernoulli(1), quadratic(t), lam, num_samples, rng, num_replicates=MANY
        ).grad[:, 0, 0]

    def test_plain(self, p, t):
        exact = (1 - 2 * t) * p * (1 - p)
        second = p * ((1 - t) ** 2 * (1 - p)) ** 2 + (1 - p) * (t**2 * p) ** 2
        found = self.gradient(expectations.score_function, p, t)
        assert abs(variance_z(found, second - exact**2)) < LIMIT

    def test_leave_one_out_at_two_samples(self, p, t):
        step, v = 1 - 2 * t, p * (1 - p)
        estimator = partial(expectations.score_function, baseline=leave_one_out)
        found = self.gradient(estimator, p, t, 2)
        assert abs(variance_z(found, step**2 * v * (0.5 - v))) < LIMIT

    def test_optimal_baseline_leaves_nothing(self, p, t):
        best = p * t**2 + (1 - p) * (1 - t) ** 2
        estimator = partial(expectations.score_function, baseline=constant(best))
        found = self.gradient(estimator, p, t)
        # Both outcomes give the exact gradient when b = (1 - p) f(1) + p f(0).
        np.testing.assert_allclose(found, (1 - 2 * t) * p * (1 - p), rtol=1e-12)

    def test_disarm_beats_arm(self, p, t):
        arm = self.gradient(ESTIMATORS["arm"].expectation, p, t)
        disarm = self.gradient(ESTIMATORS["disarm"].expectation, p, t)
        assert disarm.var() < arm.var()


def test_the_published_bernoulli_point():
    p, t = 0.5, 0.499
    v, step = p * (1 - p), 1 - 2 * t
    second = p * ((1 - t) ** 2 * (1 - p)) ** 2 + (1 - p) * (t**2 * p) ** 2
    assert round(step * v, 7) == 0.0005
    assert round(second - (step * v) ** 2, 7) == 0.0156251
    assert np.isclose(step**2 * v * (0.5 - v), 2.5e-7)


# Known reversals.


def cosine_moments(k):
    """Exact variances of d/dmu of E[cos(k z)], q = N(mu, 1), mu = 0.3, by Gauss-Hermite."""
    eps, w = np.polynomial.hermite_e.hermegauss(120)
    w, z = w / w.sum(), 0.3 + eps
    path = -k * np.sin(k * z)
    best = w @ (np.cos(k * z) * eps**2)
    score = (np.cos(k * z) - best) * eps
    return best, w @ path**2 - (w @ path) ** 2, w @ score**2 - (w @ score) ** 2


@pytest.mark.parametrize(
    ("k", "pathwise_wins"), [(0.25, True), (0.5, True), (1.0, False), (5.0, False)]
)
def test_pathwise_loses_to_the_score_function_for_fast_cosines(k, pathwise_wins):
    best, path_variance, score_variance = cosine_moments(k)
    coefficients = np.array([[best, 0.0]])
    estimator = partial(plain_control_variate, coefficients=coefficients)
    path = gradients(expectations.pathwise, 0.3, 1.0, cosine(k))[:, 0]
    score = gradients(estimator, 0.3, 1.0, cosine(k))[:, 0]
    assert abs(variance_z(path, path_variance)) < LIMIT
    assert abs(variance_z(score, score_variance)) < LIMIT
    assert (path.var() < score.var()) == pathwise_wins


def test_plain_score_function_grows_with_dimension_and_pathwise_does_not():
    rng, variances = np.random.default_rng(0), {}
    for D in (1, 4, 16):
        family, lam = DiagonalGaussian(D), np.zeros((1, 2 * D))
        for name in ("score-function", "reparameterized"):
            estimator, target = ESTIMATORS[name].expectation, quadratic(-1.0, latent_dim=D)
            found = replicate(estimator, family, target, lam, 1, rng)
            variances[name, D] = found.grad[:, 0, :D].var(axis=0).mean()
    # E[f^2 h^2] - 4 with f a sum of D squares: its mean is 2 D, and other latents add to it.
    assert variances["score-function", 4] > 3 * variances["score-function", 1]
    assert variances["score-function", 16] > 9 * variances["score-function", 4]
    for D in (1, 4, 16):
        assert abs(variances["reparameterized", D] / 4 - 1) < 0.05
