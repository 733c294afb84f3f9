"""gaussian_moments promises z = m + L eps with normal eps: kept, or refuted without chance."""

import numpy as np
import pytest
from scipy.stats import norm

from bbvi import DiagonalGaussian, FullCovarianceGaussian, Laplace
from bbvi.checks import check_family
from bbvi.protocols import GaussianMoments


@pytest.mark.parametrize("family", [DiagonalGaussian, FullCovarianceGaussian])
@pytest.mark.parametrize("D", [1, 3])
def test_gaussian_families_keep_it(family, D):
    check_family(family(D), np.random.default_rng(0))


class Logistic(Laplace):
    """z = m + s log(u / (1 - u)): a fourth moment of 4.2, which few draws do not tell from 3."""

    def noise(self, rng, num_samples, num_data, dtype=np.float64):
        u = rng.uniform(size=(num_samples, num_data, self.latent_dim))
        return np.log(u / (1 - u)).astype(dtype)

    def log_prob_factors(self, lam, z):
        location, log_scale = self.split(lam, z=z)
        u = (z - location) * np.exp(-log_scale)
        return -u - 2 * np.log1p(np.exp(-u)) - log_scale

    def log_prob_dz(self, lam, z):
        location, log_scale = self.split(lam, z=z)
        return -np.tanh((z - location) * np.exp(-log_scale) / 2) * np.exp(-log_scale)

    def score(self, lam, z):
        location, _ = self.split(lam, z=z)
        slope = self.log_prob_dz(lam, z)
        return np.concatenate([-slope, -slope * (z - location) - 1], axis=-1)

    def entropy(self, lam):
        return lam[:, self.latent_dim :].sum(axis=-1) + 2.0 * self.latent_dim

    def moments(self, lam):
        variance = np.exp(2 * lam[:, self.latent_dim :]) * float(np.pi**2 / 3)
        eye = np.eye(self.latent_dim, dtype=lam.dtype)
        return GaussianMoments(lam[:, : self.latent_dim], variance[:, :, None] * eye)

    def kl_standard_normal_and_grad(self, lam):
        """E[z^2] = m^2 + s^2 pi^2 / 3 gives the cross-entropy."""
        location, log_scale = self.split(lam)
        variance = np.exp(2 * log_scale) * float(np.pi**2 / 3)
        cross = 0.5 * np.sum(location**2 + variance + float(np.log(2 * np.pi)), axis=-1)
        return cross - self.entropy(lam), np.concatenate([location, variance - 1], axis=-1)


class FalseLogistic(Logistic):
    def gaussian_moments(self, lam):
        return self.moments(lam)


@pytest.mark.parametrize("seed", range(3))
def test_a_logistic_family_is_no_gaussian(seed):
    check_family(Logistic(1), np.random.default_rng(seed))
    with pytest.raises(AssertionError, match=r"log_prob is not log N\(z; m, C\)"):
        check_family(FalseLogistic(1), np.random.default_rng(seed))


class ByUniforms(DiagonalGaussian):
    """A Gaussian whose noise is uniform: Gauss-Hermite nodes are no noise of it."""

    def noise(self, rng, num_samples, num_data, dtype=np.float64):
        return rng.uniform(size=(num_samples, num_data, self.latent_dim)).astype(dtype)

    def transform(self, lam, eps):
        return super().transform(lam, norm.ppf(np.clip(eps, 1e-6, 1 - 1e-6)).astype(eps.dtype))

    def pullback(self, lam, eps, dz):
        return super().pullback(lam, norm.ppf(eps).astype(eps.dtype), dz)


class WideNoise(DiagonalGaussian):
    """z = m + (s / 2) eps with eps ~ N(0, 4)."""

    def noise(self, rng, num_samples, num_data, dtype=np.float64):
        return 2 * super().noise(rng, num_samples, num_data, dtype)

    def transform(self, lam, eps):
        return super().transform(lam, eps / 2)

    def pullback(self, lam, eps, dz):
        return super().pullback(lam, eps / 2, dz)


@pytest.mark.parametrize(
    ("family", "said"),
    [(ByUniforms, "transform is not linear in eps"), (WideNoise, r"L L\^T is not the covariance")],
)
def test_the_noise_is_part_of_the_promise(family, said):
    with pytest.raises(AssertionError, match=said):
        check_family(family(2), np.random.default_rng(0))
