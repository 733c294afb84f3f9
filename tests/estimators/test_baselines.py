from functools import partial

import numpy as np
import pytest
from replicates import LIMIT, replicate, z_score

from bbvi.estimators import (
    cross_fitted_control_variate,
    leave_one_out,
    score_function,
    var_grad,
)
from bbvi.estimators.baselines import after, constant, moving_average
from bbvi.estimators.baselines import control_variate as plain_control_variate
from bbvi.estimators.baselines import (
    cross_fitted_control_variate as plain_cross_fitted_control_variate,
)
from bbvi.estimators.baselines import optimal_coefficients as plain_optimal_coefficients
from bbvi.estimators.expectations import score_function as plain_score_function
from bbvi.evaluation.exact_sums import hermite_nodes, weighted_sum
from bbvi.families import DiagonalGaussian
from bbvi.models.integrands import quadratic

FAMILY, LAM = DiagonalGaussian(1), np.array([[1.0, 0.0]])
TARGET = quadratic(-3.0)


def test_moving_average_is_used_before_it_is_updated():
    f = np.random.default_rng(0).standard_normal((5, 3))
    baseline = moving_average(f, start=2.0, decay=0.7)
    np.testing.assert_array_equal(baseline[0], 2.0)
    changed = f.copy()
    changed[3] += 100.0
    moved = moving_average(changed, start=2.0, decay=0.7)
    # Sample 3 reaches the baselines of later samples, never its own or an earlier one.
    np.testing.assert_array_equal(moved[:4], baseline[:4])
    assert (moved[4] > baseline[4] + 10).all()


def test_moving_average_continues_where_after_ends():
    f = np.random.default_rng(0).standard_normal((4, 3))
    whole = moving_average(f, start=0.5)
    first = moving_average(f[:1], start=0.5)
    rest = moving_average(f[1:], start=after(0.5, f[0]))
    np.testing.assert_allclose(np.concatenate([first, rest]), whole, rtol=1e-14)


def test_a_running_baseline_over_many_calls_is_unbiased_and_helps():
    """The training loop: each call uses the mean of earlier calls and is seen afterwards."""
    rng, rows = np.random.default_rng(0), np.repeat(LAM, 2000, axis=0)
    target = quadratic(-3.0, num_data=2000)
    running, gradients = np.zeros(2000), []
    for _ in range(60):
        eps = FAMILY.noise(rng, 1, 2000)
        estimate = plain_score_function(FAMILY, target, rows, eps, baseline=constant(running))
        running = after(running, estimate.elbo)
        gradients.append(estimate.grad)
    found = np.concatenate(gradients)
    exact = weighted_sum(FAMILY, TARGET, LAM, hermite_nodes(FAMILY, LAM))
    assert len(found) > 100_000
    assert z_score(found, exact.grad[0]) < LIMIT
    assert gradients[-1][:, 0].var() < 0.5 * gradients[0][:, 0].var()


def test_a_baseline_updated_before_use_shrinks_the_gradient():
    """Negative control: by the factor ``decay`` for a baseline that starts at the mean."""
    mean = 17.0

    def too_early(f):
        return 0.9 * mean + 0.1 * f

    def gradient(baseline):
        estimator = partial(plain_score_function, baseline=baseline)
        return replicate(estimator, FAMILY, TARGET, LAM, 1, np.random.default_rng(0)).grad

    exact = weighted_sum(FAMILY, TARGET, LAM, hermite_nodes(FAMILY, LAM)).grad
    assert z_score(gradient(constant(mean)), exact) < LIMIT
    assert z_score(gradient(too_early), exact) > LIMIT
    assert z_score(gradient(too_early), 0.9 * exact) < LIMIT


def test_var_grad_is_leave_one_out():
    rng = np.random.default_rng(0)
    lam, target = rng.standard_normal((3, 4)), quadratic(0.5, num_data=3, latent_dim=2)
    family = DiagonalGaussian(2)
    eps = family.noise(rng, 7, 3)
    loo = score_function(family, target, lam, eps, baseline=leave_one_out)
    np.testing.assert_allclose(var_grad(family, target, lam, eps).grad, loo.grad, rtol=1e-10)


def test_optimal_coefficients_find_the_optimum():
    """E[f h^2] / E[h^2] = d^2 + 3 s^2 and d^2 + 5 s^2 for f = (z - k)^2."""
    eps = FAMILY.noise(np.random.default_rng(0), 400_000, 1)
    found = plain_optimal_coefficients(FAMILY, TARGET, LAM, eps)
    np.testing.assert_allclose(found, [[19.0, 21.0]], rtol=0.01)


def test_cross_fitting_keeps_coefficients_and_samples_apart():
    eps = FAMILY.noise(np.random.default_rng(0), 6, 1)
    found = plain_cross_fitted_control_variate(FAMILY, TARGET, LAM, eps).grad
    halves = eps[:3], eps[3:]
    parts = [
        plain_control_variate(
            FAMILY, TARGET, LAM, own, plain_optimal_coefficients(FAMILY, TARGET, LAM, other)
        ).grad
        for own, other in (halves, halves[::-1])
    ]
    np.testing.assert_allclose(found, np.mean(parts, axis=0), rtol=1e-12)


def test_coefficients_from_the_same_samples_are_biased():
    """Negative control: this is what cross-fitting is for."""

    def same_samples(family, target, lam, eps):
        a = plain_optimal_coefficients(family, target, lam, eps)
        return plain_control_variate(family, target, lam, eps, a)

    exact = weighted_sum(FAMILY, TARGET, LAM, hermite_nodes(FAMILY, LAM)).grad
    found = replicate(same_samples, FAMILY, TARGET, LAM, 3, np.random.default_rng(0))
    assert z_score(found.grad, exact) > LIMIT


def test_cross_fitted_has_less_variance_than_no_baseline():
    def variance(estimator):
        found = replicate(estimator, FAMILY, TARGET, LAM, 8, np.random.default_rng(0))
        return found.grad.var(axis=0)

    fitted = variance(plain_cross_fitted_control_variate)
    assert (fitted < 0.6 * variance(plain_score_function)).all()


@pytest.mark.parametrize("estimator", [var_grad, cross_fitted_control_variate])
def test_one_sample_is_refused(estimator):
    eps = FAMILY.noise(np.random.default_rng(0), 1, 1)
    with pytest.raises(ValueError, match="got S = 1 sample; expected S >= 2"):
        estimator(FAMILY, TARGET, LAM, eps)


@pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan])
def test_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(ValueError, match=r"decay is .*; expected a number from 0 to 1"):
        moving_average(np.ones((2, 1)), decay=decay)
    with pytest.raises(ValueError, match=r"decay is .*; expected a number from 0 to 1"):
        after(0.0, np.ones(1), decay=decay)
