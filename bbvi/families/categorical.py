"""q(z) = product of categoricals over one-hot z, lam = logits."""

import itertools
from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.families.bernoulli import check_support, open_uniform
from bbvi.limits import noise_shape, table_shape
from bbvi.types import Array
from bbvi.validation import as_count, check_rows


@dataclass(frozen=True)
class Categorical:
    """V independent categoricals of K categories, each one-hot and flattened: D = V K.

    lam (N, P = V K) holds unnormalized logits; adding a constant to the K logits of one variable
    changes nothing.  z is the one-hot argmax of zeta = lam + eps with Gumbel noise eps;
    relaxations replace the argmax by softmax(zeta / temperature).

    Parameters
    ----------
    num_variables, num_categories : int
        V and K.

    Raises
    ------
    ValueError
        If there are fewer than two categories.

    Notes
    -----
    Maddison, Mnih and Teh (2017) and Jang, Gu and Poole (2017); the conditional
    reparameterization given z is Tucker et al. (2017), appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> q = Categorical(num_variables=2, num_categories=3)
    >>> eps = q.noise(np.random.default_rng(0), num_samples=1, num_data=1)
    >>> q.transform(q.init(1), eps).sum()
    np.float64(2.0)
    """

    num_variables: int
    num_categories: int

    def __post_init__(self) -> None:
        as_count("num_variables", self.num_variables)
        as_count("num_categories", self.num_categories, minimum=2)

    @property
    def latent_dim(self) -> int:
        """D = V K."""
        return self.num_variables * self.num_categories

    @property
    def num_params(self) -> int:
        """P = V K."""
        return self.latent_dim

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam."""
        return {"logit": np.arange(self.latent_dim)}

    @property
    def param_factors(self) -> Array:
        """Which variable each parameter belongs to: (P,)."""
        return np.repeat(np.arange(self.num_variables), self.num_categories)

    def init(self, num_data: int) -> Array:
        """Start every row at equal probabilities: lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps = -log(-log u), standard Gumbel: (S, N, D)."""
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        u = open_uniform(rng, shape, dtype)
        return -np.log(-np.log(u))

    def transform(self, lam: Array, eps: Array) -> Array:
        """One-hot argmax of lam + eps: (S, N, D)."""
        return self.harden(self.perturb(lam, eps))

    def log_prob(self, lam: Array, z: Array) -> Array:
        """sum_v z_v . lam_v - logsumexp(lam_v): (S, N); linear in z, so defined for relaxed z."""
        check_rows(self, lam, z=z)
        return anp.sum(z * lam, axis=-1) - anp.sum(self._log_normalizer(lam), axis=-1)

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log q_v(z_v) of each variable: (S, N, V)."""
        check_rows(self, lam, z=z)
        return np.sum(self._split(z * lam), axis=-1) - self._log_normalizer(lam)

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """lam, the slope of that linear extension to relaxed z: (S, N, D)."""
        check_rows(self, lam, z=z)
        return np.broadcast_to(lam, z.shape)

    def score(self, lam: Array, z: Array) -> Array:
        """d log q / d lam = z - softmax(lam): (S, N, P)."""
        check_rows(self, lam, z=z)
        return z - self.probabilities(lam)

    def probabilities(self, lam: Array) -> Array:
        """softmax over the K categories of each variable: (N, P)."""
        log_prob = self._split(lam) - self._log_normalizer(lam)[..., None]
        return anp.reshape(anp.exp(log_prob), lam.shape)

    def entropy(self, lam: Array) -> Array:
        """H = sum_v logsumexp(lam_v) - softmax(lam_v) . lam_v: (N,)."""
        check_rows(self, lam)
        return anp.sum(self._log_normalizer(lam), axis=-1) - anp.sum(
            self.probabilities(lam) * lam, axis=-1
        )

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam = -softmax(lam) (lam - softmax(lam) . lam): (N, P)."""
        return self.entropy(lam), -self._softmax_pullback(self.probabilities(lam), lam)

    def support(self) -> Array:
        """All K^V values of z: (K^V, D), float64.

        Raises
        ------
        ValueError
            If there are more than 65536.
        """
        V, K = self.num_variables, self.num_categories
        check_support(K**V, f"Categorical(num_variables={V}, num_categories={K})")
        rows = itertools.product(np.eye(K), repeat=V)
        return np.array([np.concatenate(row) for row in rows])

    def perturb(self, lam: Array, eps: Array) -> Array:
        """zeta = lam + eps, whose argmax decides z: (S, N, P)."""
        check_rows(self, lam, eps=eps)
        return lam + eps

    def harden(self, zeta: Array) -> Array:
        """One-hot argmax of each variable: (S, N, D)."""
        grouped = self._split(zeta)
        winners = grouped == grouped.max(axis=-1, keepdims=True)
        return winners.reshape(zeta.shape).astype(zeta.dtype)

    def soften(self, zeta: Array, temperature: float) -> Array:
        """y = softmax(zeta / temperature), a relaxed one-hot: (S, N, D)."""
        return self.probabilities(zeta / temperature)

    def soften_pullback(self, y: Array, temperature: float, dy: Array) -> Array:
        """dy . dy/dzeta = y (dy - y . dy) / temperature: (S, N, P)."""
        return self._softmax_pullback(y, dy) / temperature

    def mean_pullback(self, lam: Array, dz: Array) -> Array:
        """dz . d E[z]/dlam = p (dz - p . dz), p = softmax(lam): (S, N, P)."""
        check_rows(self, lam, dz=dz)
        return self._softmax_pullback(self.probabilities(lam), dz)

    def gap_pullback(self, lam: Array, zeta: Array, dzeta: Array) -> Array:
        """dzeta . d(zeta - zeta~)/dlam, zeta~ the same point drawn *given* z: (S, N, P).

        Given the winner k, d zeta~_k = p . dlam, and with r_j = exp(zeta_j - zeta_k) the others
        move by d zeta~_j = (1 - r_j) dlam_j + r_j p . dlam; zeta itself moves by dlam.
        """
        check_rows(self, lam, zeta=zeta, dzeta=dzeta)
        r = self._ratio_to_winner(zeta)
        pulled = r * dzeta
        total = np.repeat(self._split(pulled).sum(axis=-1), self.num_categories, axis=-1)
        return pulled - self.probabilities(lam) * total

    def gap_pushforward(self, lam: Array, zeta: Array, dlam: Array) -> Array:
        """d(zeta - zeta~)/dlam . dlam = r (dlam - p . dlam), the transpose of `gap_pullback`."""
        check_rows(self, lam, zeta=zeta)
        mean = self._split(self.probabilities(lam) * dlam).sum(axis=-1)
        return self._ratio_to_winner(zeta) * (dlam - np.repeat(mean, self.num_categories, axis=-1))

    def _split(self, values: Array) -> Array:
        return anp.reshape(values, (*values.shape[:-1], self.num_variables, self.num_categories))

    def _log_normalizer(self, lam: Array) -> Array:
        grouped = self._split(lam)
        highest = anp.max(grouped, axis=-1)
        return highest + anp.log(anp.sum(anp.exp(grouped - highest[..., None]), axis=-1))

    def _softmax_pullback(self, p: Array, dp: Array) -> Array:
        mean = np.repeat(self._split(p * dp).sum(axis=-1), self.num_categories, axis=-1)
        return p * (dp - mean)

    def _ratio_to_winner(self, zeta: Array) -> Array:
        grouped = self._split(zeta)
        return np.exp(grouped - grouped.max(axis=-1, keepdims=True)).reshape(zeta.shape)
