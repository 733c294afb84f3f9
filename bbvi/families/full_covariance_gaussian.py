"""q(z) = N(z; mu, L L^T), lam = (mu, packed lower triangle of L with log-diagonal)."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.families.diagonal_gaussian import factor_moments
from bbvi.limits import noise_shape, table_shape
from bbvi.logs import LOG_2PI
from bbvi.protocols import GaussianMoments
from bbvi.types import Array
from bbvi.validation import as_count, check_rows, check_width


@dataclass(frozen=True)
class FullCovarianceGaussian:
    """The Gaussian with full covariance L L^T; lam is (N, P = D + D (D + 1) / 2).

    After the mean, lam packs the lower triangle of the Cholesky factor L row by row
    (L_11, L_21, L_22, L_31, ...), with log L_dd in place of the diagonal, so that every real lam
    is a valid covariance.

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": z = mu + L eps.

    Examples
    --------
    >>> import numpy as np
    >>> q = FullCovarianceGaussian(2)
    >>> q.init(num_data=1).shape
    (1, 5)
    >>> float(q.entropy(q.init(1))[0].round(4))
    2.8379
    """

    latent_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)

    @property
    def num_params(self) -> int:
        """P = D + D (D + 1) / 2."""
        return self.latent_dim + self.latent_dim * (self.latent_dim + 1) // 2

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam: the mean, the log-diagonal of L, and what is below it."""
        below = np.setdiff1d(np.arange(self.latent_dim, self.num_params), self._diagonal)
        blocks = {"mean": np.arange(self.latent_dim), "log-scale": self._diagonal}
        return {**blocks, "off-diagonal": below} if len(below) else blocks

    @property
    def _diagonal(self) -> Array:
        """Columns of lam that hold log L_dd."""
        d = np.arange(self.latent_dim)
        return self.latent_dim + d * (d + 3) // 2

    def init(self, num_data: int) -> Array:
        """Start every row at N(0, I): lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def factor(self, lam: Array) -> tuple[Array, Array]:
        """Mean (N, D) and Cholesky factor L (N, D, D)."""
        check_rows(self, lam)
        D = self.latent_dim
        rows = []
        for d in range(D):
            start = D + d * (d + 1) // 2
            row = [lam[:, start : start + d], anp.exp(lam[:, start + d : start + d + 1])]
            row.append(np.zeros((lam.shape[0], D - d - 1), dtype=lam.dtype))
            rows.append(anp.concatenate(row, axis=1))
        return lam[:, :D], anp.stack(rows, axis=1)

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps ~ N(0, I): (S, N, D)."""
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        return rng.standard_normal(shape, dtype=dtype)

    def transform(self, lam: Array, eps: Array) -> Array:
        """z = mu + L eps: (S, N, D)."""
        check_rows(self, lam, eps=eps)
        mean, L = self.factor(lam)
        return mean + anp.einsum("nij,snj->sni", L, eps)

    def _whiten(self, lam: Array, z: Array) -> Array:
        """w = L^-1 (z - mu), by forward substitution over the D rows: (S, N, D)."""
        mean, L = self.factor(lam)
        columns: list[Array] = []
        for d in range(self.latent_dim):
            rest = z[..., d] - mean[:, d]
            for k in range(d):
                rest = rest - L[:, d, k] * columns[k]
            columns.append(rest / L[:, d, d])
        return anp.stack(columns, axis=-1)

    def _unwhiten_transposed(self, L: Array, w: Array) -> Array:
        """v = L^-T w, by back substitution: (S, N, D)."""
        v = np.array(w)
        for d in reversed(range(self.latent_dim)):
            v[..., d] /= L[:, d, d]
            v[..., :d] -= v[..., d : d + 1] * L[:, d, :d]
        return v

    def _pack(self, mean: Array, outer: Array) -> Array:
        """Join a mean (S, N, D) and the lower triangle of a matrix (S, N, D, D) as lam does."""
        rows, columns = np.tril_indices(self.latent_dim)
        return np.concatenate([mean, outer[..., rows, columns]], axis=-1)

    def log_prob(self, lam: Array, z: Array) -> Array:
        """log N(z; mu, L L^T) = -|w|^2 / 2 - sum_d log L_dd - (D / 2) log 2 pi: (S, N)."""
        check_rows(self, lam, z=z)
        return self._log_prob(lam, z)

    def log_prob_pairs(self, lam: Array, points: Array) -> Array:
        """log q_k of every point under every row of lam: points (M, D) -> (M, K)."""
        check_rows(self, lam)
        check_width("points", points, self.latent_dim, "D")
        return self._log_prob(lam, points[:, None, :])

    def _log_prob(self, lam: Array, z: Array) -> Array:
        w = self._whiten(lam, z)
        log_det = anp.sum(lam[:, self._diagonal], axis=-1)
        return -0.5 * anp.sum(w**2 + LOG_2PI, axis=-1) - log_det

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """d log q / dz = -L^-T w: (S, N, D)."""
        check_rows(self, lam, z=z)
        return -self._unwhiten_transposed(self.factor(lam)[1], self._whiten(lam, z))

    def score(self, lam: Array, z: Array) -> Array:
        """d log q / d mu = v and d log q / d L_ij = v_i w_j - [i = j] / L_ii, v = L^-T w.

        The chain rule through log L_ii multiplies the diagonal by L_ii: v_i w_i L_ii - 1.
        """
        check_rows(self, lam, z=z)
        L = self.factor(lam)[1]
        w = self._whiten(lam, z)
        v = self._unwhiten_transposed(L, w)
        score = self._pack(v, v[..., :, None] * w[..., None, :])
        score[..., self._diagonal] *= np.exp(lam[:, self._diagonal])
        score[..., self._diagonal] -= 1
        return score

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """(dz, dz_i eps_j), the diagonal times L_ii for the log: (S, N, P)."""
        check_rows(self, lam, eps=eps, dz=dz)
        pulled = self._pack(dz, dz[..., :, None] * eps[..., None, :])
        pulled[..., self._diagonal] *= np.exp(lam[:, self._diagonal])
        return pulled

    def entropy(self, lam: Array) -> Array:
        """H = sum_d log L_dd + (D / 2) (1 + log 2 pi): (N,)."""
        check_rows(self, lam)
        return anp.sum(lam[:, self._diagonal], axis=-1) + 0.5 * self.latent_dim * (1 + LOG_2PI)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam, 1 on the log-diagonal: (N, P)."""
        entropy, grad = self.entropy(lam), np.zeros_like(lam)
        grad[:, self._diagonal] = 1
        return entropy, grad

    def kl_standard_normal_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """KL(q || N(0, I)) = (|mu|^2 + |L|_F^2 - D) / 2 - sum_d log L_dd, with its gradient."""
        mean, L = self.factor(lam)
        log_diagonal = lam[:, self._diagonal]
        squares = np.sum(mean**2, axis=-1) + np.sum(L**2, axis=(-2, -1))
        kl = 0.5 * (squares - self.latent_dim) - np.sum(log_diagonal, axis=-1)
        grad = self._pack(mean, L)
        grad[:, self._diagonal] = np.exp(2 * log_diagonal) - 1
        return kl, grad

    def moments(self, lam: Array) -> GaussianMoments:
        """`gaussian_moments`, under the name that any family may use."""
        return self.gaussian_moments(lam)

    def gaussian_moments(self, lam: Array) -> GaussianMoments:
        """Mean (N, D) and covariance L L^T (N, D, D)."""
        mean, L = self.factor(lam)
        return GaussianMoments(mean, L @ np.swapaxes(L, -1, -2))

    def from_moments(self, mean: Array, covariance: Array) -> Array:
        """The row lam with this mean (N, D) and covariance, (D, D) or (N, D, D).

        Raises
        ------
        ValueError
            If a shape is wrong, the mean is not finite, or a covariance is not symmetric and
            positive definite.
        """
        L = factor_moments(mean, covariance, self.latent_dim)
        L = np.broadcast_to(L, (*mean.shape, self.latent_dim))
        lam = self._pack(mean, L)
        lam[..., self._diagonal] = np.log(lam[..., self._diagonal])
        return lam
