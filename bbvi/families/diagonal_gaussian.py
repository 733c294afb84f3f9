"""q(z) = N(z; mu, diag(sigma^2)), lam = (mu, log sigma)."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.limits import noise_shape, table_shape
from bbvi.logs import LOG_2PI
from bbvi.protocols import GaussianMoments
from bbvi.types import Array
from bbvi.validation import as_count, check_rows


def cholesky(covariance: Array) -> Array:
    """Lower Cholesky factors L of covariance = L L^T: (..., D, D).

    Raises
    ------
    ValueError
        If a covariance is not square, finite, symmetric and positive definite.
    """
    covariance = np.asarray(covariance)
    if covariance.ndim < 2 or covariance.shape[-1] != covariance.shape[-2]:
        raise ValueError(f"covariance has shape {covariance.shape}; expected (..., D, D).")
    if not np.isfinite(covariance).all():
        raise ValueError("covariance has NaN or infinite values; expected finite numbers.")
    skew = np.abs(covariance - np.swapaxes(covariance, -1, -2)).max()
    # LAPACK reads one triangle only, and would take a Cholesky factor for a covariance.
    rounding = np.finfo(np.result_type(covariance, np.float32)).eps
    if skew > np.sqrt(rounding) * np.abs(covariance).max():
        raise ValueError(
            f"covariance is not symmetric (mirror entries differ by up to {skew:.3g}); expected "
            "a symmetric positive definite matrix. If it is a Cholesky factor L, pass L @ L.T."
        )
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh(covariance).min())
        raise ValueError(
            f"covariance is not positive definite (smallest eigenvalue {smallest:.3g}); "
            "expected a symmetric positive definite matrix for each row."
        ) from None


def factor_moments(mean: Array, covariance: Array, latent_dim: int) -> Array:
    """The Cholesky factor of a covariance, (D, D) or (N, D, D), that goes with a mean (N, D).

    Raises
    ------
    ValueError
        If a shape is another one, the mean is not finite, or `cholesky` refuses.
    """
    shape = np.shape(mean)
    if len(shape) != 2 or shape[1] != latent_dim:
        raise ValueError(f"mean has shape {shape}; expected (N, D) with D = {latent_dim}.")
    if not np.isfinite(mean).all():
        raise ValueError("mean has NaN or infinite values; expected finite numbers.")
    L = cholesky(covariance)
    legal = (2 * (latent_dim,), (shape[0], latent_dim, latent_dim))
    if L.shape not in legal:
        raise ValueError(
            f"covariance has shape {L.shape}; expected {legal[0]}, one for all rows of the mean, "
            f"or {legal[1]}, one for each."
        )
    return L


@dataclass(frozen=True)
class DiagonalGaussian:
    """The factorized Gaussian; lam (N, P = 2 D) holds the mean, then the log standard deviation.

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions"; Permuter Lecture 12, equations 12 and 14;
    the KL is Rios, "Gaussian KL" (Kingma and Welling 2014, appendix B).

    Examples
    --------
    >>> import numpy as np
    >>> q = DiagonalGaussian(2)
    >>> lam = q.init(num_data=3)
    >>> eps = q.noise(np.random.default_rng(0), num_samples=5, num_data=3)
    >>> q.log_prob(lam, q.transform(lam, eps)).shape
    (5, 3)
    """

    latent_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)

    @property
    def num_params(self) -> int:
        """P = 2 D."""
        return 2 * self.latent_dim

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam."""
        d = np.arange(self.latent_dim)
        return {"mean": d, "log-scale": self.latent_dim + d}

    def init(self, num_data: int) -> Array:
        """Start every row at N(0, I): lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def split(self, lam: Array, **points: Array) -> tuple[Array, Array]:
        """Mean (N, D) and log standard deviation (N, D), once all shapes agree."""
        check_rows(self, lam, **points)
        return lam[:, : self.latent_dim], lam[:, self.latent_dim :]

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps ~ N(0, I): (S, N, D)."""
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        return rng.standard_normal(shape, dtype=dtype)

    def transform(self, lam: Array, eps: Array) -> Array:
        """z = mu + sigma * eps: (S, N, D)."""
        mean, log_scale = self.split(lam, eps=eps)
        return mean + anp.exp(log_scale) * eps

    def log_prob(self, lam: Array, z: Array) -> Array:
        """log N(z; mu, diag(sigma^2)): (S, N)."""
        mean, log_scale = self.split(lam, z=z)
        standardized = (z - mean) * anp.exp(-log_scale)
        return -0.5 * anp.sum(standardized**2 + LOG_2PI, axis=-1) - anp.sum(log_scale, axis=-1)

    @property
    def param_factors(self) -> Array:
        """Which latent each parameter belongs to: (P,)."""
        return np.tile(np.arange(self.latent_dim), 2)

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log N(z_d; mu_d, sigma_d^2) of each latent: (S, N, D)."""
        mean, log_scale = self.split(lam, z=z)
        return -0.5 * (((z - mean) * np.exp(-log_scale)) ** 2 + LOG_2PI) - log_scale

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """d log q / dz = -(z - mu) / sigma^2: (S, N, D)."""
        mean, log_scale = self.split(lam, z=z)
        return -(z - mean) * np.exp(-2 * log_scale)

    def score(self, lam: Array, z: Array) -> Array:
        """d log q / d lam = ((z - mu) / sigma^2, ((z - mu) / sigma)^2 - 1): (S, N, P)."""
        mean, log_scale = self.split(lam, z=z)
        standardized = (z - mean) * np.exp(-log_scale)
        return np.concatenate([standardized * np.exp(-log_scale), standardized**2 - 1], axis=-1)

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """(dz, dz * sigma * eps): (S, N, P)."""
        _, log_scale = self.split(lam, eps=eps, dz=dz)
        return np.concatenate([dz, dz * eps * np.exp(log_scale)], axis=-1)

    def entropy(self, lam: Array) -> Array:
        """H = sum_d log sigma_d + (D / 2) (1 + log 2 pi): (N,)."""
        _, log_scale = self.split(lam)
        return anp.sum(log_scale, axis=-1) + 0.5 * self.latent_dim * (1 + LOG_2PI)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam = (0, 1): (N, P)."""
        entropy, grad = self.entropy(lam), np.zeros_like(lam)
        grad[:, self.latent_dim :] = 1
        return entropy, grad

    def kl_standard_normal_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """KL(q || N(0, I)) = sum_d (mu^2 + sigma^2 - 1) / 2 - log sigma, with its gradient."""
        mean, log_scale = self.split(lam)
        variance = np.exp(2 * log_scale)
        kl = 0.5 * np.sum(mean**2 + variance - 1, axis=-1) - np.sum(log_scale, axis=-1)
        return kl, np.concatenate([mean, variance - 1], axis=-1)

    def moments(self, lam: Array) -> GaussianMoments:
        """`gaussian_moments`, under the name that any family may use."""
        return self.gaussian_moments(lam)

    def gaussian_moments(self, lam: Array) -> GaussianMoments:
        """Mean (N, D) and covariance (N, D, D) of this Gaussian."""
        mean, log_scale = self.split(lam)
        return GaussianMoments(
            mean, np.exp(2 * log_scale)[:, :, None] * np.eye(self.latent_dim, dtype=lam.dtype)
        )

    def from_moments(self, mean: Array, covariance: Array) -> Array:
        """The row lam of the KL(q || p) optimum for a Gaussian p = N(mean, covariance).

        The best factorized q has the mean of p and the *precisions* 1 / sigma_d^2 = (C^-1)_dd
        (Bishop 2006, section 10.1.2).  ``covariance`` is (D, D) or (N, D, D).

        Raises
        ------
        ValueError
            If a shape is wrong, the mean is not finite, or a covariance is not symmetric and
            positive definite.
        """
        inverse = np.linalg.inv(factor_moments(mean, covariance, self.latent_dim))
        # C^-1 = L^-T L^-1, so its diagonal holds the squared columns of L^-1.
        log_scale = -0.5 * np.log(np.sum(inverse**2, axis=-2))
        return np.concatenate([mean, np.broadcast_to(log_scale, mean.shape)], axis=-1)
