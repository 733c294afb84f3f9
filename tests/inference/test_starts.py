"""Laplace starts: exact on Gaussians, and a Hessian by differences."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, Posterior, infer
from bbvi.backends import autodiff
from bbvi.families import Gamma
from bbvi.inference import laplace
from bbvi.inference.starts import hessian


@pytest.mark.parametrize("family", [DiagonalGaussian, FullCovarianceGaussian])
def test_a_gaussian_posterior_is_its_laplace_approximation(family):
    model, q = LinearGaussian(2, 3), family(2)
    theta = model.init(np.random.default_rng(0))
    x = model.sample(np.random.default_rng(1), theta, 12)[0]
    rng = np.random.default_rng(0)
    lam = laplace()(q, lambda rows: autodiff.target(model, theta, x[rows]), q.init(12), rng)
    np.testing.assert_allclose(lam, q.from_moments(*model.posterior(theta, x)), atol=2e-3)


def test_the_hessian_is_that_of_the_closed_form():
    model = Posterior(lambda z: -anp.exp(z[..., 0] - z[..., 1]) - 0.5 * anp.sum(z**2, -1), 2)
    z = np.array([[0.4, -0.3]])
    e = np.exp(0.7)
    exact = -np.array([[e + 1, -e], [-e, e + 1]])
    found = hessian(autodiff.target(model, {}, model.x), z)[0]
    np.testing.assert_allclose(found, exact, rtol=1e-7)


def test_infer_starts_there_and_names_what_cannot():
    model = Posterior(lambda z: -0.5 * anp.sum((z - 50) ** 2, -1), 3)
    q, rng = FullCovarianceGaussian(3), np.random.default_rng(0)
    found = infer(model, q, {}, model.x, rng, start=laplace())
    np.testing.assert_allclose(q.moments(found.lam).mean, 50, rtol=1e-6)
    with pytest.raises(TypeError, match="laplace got the family Gamma"):
        infer(model, Gamma(3), {}, model.x, rng, start=laplace())
    with pytest.raises(TypeError, match="both lam and start"):
        infer(model, q, {}, model.x, rng, lam=q.init(1), start=laplace())
