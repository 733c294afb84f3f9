"""x = W z + b + sigma * noise: the model whose every answer is known exactly.

The answers raise TypeError or ValueError if x is not a finite float array (N, Dx) of theta's dtype,
or theta is not finite or not of the model.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.conjugate import gaussian_sweep
from bbvi.types import Array, Theta
from bbvi.validation import (
    as_count,
    as_float_array,
    check_entries,
    check_inputs,
    check_pair,
    check_width,
)


class GaussianPosterior(NamedTuple):
    """p(z | x) = N(mean_n, covariance): mean (N, D); covariance (D, D), shared by all rows."""

    mean: Array
    covariance: Array


@dataclass(frozen=True)
class LinearGaussian:
    """Probabilistic PCA: z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I).

    theta = {"W": (Dx, D), "b": (Dx,), "log_sigma": ()}.

    Parameters
    ----------
    latent_dim, observed_dim : int
        D and Dx.

    Notes
    -----
    Tipping and Bishop (1999), "Probabilistic principal component analysis": equations 4
    (evidence), 6 (posterior) and 7-8 (maximum likelihood).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> x = load_iris().data
    >>> model = LinearGaussian(latent_dim=2, observed_dim=4)
    >>> float(model.log_evidence(model.fit_ml(x), x).mean().round(6))
    -2.699752
    """

    latent_dim: int
    observed_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)
        as_count("observed_dim", self.observed_dim)

    @property
    def standard_normal_prior(self) -> bool:
        """True: p(z) = N(0, I), so that a closed-form KL applies."""
        return True

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw W ~ N(0, 1 / D); b = 0, sigma = 1."""
        scale = self.latent_dim**-0.5
        return {
            "W": scale * rng.standard_normal((self.observed_dim, self.latent_dim)),
            "b": np.zeros(self.observed_dim),
            "log_sigma": np.zeros(()),
        }

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log N(z; 0, I) + log N(x; W z + b, sigma^2 I): (S, N), nats."""
        Dx = self.observed_dim
        check_pair(self, x, z, Dx, theta, W=(Dx, self.latent_dim), b=(Dx,), log_sigma=())
        log_prior = -0.5 * anp.sum(z**2 + LOG_2PI, axis=-1)
        mean = anp.dot(z, theta["W"].T) + theta["b"]
        standardized = (x - mean) * anp.exp(-theta["log_sigma"])
        log_likelihood = -0.5 * anp.sum(standardized**2 + LOG_2PI, axis=-1)
        return log_prior + log_likelihood - self.observed_dim * theta["log_sigma"]

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling in theta's dtype: x (num, Dx), z (num, D)."""
        dtype = theta["W"].dtype
        z = rng.standard_normal((num, self.latent_dim)).astype(dtype, copy=False)
        noise = rng.standard_normal((num, self.observed_dim)).astype(dtype, copy=False)
        return z @ theta["W"].T + theta["b"] + np.exp(theta["log_sigma"]) * noise, z

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x) = log N(x; b, W W^T + sigma^2 I): (N,), nats, exact."""
        x = check_inputs(self, theta, x)
        W, variance = theta["W"], np.exp(2 * theta["log_sigma"])
        L = np.linalg.cholesky(W @ W.T + variance * np.eye(self.observed_dim, dtype=W.dtype))
        w = np.linalg.solve(L, (x - theta["b"]).T)
        log_det = 2 * np.log(np.diagonal(L)).sum()
        return -0.5 * ((w**2).sum(axis=0) + log_det + self.observed_dim * LOG_2PI)

    def posterior(self, theta: Theta, x: Array) -> GaussianPosterior:
        """p(z | x) = N(M^-1 W^T (x - b), sigma^2 M^-1), M = W^T W + sigma^2 I, exact.

        ``family.from_moments(*posterior)`` turns it into variational parameters.
        """
        x = check_inputs(self, theta, x)
        W, variance = theta["W"], np.exp(2 * theta["log_sigma"])
        M = W.T @ W + variance * np.eye(self.latent_dim, dtype=W.dtype)
        mean = np.linalg.solve(M, W.T @ (x - theta["b"]).T).T
        return GaussianPosterior(mean, variance * np.linalg.inv(M))

    def fit_ml(self, x: Array) -> Theta:
        """The maximum-likelihood theta in closed form, from the eigenvalues of the covariance.

        sigma^2 = mean of the Dx - D smallest eigenvalues; W = U_D (Lambda_D - sigma^2 I)^(1/2).

        Raises
        ------
        TypeError, ValueError
            If x is not a finite float array (N, Dx), if D >= Dx, or if the data lie in D
            dimensions, so that sigma would be 0.
        """
        x = as_float_array("x", x, ndim=2)
        self.check_data(x)
        if self.latent_dim >= self.observed_dim:
            raise ValueError(
                f"latent_dim is {self.latent_dim} and observed_dim {self.observed_dim}; maximum "
                "likelihood needs latent_dim < observed_dim, or no direction is left for the noise."
            )
        b = x.mean(axis=0)
        eigenvalues, U = np.linalg.eigh((x - b).T @ (x - b) / len(x))
        eigenvalues, U = eigenvalues[::-1], U[:, ::-1]
        variance = eigenvalues[self.latent_dim :].mean()
        if variance <= np.finfo(x.dtype).eps * eigenvalues[0]:
            raise ValueError(
                f"x ({len(x)} rows) lies in {self.latent_dim} or fewer dimensions, so the noise "
                "variance would be 0; use a smaller latent_dim or more rows."
            )
        scales = np.sqrt(eigenvalues[: self.latent_dim] - variance)
        return {"W": U[:, : self.latent_dim] * scales, "b": b, "log_sigma": 0.5 * np.log(variance)}

    def coordinate_update(self, family: Any, theta: Theta, x: Array, lam: Array) -> Array:
        """One sweep over q's factors: A = I + W^T W / sigma^2, h = W^T (x - b) / sigma^2."""
        W, precision = theta["W"], np.exp(-2 * theta["log_sigma"])
        A = np.eye(self.latent_dim, dtype=W.dtype) + precision * W.T @ W
        return gaussian_sweep(family, lam, A, precision * (x - theta["b"]) @ W)

    def maximize(self, family: Any, theta: Theta, x: Array, lam: Array) -> Theta:
        """argmax of sum_n E_q[log p(x_n, z)]: the regression of x on (z, 1).

        With u = (z, 1) and V = (W, b):  V = (sum_n x_n E[u]^T) (sum_n E[u u^T])^-1 and
        sigma^2 = mean_nj of E[(x - V u)_j^2].

        Notes
        -----
        Tipping and Bishop (1999), equations 27 and 28, with b learnt too.
        """
        mean, covariance = family.moments(lam)
        u = np.concatenate([mean, np.ones_like(mean[:, :1])], axis=1)
        second = u.T @ u
        second[:-1, :-1] += covariance.sum(axis=0)
        V = np.linalg.solve(second, u.T @ x).T
        W, b = V[:, :-1], V[:, -1]
        spread = np.einsum("jd,nde,je->", W, covariance, W)
        variance = (np.sum((x - u @ V.T) ** 2) + spread) / x.size
        parts = {"W": W, "b": b, "log_sigma": np.asarray(0.5 * np.log(variance))}
        return {key: value.astype(x.dtype) for key, value in parts.items()}

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x is not Dx wide."""
        check_width("x", x, self.observed_dim, "observed_dim")

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)
