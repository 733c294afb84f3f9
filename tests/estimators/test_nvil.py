import numpy as np
import pytest

from bbvi import LinearGaussian, backends, score_function
from bbvi.estimators import nvil
from bbvi.estimators.baselines import constant
from bbvi.evaluation import linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.nets import MLP


def problem(num_data=200):
    model, family = LinearGaussian(1, 2), DiagonalGaussian(1)
    theta = {"W": np.array([[1.0], [0.5]]), "b": np.zeros(2), "log_sigma": np.array(-0.5)}
    x = 3 * np.random.default_rng(0).standard_normal((num_data, 2))
    lam = np.zeros((num_data, 2))
    return model, family, theta, x, lam


def test_it_learns_elbos_that_depend_on_x_and_stays_unbiased():
    model, family, theta, x, lam = problem()
    target = backends.autodiff.target(model, theta, x)
    exact = linear_gaussian_elbo(model, theta, x, family, lam)
    rng = np.random.default_rng(1)
    state = nvil.begin(rng, MLP((2, 16, 1)))
    for _ in range(600):
        baseline = constant(nvil.predict(state, x))
        estimate = score_function(family, target, lam, family.noise(rng, 1, len(x)), baseline)
        state = nvil.after(state, x, estimate.elbo)
    predicted = nvil.predict(state, x)
    # One constant for all x would leave the whole variance of the ELBO over x.
    assert np.mean((predicted - exact.elbo) ** 2) < 0.1 * exact.elbo.var()

    def gradients(baseline):
        grads = [
            score_function(family, target, lam, family.noise(rng, 1, len(x)), baseline).grad
            for _ in range(500)
        ]
        return np.stack(grads)

    learned = gradients(constant(predicted))
    error = learned.std(axis=0, ddof=1) / np.sqrt(len(learned))
    z = (learned.mean(axis=0) - exact.grad) / error
    assert learned.shape[0] * learned.shape[1] == 100_000
    assert np.abs(z).max() < 5.0
    one_constant = gradients(constant(exact.elbo.mean()))
    assert learned.var(axis=0).mean() < 0.5 * one_constant.var(axis=0).mean()


def test_it_predicts_zero_until_it_has_seen_something():
    state = nvil.begin(np.random.default_rng(0), MLP((2, 4, 1)))
    np.testing.assert_array_equal(nvil.predict(state, np.ones((3, 2))), 0.0)


def test_after_changes_nothing_in_place():
    state = nvil.begin(np.random.default_rng(0), MLP((2, 4, 1)))
    before = {key: value.copy() for key, value in state.params.items()}
    moved = nvil.after(state, np.ones((3, 2)), np.array([1.0, 2.0, 4.0]))
    assert moved.updates == 1
    for key, value in before.items():
        np.testing.assert_array_equal(state.params[key], value)


def test_a_constant_elbo_is_no_division_by_zero():
    state = nvil.begin(np.random.default_rng(0), MLP((2, 4, 1)))
    state = nvil.after(state, np.ones((3, 2)), np.full(3, -7.0))
    assert np.isfinite(nvil.predict(state, np.ones((3, 2)))).all()


def test_float32_in_float32_out():
    state = nvil.begin(np.random.default_rng(0), MLP((2, 4, 1)))
    x = np.ones((3, 2), np.float32)
    state = nvil.after(state, x, np.array([1.0, 2.0, 4.0], np.float32))
    assert nvil.predict(state, x).dtype == np.float32


def test_more_than_one_output_is_refused():
    with pytest.raises(ValueError, match="expected one output"):
        nvil.begin(np.random.default_rng(0), MLP((2, 4, 2)))


def test_x_of_another_width_is_refused():
    state = nvil.begin(np.random.default_rng(0), MLP((2, 4, 1)))
    with pytest.raises(ValueError, match="the baseline network's inputs"):
        nvil.predict(state, np.ones((3, 5)))
    with pytest.raises(ValueError, match="the baseline network's inputs"):
        nvil.after(state, np.ones((3, 5)), np.ones(3))
