"""The quadratic flow: an exact density at any z, and a banana that it contains."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, infer, sticking_the_landing
from bbvi.backends import autodiff
from bbvi.checks import check_family
from bbvi.evaluation import log_evidence_quadrature
from bbvi.families import QuadraticFlow


@pytest.mark.parametrize("D", [1, 2, 4])
def test_conformance(D):
    assert check_family(QuadraticFlow(D), np.random.default_rng(0)) is None


def test_invert_is_the_inverse():
    q = QuadraticFlow(4)
    rng = np.random.default_rng(0)
    lam, eps = rng.standard_normal((3, q.num_params)), q.noise(rng, 5, 3)
    np.testing.assert_allclose(q.invert(lam, q.transform(lam, eps)), eps, rtol=1e-7, atol=1e-8)


def test_without_squares_it_is_the_full_covariance_gaussian():
    q, gaussian = QuadraticFlow(2), FullCovarianceGaussian(2)
    lam = np.array([[0.3, -0.2, 0.1, -0.4, 0.7, 0.0]])
    same = np.array([[0.3, -0.2, 0.1, 0.7, -0.4]])
    z = np.random.default_rng(0).standard_normal((6, 1, 2))
    np.testing.assert_allclose(q.log_prob(lam, z), gaussian.log_prob(same, z), rtol=1e-12)
    np.testing.assert_allclose(q.entropy(lam), gaussian.entropy(same), rtol=1e-12)


@dataclass(frozen=True)
class Banana:
    """p(x, z) = 0.3 N(z_1; x, 1) N(z_2; z_1^2 / 2, 0.5^2): evidence 0.3 for any x."""

    latent_dim: int = 2

    def init(self, rng):
        return {}

    def log_joint(self, theta, x, z):
        first = z[..., 0] - x[:, 0]
        second = (z[..., 1] - 0.5 * z[..., 0] ** 2) / 0.5
        log_p = -0.5 * (first**2 + second**2) - np.log(2 * np.pi * 0.5)
        return log_p + np.log(0.3) + 0 * anp.sum(z, axis=-1)


def test_it_contains_a_banana_that_no_gaussian_fits():
    model, x = Banana(), np.array([[0.0], [1.0]])
    evidence = log_evidence_quadrature(model, {}, x).value
    np.testing.assert_allclose(evidence, np.log(0.3), atol=1e-6)
    target, elbos = autodiff.target(model, {}, x), {}
    for family in (QuadraticFlow(2), FullCovarianceGaussian(2), DiagonalGaussian(2)):
        fit = infer(model, family, {}, x, np.random.default_rng(0), num_steps=800)
        eps = family.noise(np.random.default_rng(1), 2000, 2)
        elbos[type(family).__name__] = sticking_the_landing(family, target, fit.lam, eps).elbo
    np.testing.assert_allclose(elbos["QuadraticFlow"], evidence, atol=1e-3)
    assert (elbos["FullCovarianceGaussian"] < evidence - 0.1).all()


def test_bad_input():
    with pytest.raises(ValueError, match="latent_dim is 0"):
        QuadraticFlow(0)
