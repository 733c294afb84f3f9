"""q(z) = product of Bernoullis over z in {0, 1}^D, lam = logits."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np
from scipy.special import expit

from bbvi.limits import noise_shape, table_shape
from bbvi.nets import softplus
from bbvi.types import Array
from bbvi.validation import as_count, check_rows

LARGEST_SUPPORT = 2**16


@dataclass(frozen=True)
class Bernoulli:
    """The factorized Bernoulli; lam (N, P = D) holds logits, z is a float array of 0 and 1.

    z = 1[zeta > 0] with zeta = lam + logit(eps), eps uniform: a hard threshold of a logistic
    variable.  Relaxations replace the threshold by sigmoid(zeta / temperature).

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Maddison, Mnih and Teh (2017), section 3.2; the conditional reparameterization given z is
    Tucker et al. (2017), appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> q = Bernoulli(2)
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
        """P = D."""
        return self.latent_dim

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam."""
        return {"logit": np.arange(self.latent_dim)}

    @property
    def param_factors(self) -> Array:
        """Which latent each parameter belongs to: (P,)."""
        return np.arange(self.latent_dim)

    def init(self, num_data: int) -> Array:
        """Start every row at probability 1/2: lam = 0."""
        return np.zeros(table_shape(num_data, self.num_params))

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps, uniform on the open interval (0, 1): (S, N, D)."""
        shape = noise_shape(num_samples, num_data, self.latent_dim)
        return open_uniform(rng, shape, dtype)

    def transform(self, lam: Array, eps: Array) -> Array:
        """z = 1[eps > 1 - sigmoid(lam)]: (S, N, D)."""
        check_rows(self, lam, eps=eps)
        return (eps > expit(-lam)).astype(lam.dtype)

    def log_prob(self, lam: Array, z: Array) -> Array:
        """sum_d z_d lam_d - softplus(lam_d): (S, N); linear in z, so defined for relaxed z too."""
        check_rows(self, lam, z=z)
        return anp.sum(z * lam, axis=-1) - anp.sum(softplus(lam), axis=-1)

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log q_d(z_d) of each latent: (S, N, D)."""
        check_rows(self, lam, z=z)
        return z * lam - softplus(lam)

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """lam, the slope of that linear extension to relaxed z: (S, N, D)."""
        check_rows(self, lam, z=z)
        return np.broadcast_to(lam, z.shape)

    def score(self, lam: Array, z: Array) -> Array:
        """d log q / d lam = z - sigmoid(lam): (S, N, P)."""
        check_rows(self, lam, z=z)
        return z - expit(lam)

    def entropy(self, lam: Array) -> Array:
        """H = sum_d softplus(lam_d) - lam_d sigmoid(lam_d): (N,)."""
        check_rows(self, lam)
        return anp.sum(softplus(lam) - lam * 0.5 * (1 + anp.tanh(0.5 * lam)), axis=-1)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam = -lam sigmoid(lam) sigmoid(-lam): (N, P)."""
        return self.entropy(lam), -lam * expit(lam) * expit(-lam)

    def support(self) -> Array:
        """All 2^D values of z: (2^D, D), float64.

        Raises
        ------
        ValueError
            If there are more than 65536.
        """
        D = self.latent_dim
        check_support(2**D if D < 64 else 2**64, f"Bernoulli(latent_dim={D})")
        return (np.arange(2**D)[:, None] >> np.arange(D) & 1).astype(np.float64)

    def perturb(self, lam: Array, eps: Array) -> Array:
        """zeta = lam + logit(eps), whose sign decides z: (S, N, P)."""
        check_rows(self, lam, eps=eps)
        return lam + np.log(eps) - np.log1p(-eps)

    def harden(self, zeta: Array) -> Array:
        """z = 1[zeta > 0]: (S, N, D)."""
        return (zeta > 0).astype(zeta.dtype)

    def soften(self, zeta: Array, temperature: float) -> Array:
        """y = sigmoid(zeta / temperature), a relaxed z in (0, 1): (S, N, D)."""
        return expit(zeta / temperature)

    def soften_pullback(self, y: Array, temperature: float, dy: Array) -> Array:
        """dy . dy/dzeta = dy y (1 - y) / temperature: (S, N, P)."""
        return dy * y * (1 - y) / temperature

    def mean_pullback(self, lam: Array, dz: Array) -> Array:
        """dz . d E[z]/dlam = dz sigmoid(lam) sigmoid(-lam): (S, N, P)."""
        check_rows(self, lam, dz=dz)
        return dz * (expit(lam) * expit(-lam))

    def gap_pullback(self, lam: Array, zeta: Array, dzeta: Array) -> Array:
        """dzeta . d(zeta - zeta~)/dlam, zeta~ the same point drawn *given* z: (S, N, P).

        With u = sigmoid(zeta - lam) and v the noise of zeta~ given z, the two move apart by
        sigmoid(-lam) / u where z = 1 and by sigmoid(lam) / (1 - u) where z = 0.
        """
        check_rows(self, lam, zeta=zeta, dzeta=dzeta)
        side = np.where(zeta > 0, 1, -1).astype(zeta.dtype)
        return dzeta * expit(-side * lam) / expit(side * (zeta - lam))

    def gap_pushforward(self, lam: Array, zeta: Array, dlam: Array) -> Array:
        """d(zeta - zeta~)/dlam . dlam, the transpose of `gap_pullback`: (S, N, P)."""
        check_rows(self, lam, zeta=zeta)
        return self.gap_pullback(lam, zeta, dlam)


def open_uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Uniform noise that is never 0 or 1, so that its logarithms are finite."""
    edge = float(np.finfo(dtype).eps) / 2
    return np.clip(rng.random(shape, dtype=dtype), edge, 1 - edge)


def check_support(size: int, name: str) -> None:
    """Raise ValueError when a support is too large to enumerate."""
    if size > LARGEST_SUPPORT:
        raise ValueError(
            f"{name} has {size} or more values; enumeration is for at most {LARGEST_SUPPORT}. "
            "Use fewer latents, or estimate by sampling."
        )
