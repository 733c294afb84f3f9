"""Held noise and L-BFGS: maxima of known functions, and refusals."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, Posterior, infer
from bbvi.families import Bernoulli, Gamma
from bbvi.inference import NotConvergedWarning, deterministic
from bbvi.inference.solvers.lbfgs import maximize


def test_rows_of_rosenbrock_reach_the_maximum_each():
    def f(x, rows):
        a, b = x[:, 0], x[:, 1]
        gradient = np.stack([-2 * (a - 1) + 400 * a * (b - a**2), -200 * (b - a**2)], axis=1)
        return -((a - 1) ** 2) - 100 * (b - a**2) ** 2, gradient

    start = np.array([[-1.2, 1.0], [3.0, -2.0], [1.0, 1.0]])
    end = maximize(f, start, 1e-14, 400, lambda value: None)
    np.testing.assert_allclose(end.x, 1.0, atol=1e-5)
    assert (end.gain <= 1e-14).all()


@pytest.mark.parametrize("family", [DiagonalGaussian, FullCovarianceGaussian])
def test_gaussian_posteriors_of_many_rows(family):
    model, q = LinearGaussian(2, 4), family(2)
    theta = model.init(np.random.default_rng(0))
    x = model.sample(np.random.default_rng(1), theta, 30)[0]
    solver = deterministic(num_samples=2048)
    found = infer(model, q, theta, x, np.random.default_rng(2), solver=solver)
    best = q.from_moments(*model.posterior(theta, x))
    np.testing.assert_allclose(found.lam, best, atol=0.15)
    assert found.verdict.all_converged


class GammaPosterior:
    """z ~ Gamma(3, 2)."""

    latent_dim = 1

    def log_joint(self, theta, x, z):
        return 2 * anp.log(z[..., 0]) - 2 * z[..., 0] + 0 * x[:, 0]


def test_a_family_that_is_no_gaussian():
    """The posterior is in the family: the optimum is exact up to the held noise."""
    solver = deterministic(num_samples=4096)
    rng = np.random.default_rng(0)
    found = infer(GammaPosterior(), Gamma(1), None, np.zeros((1, 1)), rng, solver=solver)
    np.testing.assert_allclose(np.exp(found.lam[0]), [3.0, 2.0], rtol=0.1)


def test_too_few_samples_and_wrong_families_are_refused():
    model = Posterior(lambda z: -anp.sum(z**2, -1), 10)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"num_samples = 16 for P = 65 .* at least .* = 22"):
        infer(model, FullCovarianceGaussian(10), {}, model.x, rng,
              solver=deterministic(num_samples=16))  # fmt: skip
    with pytest.raises(TypeError, match="Bernoulli, which is not reparameterizable"):
        infer(model, Bernoulli(10), {}, model.x, rng, solver=deterministic())
    with pytest.raises(ValueError, match="tolerance is -1; expected a positive"):
        deterministic(tolerance=-1)


def test_rows_that_are_not_looked_at_do_not_pass_where_the_others_fail():
    """Few held samples lose nats in every row; only 50 of the 120 are looked at first."""
    model, q = LinearGaussian(6, 8), FullCovarianceGaussian(6)
    theta = model.init(np.random.default_rng(0))
    x = model.sample(np.random.default_rng(1), theta, 120)[0]
    solver = deterministic(num_samples=14)
    with pytest.warns(NotConvergedWarning):
        found = infer(model, q, theta, x, np.random.default_rng(2), solver=solver)
    assert found.verdict.converged.mean() < 0.1
