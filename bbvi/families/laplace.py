"""q(z) = product of Laplace densities, lam = (location, log scale)."""

import math
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.limits import noise_shape, table_shape
from bbvi.logs import LOG_2PI
from bbvi.protocols import GaussianMoments
from bbvi.types import Array
from bbvi.validation import as_count, check_rows

LOG_2 = math.log(2)


@dataclass(frozen=True)
class Laplace:
    """The factorized Laplace; lam (N, P = 2 D) holds the locations m, then the log scales log b.

    q(z) = exp(-|z - m| / b) / (2 b) for each latent.  Its tails are heavier than a Gaussian's, so
    that importance weights are smaller in the tails; its covariance is 2 b^2.

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Reparameterized by z = m + b eps, eps by inversion of its distribution (Devroye 1986, section
    II.2); Mohamed, Rosca, Figurnov and Mnih (2020), table 1.

    Examples
    --------
    >>> import numpy as np
    >>> q = Laplace(1)
    >>> lam = np.array([[1.0, 0.0]])
    >>> float(q.log_prob(lam, np.array([[[1.0]]]))[0, 0].round(4))
    -0.6931
    >>> q.moments(lam).covariance.tolist()
    [[[2.0]]]
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
        return {"location": d, "log-scale": self.latent_dim + d}

    @property
    def param_factors(self) -> Array:
        """Which latent each parameter belongs to: (P,)."""
        return np.tile(np.arange(self.latent_dim), 2)

    def init(self, num_data: int) -> Array:
        """Start every row at location 0 and scale 1: lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def split(self, lam: Array, **points: Array) -> tuple[Array, Array]:
        """Locations (N, D) and log scales (N, D), once all shapes agree."""
        check_rows(self, lam, **points)
        return lam[:, : self.latent_dim], lam[:, self.latent_dim :]

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps = -sign(v) log(1 - 2 |v|), v = u - 1/2, u uniform: (S, N, D).

        One u for each number, so that mirrored and quasi-Monte Carlo u serve too.
        """
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        v = rng.random(shape, dtype=dtype) - np.asarray(0.5, dtype)
        # u = 0 would be infinite; half of the least step of u is its own mean.
        edge = 0.5 * np.finfo(v.dtype).eps
        return -np.sign(v) * np.log(np.maximum(1 - 2 * np.abs(v), edge)).astype(dtype)

    def transform(self, lam: Array, eps: Array) -> Array:
        """z = m + b eps: (S, N, D)."""
        location, log_scale = self.split(lam, eps=eps)
        return location + anp.exp(log_scale) * eps

    def log_prob(self, lam: Array, z: Array) -> Array:
        """sum_d -|z - m| / b - log b - log 2: (S, N)."""
        return anp.sum(self.log_prob_factors(lam, z), axis=-1)

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log q_d(z_d) of each latent: (S, N, D)."""
        location, log_scale = self.split(lam, z=z)
        return -anp.abs(z - location) * anp.exp(-log_scale) - log_scale - LOG_2

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """d log q / dz = -sign(z - m) / b: (S, N, D)."""
        location, log_scale = self.split(lam, z=z)
        return -np.sign(z - location) * np.exp(-log_scale)

    def score(self, lam: Array, z: Array) -> Array:
        """d log q / d lam = (sign(z - m) / b, |z - m| / b - 1): (S, N, P)."""
        location, log_scale = self.split(lam, z=z)
        standardized = (z - location) * np.exp(-log_scale)
        slope = np.sign(standardized) * np.exp(-log_scale)
        return np.concatenate([slope, np.abs(standardized) - 1], axis=-1)

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """(dz, dz b eps): (S, N, P)."""
        _, log_scale = self.split(lam, eps=eps, dz=dz)
        return np.concatenate([dz, dz * eps * np.exp(log_scale)], axis=-1)

    def entropy(self, lam: Array) -> Array:
        """H = sum_d log b_d + D (1 + log 2): (N,)."""
        _, log_scale = self.split(lam)
        return anp.sum(log_scale, axis=-1) + self.latent_dim * (1 + LOG_2)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam = (0, 1): (N, P)."""
        entropy, grad = self.entropy(lam), np.zeros_like(lam)
        grad[:, self.latent_dim :] = 1
        return entropy, grad

    def kl_standard_normal_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """KL(q || N(0, I)) = sum_d (m^2 + 2 b^2 + log 2 pi) / 2 - log b - log 2 - 1, with gradient.

        E_q[z^2] = m^2 + 2 b^2 gives the cross-entropy, whatever the shape of q.
        """
        location, log_scale = self.split(lam)
        variance = 2 * np.exp(2 * log_scale)
        constant = 0.5 * LOG_2PI - LOG_2 - 1
        kl = np.sum(0.5 * (location**2 + variance) - log_scale + constant, axis=-1)
        return kl, np.concatenate([location, variance - 1], axis=-1)

    def moments(self, lam: Array) -> GaussianMoments:
        """Mean m (N, D) and covariance, 2 b^2 on the diagonal: (N, D, D)."""
        location, log_scale = self.split(lam)
        variance = 2 * np.exp(2 * log_scale)
        return GaussianMoments(
            location, variance[:, :, None] * np.eye(self.latent_dim, dtype=lam.dtype)
        )
