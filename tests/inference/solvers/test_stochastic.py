"""Noisy gradients: a row that fell goes back, and its step size goes on falling."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, Posterior
from bbvi.inference import step_1, stochastic
from bbvi.inference.solvers.windows import rising
from bbvi.optimizers import Optimizer, adam, cosine_decay

STEPS = 400


def thrown(optimizer, at, rows, seen):
    """An optimizer that throws some rows far away at one step, and notes all step counts."""

    def update(grad, state, params):
        seen.append(state.steps.ravel().copy())
        params, state = optimizer.update(grad, state, params)
        if len(seen) == at:
            params = params.copy()
            params[rows] += 30
        return params, state

    return Optimizer(optimizer.init, update)


@pytest.fixture(scope="module")
def problem():
    model, q = LinearGaussian(2, 4), DiagonalGaussian(2)
    theta = model.init(np.random.default_rng(0))
    return model, q, theta, model.sample(np.random.default_rng(1), theta, 12)[0]


@pytest.mark.parametrize("at", [50, 210, 398, 400])
def test_a_row_that_went_back_is_not_behind_in_its_rate(problem, at):
    model, q, theta, x = problem
    rows, seen = np.array([2, 5]), []
    optimizer = thrown(adam(cosine_decay(0.2, STEPS)), at, rows, seen)
    solver = stochastic(num_steps=STEPS, optimizer=optimizer)
    fit = step_1(model, q, theta, x, np.random.default_rng(2), solver=solver, progress=False)
    assert (np.array(seen) == np.arange(STEPS)[:, None]).all()
    # With the rate that it shall have by then, a row that went back is where the others are.
    mean, covariance = model.posterior(theta, x)
    sd = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    off = np.abs(q.moments(fit.lam).mean - mean) / sd
    assert off.max() < 0.1


def test_a_start_that_the_first_steps_leave_is_gone_back_to():
    """From the optimum of narrow, correlated axes: Adam's first step moves all covariances."""
    D = 7
    q, rng = FullCovarianceGaussian(D), np.random.default_rng(0)
    factor = np.linalg.qr(rng.standard_normal((D, D)))[0] * np.geomspace(1e-3, 1, D)
    covariance = factor @ factor.T
    precision = np.linalg.inv(covariance)
    posterior = Posterior(lambda z: -0.5 * anp.sum(anp.dot(z, precision) * z, -1), D)
    best = q.from_moments(np.zeros((1, D)), covariance[None])
    best_elbo = 0.5 * D * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    for seed in range(3):
        fit = step_1(
            posterior, q, None, posterior.x, np.random.default_rng(seed), lam=best,
            solver=stochastic(), progress=False,
        )  # fmt: skip
        assert fit.trace.elbo.min() < best_elbo - 100
        assert fit.verdict.elbo[0] > best_elbo - 0.5
        assert fit.verdict.best_elbo[0] > best_elbo - 0.01


def test_what_noise_hides_is_not_called_converged():
    """A level course is settled by its noise: here half a nat, or thousands, of one step."""
    noise = np.random.default_rng(0).standard_normal((500, 1))
    assert not rising(0.5 * noise)
    assert rising(3000 * noise)
    assert rising(np.linspace(-3, 0, 500)[:, None] + 0.5 * noise)
