"""A mixture of Gaussians whose label is the latent variable."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI, log_sum_exp
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_entries, check_inputs, check_pair, check_width

NARROWEST = 1e-3
"""Smallest scale of a component, as a share of the data's: one that sits on a single datapoint
would have an infinite likelihood."""


@dataclass(frozen=True)
class GaussianMixture:
    """z ~ Categorical(softmax(logits)), one-hot of K; x | z = k ~ N(mean_k, diag(scale_k^2)).

    theta = {"logits": (K,), "mean": (K, Dx), "log_scale": (K, Dx)}.  The family
    ``Categorical(1, K)`` contains the posterior.

    Parameters
    ----------
    num_components, observed_dim : int
        K = D, at least 2, and Dx.

    Notes
    -----
    Bishop (2006), section 9.2; Dempster, Laird and Rubin (1977).
    """

    num_components: int
    observed_dim: int

    def __post_init__(self) -> None:
        as_count("num_components", self.num_components, minimum=2)
        as_count("observed_dim", self.observed_dim)

    @property
    def latent_dim(self) -> int:
        """D = K: z is one-hot."""
        return self.num_components

    def init(self, rng: np.random.Generator) -> Theta:
        """Equal weights, means from N(0, I), scales of 1: for standardized data."""
        K, Dx = self.num_components, self.observed_dim
        mean = rng.standard_normal((K, Dx))
        return {"logits": np.zeros(K), "mean": mean, "log_scale": np.zeros((K, Dx))}

    def log_joint_each(self, theta: Theta, x: Array) -> Array:
        """log p(x, z = k) = log softmax(logits)_k + log N(x; mean_k, diag(scale_k^2)): (N, K)."""
        highest = anp.max(theta["logits"])
        log_normalizer = highest + anp.log(anp.sum(anp.exp(theta["logits"] - highest)))
        standardized = (x[:, None, :] - theta["mean"]) * anp.exp(-theta["log_scale"])
        log_likelihood = -0.5 * anp.sum(standardized**2 + LOG_2PI, axis=-1)
        log_likelihood = log_likelihood - anp.sum(theta["log_scale"], axis=-1)
        return theta["logits"] - log_normalizer + log_likelihood

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """sum_k z_k log p(x, z = k): (S, N), nats; linear in z, so defined for relaxed z too."""
        K, Dx = self.num_components, self.observed_dim
        check_pair(self, x, z, Dx, theta, logits=(K,), mean=(K, Dx), log_scale=(K, Dx))
        return anp.sum(z * self.log_joint_each(theta, x), axis=-1)

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling: x (num, Dx), z (num, K)."""
        weights = np.exp(theta["logits"].astype(np.float64) - theta["logits"].max())
        k = rng.choice(self.num_components, size=num, p=weights / weights.sum())
        dtype = theta["mean"].dtype
        noise = rng.standard_normal((num, self.observed_dim)).astype(dtype)
        z = np.eye(self.num_components, dtype=dtype)[k]
        return theta["mean"][k] + np.exp(theta["log_scale"][k]) * noise, z

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x) = log sum_k p(x, z = k): (N,), nats, exact."""
        each = self.log_joint_each(theta, check_inputs(self, theta, x))
        return log_sum_exp(each, axis=-1)

    def coordinate_update(self, family: Any, theta: Theta, x: Array, lam: Array) -> Array:
        """log p(x, z = k) as logits: the exact posterior, whatever lam was."""
        return self.log_joint_each(theta, x)

    def maximize(self, family: Any, theta: Theta, x: Array, lam: Array) -> Theta:
        """argmax of sum_n E_q[log p(x_n, z)]: weighted shares, means and scales.

        A component whose share is zero keeps its mean and scale.
        """
        r = family.probabilities(lam)
        total = r.sum(axis=0)
        safe = np.maximum(total, np.finfo(x.dtype).tiny)[:, None]
        mean = np.where(total[:, None] > 0, r.T @ x / safe, theta["mean"])
        variance = np.einsum("nk,nkj->kj", r, (x[:, None, :] - mean) ** 2) / safe
        variance = np.maximum(variance, NARROWEST**2 * x.var(axis=0))
        log_scale = np.where(total[:, None] > 0, 0.5 * np.log(variance), theta["log_scale"])
        logits = np.log(np.maximum(total / len(x), np.finfo(x.dtype).tiny))
        parts = {"logits": logits, "mean": mean, "log_scale": log_scale}
        return {key: value.astype(x.dtype) for key, value in parts.items()}

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x is not Dx wide."""
        check_width("x", x, self.observed_dim, "observed_dim")

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)
