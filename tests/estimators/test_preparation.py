"""What is learned beforehand: how near to its optimum, at what price, in any number of rows."""

import numpy as np
import pytest
from replicates import LIMIT

from bbvi import DiagonalGaussian
from bbvi.estimators import ESTIMATORS
from bbvi.estimators.baselines import optimal_coefficients as plain_optimal_coefficients
from bbvi.estimators.preparation import (
    PREPARATION_SAMPLES,
    Preparation,
    learn_coefficients,
    learn_mean,
    learn_network,
)
from bbvi.families import Bernoulli
from bbvi.inference.counting import Counter
from bbvi.models.integrands import quadratic

RNG = np.random.default_rng
Q = DiagonalGaussian(1)


def excess(a, d, s):
    """E[h^2] (a - a*)^2 over the optimal variance, for the mean and for the log scale.

    h = eps / s and eps^2 - 1; a* = E[f h^2] / E[h^2]; 8 d^2 + 6 s^2, and 40 d^2 + 24 s^2 of the
    derivative in s, s^2 times that in log s.
    """
    best = np.array([d**2 + 3 * s**2, d**2 + 5 * s**2])
    optimum = np.array([8 * d**2 + 6 * s**2, s**2 * (40 * d**2 + 24 * s**2)])
    return np.array([1 / s**2, 2.0]) * (a - best) ** 2 / optimum


@pytest.mark.parametrize(("d", "s"), [(4.0, 1.0), (0.0, 1.0), (-1.5, 0.3), (0.2, 2.0)])
def test_the_variance_is_within_two_percent_of_the_optimum(d, s):
    lam = np.array([[d - 3.0, np.log(s)]])
    found = [
        excess(learn_coefficients(Q, quadratic(-3.0), lam, None, RNG(seed))["coefficients"], d, s)
        for seed in range(20)
    ]
    assert np.max(found) < 0.02
    assert np.mean(found) < 0.004


def test_sixteen_samples_are_not_enough():
    """Negative control: a few samples leave a third of the variance."""
    lam, eps = np.array([[1.0, 0.0]]), [Q.noise(RNG(seed), 16, 1) for seed in range(200)]
    found = [excess(plain_optimal_coefficients(Q, quadratic(-3.0), lam, e), 4.0, 1.0) for e in eps]
    assert (np.mean(found, axis=0) > 0.15).all()


def test_it_is_the_optimum_of_the_same_samples_whatever_the_parts(monkeypatch):
    lam, target = np.array([[1.0, 0.1, 0.2, -0.3]] * 3), quadratic(0.5, 3, 2)
    lam[1:] += 0.4
    monkeypatch.setattr("bbvi.estimators.preparation.PREPARATION_SAMPLES", 1000)
    monkeypatch.setattr("bbvi.estimators.preparation._samples.__defaults__", (1000,))
    whole = learn_coefficients(DiagonalGaussian(2), target, lam, None, RNG(0))["coefficients"]
    eps = DiagonalGaussian(2).noise(RNG(0), 1000, 3)
    expected = plain_optimal_coefficients(DiagonalGaussian(2), target, lam, eps)
    np.testing.assert_allclose(whole, expected, rtol=1e-12)
    monkeypatch.setattr("bbvi.estimators.preparation._NUMBERS", 12 * 64)
    parts = learn_coefficients(DiagonalGaussian(2), target, lam, None, RNG(0))["coefficients"]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


@pytest.mark.parametrize("learn", [learn_mean, learn_network])
def test_a_baseline_is_the_mean_of_f(learn):
    lam = np.array([[1.0, 0.0], [2.0, -0.5]])
    x = np.array([[0.0, 1.0], [1.0, 0.0]])
    baseline = learn(Q, quadratic(0.0, 2), lam, x, RNG(0))["baseline"]
    exact = np.array([2.0, 4 + np.exp(-1.0)])
    error = np.sqrt((4 * lam[:, 0] ** 2 + 2) / PREPARATION_SAMPLES)
    allowed = LIMIT * error if learn is learn_mean else 0.5
    assert (np.abs(baseline(np.zeros((1, 2))) - exact) < allowed).all()


@pytest.mark.parametrize("name", [name for name, its in ESTIMATORS.items() if its.prepare])
def test_the_price_is_as_declared(name):
    prepare = ESTIMATORS[name].prepare
    assert isinstance(prepare, Preparation)
    family = Bernoulli(2) if name == "relax" else DiagonalGaussian(2)
    rows = prepare.rows
    lam, counter = np.zeros((rows, family.num_params)), Counter()
    prepare.learn(family, counter.watch(quadratic(0.3, rows, 2)), lam, None, RNG(0))
    assert counter.evaluations == prepare.evaluations


def test_float32_stays():
    lam = np.zeros((1, 2), np.float32)
    target = quadratic(0.3, dtype=np.float32)
    assert learn_coefficients(Q, target, lam, None, RNG(0))["coefficients"].dtype == np.float32
    baseline = learn_mean(Q, target, lam, None, RNG(0))["baseline"]
    assert baseline(np.zeros((1, 1), np.float32)).dtype == np.float32
