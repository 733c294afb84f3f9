"""Noisy gradients: a row that fell goes back, and its step size goes on falling."""

import numpy as np
import pytest

from bbvi import DiagonalGaussian, LinearGaussian
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


def test_what_noise_hides_is_not_called_converged():
    """A level course is settled by its noise: here half a nat, or thousands, of one step."""
    noise = np.random.default_rng(0).standard_normal((500, 1))
    assert not rising(0.5 * noise)
    assert rising(3000 * noise)
    assert rising(np.linspace(-3, 0, 500)[:, None] + 0.5 * noise)
