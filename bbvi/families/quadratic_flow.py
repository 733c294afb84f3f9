"""An inverse-autoregressive flow with quadratic shifts and constant scales."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.limits import noise_shape, table_shape
from bbvi.logs import LOG_2PI
from bbvi.types import Array
from bbvi.validation import as_count, check_rows


@dataclass(frozen=True)
class QuadraticFlow:
    """z_i = mu_i + sigma_i eps_i + sum_{j<i} a_ij eps_j + sum_{j<=k<i} b_ijk eps_j eps_k.

    Each z_i is shifted by a quadratic function of the noise before it: curved, skewed posteriors,
    with every full-covariance Gaussian among them (b = 0).  lam (N, P) holds mu (D), log sigma
    (D), then for each i its a and b.

    The Jacobian dz/deps is triangular with sigma on its diagonal, so three things stay exact that
    a flow usually has to give up: the entropy sum_i log sigma_i + const, and log q at *any* z,
    by inverting one coordinate after another.  Scales that depend on eps (the general
    inverse-autoregressive flow) would leave the entropy to sampling, and a planar flow has no
    closed-form inverse at all.

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow", with
    quadratic shifts; volume preserving up to constants, as Dinh et al. (2015).

    Examples
    --------
    >>> import numpy as np
    >>> q = QuadraticFlow(2)
    >>> lam = np.array([[0.0, 0.0, 0.0, 0.0, 0.5, 1.0]])
    >>> q.transform(lam, np.array([[[2.0, 0.0]]])).tolist()
    [[[2.0, 5.0]]]
    """

    latent_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)

    @property
    def num_params(self) -> int:
        """P = 2 D + sum_i (i + i (i + 1) / 2) over i = 0, ..., D - 1."""
        D = self.latent_dim
        return 2 * D + D * (D - 1) // 2 + (D - 1) * D * (D + 1) // 6

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam."""
        d = np.arange(self.latent_dim)
        shift = np.arange(2 * self.latent_dim, self.num_params)
        return {"mean": d, "log-scale": self.latent_dim + d, "shift": shift}

    def _slice(self, i: int) -> slice:
        """The columns of lam with a_i and b_i."""
        counts = [j + j * (j + 1) // 2 for j in range(i + 1)]
        start = 2 * self.latent_dim + sum(counts[:i])
        return slice(start, start + counts[i])

    def init(self, num_data: int) -> Array:
        """Start every row at N(0, I): lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def split(self, lam: Array, **points: Array) -> tuple[Array, Array]:
        """mu (N, D) and log sigma (N, D), once all shapes agree."""
        check_rows(self, lam, **points)
        return lam[:, : self.latent_dim], lam[:, self.latent_dim : 2 * self.latent_dim]

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps ~ N(0, I): (S, N, D)."""
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        return rng.standard_normal(shape, dtype=dtype)

    def _shift(self, lam: Array, eps: list[Array], i: int) -> Array:
        """sum_j a_ij eps_j + sum_{j<=k} b_ijk eps_j eps_k from eps_0, ..., eps_{i-1}: (S, N)."""
        weights = lam[:, self._slice(i)]
        return sum(weights[:, c] * term for c, term in enumerate(_terms(eps[:i])))  # type: ignore[return-value]

    def transform(self, lam: Array, eps: Array) -> Array:
        """z(lam, eps): (S, N, D)."""
        mean, log_scale = self.split(lam, eps=eps)
        before = [eps[..., i] for i in range(self.latent_dim)]
        shifts = [self._shift(lam, before, i) for i in range(1, self.latent_dim)]
        moved = anp.stack([anp.zeros_like(before[0]), *shifts], axis=-1)
        return mean + anp.exp(log_scale) * eps + moved

    def invert(self, lam: Array, z: Array) -> Array:
        """eps(lam, z), the noise behind z, one coordinate after another: (S, N, D)."""
        mean, log_scale = self.split(lam, z=z)
        eps: list[Array] = []
        for i in range(self.latent_dim):
            rest = z[..., i] - mean[:, i] - self._shift(lam, eps, i)
            eps.append(rest * anp.exp(-log_scale[:, i]))
        return anp.stack(eps, axis=-1)

    def log_prob(self, lam: Array, z: Array) -> Array:
        """log N(eps(z); 0, I) - sum_i log sigma_i: (S, N)."""
        eps = self.invert(lam, z)
        return -0.5 * anp.sum(eps**2 + LOG_2PI, axis=-1) - anp.sum(self.split(lam, z=z)[1], axis=-1)

    def _unwhiten_transposed(self, lam: Array, eps: Array) -> Array:
        """v = J^-T eps with J = dz/deps, by back substitution: (S, N, D)."""
        _, log_scale = self.split(lam)
        v = np.array(eps)
        for i in reversed(range(self.latent_dim)):
            v[..., i] *= np.exp(-log_scale[:, i])
            weights = lam[:, self._slice(i)]
            for j in range(i):
                slopes = _slopes([eps[..., k] for k in range(i)], j)
                J = sum(weights[:, c] * slope for c, slope in slopes.items())
                v[..., j] -= v[..., i] * J
        return v

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """d log q / dz = -J^-T eps: (S, N, D)."""
        return -self._unwhiten_transposed(lam, self.invert(lam, z))

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """z is linear in all of lam but log sigma: dz_i times (1, sigma_i eps_i, terms)."""
        _, log_scale = self.split(lam, eps=eps, dz=dz)
        columns = [dz, dz * eps * np.exp(log_scale)]
        for i in range(1, self.latent_dim):
            terms = np.stack(_terms([eps[..., j] for j in range(i)]), axis=-1)
            columns.append(dz[..., i, None] * terms)
        return np.concatenate(columns, axis=-1)

    def score(self, lam: Array, z: Array) -> Array:
        """J^-T eps . dz/dlam, because at fixed z the noise moves; minus 1 for log sigma."""
        eps = self.invert(lam, z)
        score = self.pullback(lam, eps, self._unwhiten_transposed(lam, eps))
        score[..., self.latent_dim : 2 * self.latent_dim] -= 1
        return score

    def entropy(self, lam: Array) -> Array:
        """H = sum_i log sigma_i + (D / 2) (1 + log 2 pi), whatever the shifts: (N,)."""
        return anp.sum(self.split(lam)[1], axis=-1) + 0.5 * self.latent_dim * (1 + LOG_2PI)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam, 1 on log sigma: (N, P)."""
        entropy, grad = self.entropy(lam), np.zeros_like(lam)
        grad[:, self.latent_dim : 2 * self.latent_dim] = 1
        return entropy, grad


def _terms(eps: list[Array]) -> list[Array]:
    """eps_j, then eps_j eps_k for j <= k."""
    products = [eps[j] * eps[k] for k in range(len(eps)) for j in range(k + 1)]
    return [*eps, *products]


def _slopes(eps: list[Array], j: int) -> dict[int, Array]:
    """The derivatives in eps_j of those of `_terms` that contain it, by their place."""
    slopes = {j: np.ones_like(eps[j])}
    for k in range(len(eps)):
        place = len(eps) + k * (k + 1) // 2
        if k == j:
            slopes |= {place + i: eps[i] for i in range(j)} | {place + j: 2 * eps[j]}
        elif k > j:
            slopes[place + j] = eps[k]
    return slopes
