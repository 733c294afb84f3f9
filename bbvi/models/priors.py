"""Priors p(z) (floor 2)."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.types import Array, Theta
from bbvi.validation import as_count

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class StandardNormal:
    """p(z) = N(z; 0, I), without parameters (Permuter Lecture 12, equation 11).

    Parameters
    ----------
    latent_dim : int
        D.
    """

    latent_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters."""
        return {}

    def log_prob(self, params: Theta, z: Array) -> Array:
        """log N(z; 0, I): z (..., D) -> (...)."""
        return -0.5 * anp.sum(z**2 + LOG_2PI, axis=-1)

    def sample(self, rng: np.random.Generator, params: Theta, num: int) -> Array:
        """Draw z (num, D)."""
        return rng.standard_normal((num, self.latent_dim))
