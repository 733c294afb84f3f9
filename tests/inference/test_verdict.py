"""Which of many rows are called converged: the truth in closed form, and by many samples."""

import numpy as np
import pytest

import bbvi
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference import nats_left as module
from bbvi.inference import stochastic
from bbvi.inference.inner_loop import step_1
from bbvi.inference.nats_left import NATS_LEFT, look
from bbvi.inference.solvers.solution import Solution
from bbvi.inference.verdict import by_course, verdict
from bbvi.models import DeepLatentModel, LinearGaussian
from bbvi.models.likelihoods import BernoulliLikelihood
from bbvi.models.priors import StandardNormal
from bbvi.nets import MLP


def judged(model, family, theta, x, lam, seed=0):
    """The verdict on lam, of a solver that says of every row that it has settled."""
    N = len(lam)
    endless = np.full(N, np.inf)
    solution = Solution(lam, np.full(N, True), "it says so", np.zeros(N), np.zeros(N), endless)
    rng = np.random.default_rng(seed)
    return verdict(family, targets_of(model, theta, x), solution, rng)


def targets_of(model, theta, x):
    return lambda rows: bbvi.backends.kernel.target(model, theta, x[rows])


def test_rows_are_told_by_the_nats_that_they_are_below_the_exact_posterior():
    rng = np.random.default_rng(4)
    model, family = LinearGaussian(3, 5), FullCovarianceGaussian(3)
    theta = model.init(rng)
    x = model.sample(rng, theta, 400)[0]
    mean, covariance = model.posterior(theta, x)
    left = rng.permutation(np.linspace(0, 0.6, len(x)))
    # KL(q || p) of two Gaussians of one covariance L L^T, means apart by L u, is |u|^2 / 2.
    u = rng.standard_normal(mean.shape)
    u *= np.sqrt(2 * left / np.sum(u**2, axis=1))[:, None]
    lam = family.from_moments(mean + u @ np.linalg.cholesky(covariance).T, covariance)
    seen = judged(model, family, theta, x, lam)
    np.testing.assert_array_equal(seen.converged, left <= NATS_LEFT)
    # 64 samples tell of all but the fifty rows that are looked at closely.
    assert seen.evaluations < 64 * 350 + 50 * 4000


@pytest.fixture(scope="module")
def decoder_and_lam():
    """400 rows under a Bernoulli decoder, and lam of a Step 1 that ended too early."""
    rng = np.random.default_rng(5)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 20, 12), "tanh"), BernoulliLikelihood())
    theta = model.init(rng)
    theta = {key: 2.5 * value for key, value in theta.items()}
    x = model.sample(rng, theta, 400)[0]
    family = DiagonalGaussian(2)
    solver = stochastic(num_steps=40, num_samples=4)
    fit = step_1(model, family, theta, x, rng, solver=solver, progress=False, judge=by_course)
    return model, family, theta, x, fit.lam


def test_few_samples_decide_only_what_many_would(decoder_and_lam, monkeypatch):
    """As 6000 samples of each row do, but for rows so near the limit that they are in doubt."""
    model, family, theta, x, lam = decoder_and_lam
    everywhere = targets_of(model, theta, x)(np.arange(len(x)))
    truth = look(family, everywhere, lam, np.random.default_rng(9), 6000).left
    sure = np.abs(truth - NATS_LEFT) > 0.02

    def wrong():
        seen = judged(model, family, theta, x, lam)
        return np.mean(seen.converged[sure] != (truth[sure] <= NATS_LEFT)), seen.evaluations

    mistakes, evaluations = wrong()
    monkeypatch.setattr(module, "CLEAR", 0)
    by_64_samples, _ = wrong()
    monkeypatch.setattr(module, "SCREENS", (1000,))
    by_1000_samples, of_1000 = wrong()
    assert mistakes < 0.01
    assert by_1000_samples < 0.01
    assert by_64_samples > 0.03
    assert evaluations < 0.8 * of_1000
