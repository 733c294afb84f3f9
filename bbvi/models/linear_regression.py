"""Bayesian linear regression: a global latent with a closed-form posterior."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.conjugate import gaussian_sweep
from bbvi.protocols import GaussianMoments
from bbvi.types import Array, Theta
from bbvi.validation import (
    as_count,
    as_float_array,
    check_entries,
    check_inputs,
    check_pair,
    check_width,
)


@dataclass(frozen=True)
class LinearRegression:
    """z ~ N(0, s^2 I), y_r | z ~ N(z_0 + f_r . z_1:, sigma^2) for all rows r at once.

    The weights z are shared by the whole data set, so N = 1: a row of x is a table of features
    with their response, row after row (`pack` makes it).  theta = {"log_sigma": ()}.

    Parameters
    ----------
    num_features, num_rows : int
        Columns and rows R of the feature table; D = num_features + 1 with the intercept.
    prior_scale : float
        s.

    Raises
    ------
    ValueError
        If a size is below 1 or the scale not positive.

    Notes
    -----
    Bishop (2006), section 3.3 (posterior) and 3.5 (evidence).
    """

    num_features: int
    num_rows: int
    prior_scale: float = 1.0

    def __post_init__(self) -> None:
        as_count("num_features", self.num_features)
        as_count("num_rows", self.num_rows)
        if not (np.isfinite(self.prior_scale) and self.prior_scale > 0):
            raise ValueError(
                f"prior_scale is {self.prior_scale!r}; expected a positive standard deviation."
            )

    @property
    def latent_dim(self) -> int:
        """D: an intercept, then one weight per feature."""
        return self.num_features + 1

    @property
    def given_columns(self) -> Array:
        """The columns of x that hold features: log_joint is conditioned on them."""
        columns = np.arange(self.num_rows * (self.num_features + 1))
        return columns[columns % (self.num_features + 1) != self.num_features]

    def pack(self, features: Array, response: Array) -> Array:
        """A feature table (R, F) and a response (R,) as the one row x (1, R (F + 1)).

        Raises
        ------
        TypeError, ValueError
            If a shape is wrong, or a number is not a finite float.
        """
        features = as_float_array("features", features, ndim=2)
        response = as_float_array("response", response, ndim=1)
        for name, array, expected in (
            ("features", features, (self.num_rows, self.num_features)),
            ("response", response, (self.num_rows,)),
        ):
            if array.shape != expected:
                raise ValueError(f"{name} has shape {array.shape}; expected {expected}.")
        return np.column_stack([features, response]).astype(features.dtype).reshape(1, -1)

    def unpack(self, x: Array) -> tuple[Array, Array]:
        """The design matrix with its column of ones (N, R, D), and the responses (N, R)."""
        table = x.reshape(len(x), self.num_rows, self.num_features + 1)
        ones = np.ones_like(table[..., :1])
        return np.concatenate([ones, table[..., :-1]], axis=-1), table[..., -1]

    def init(self, rng: np.random.Generator) -> Theta:
        """sigma = 1."""
        return {"log_sigma": np.zeros(())}

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log N(z; 0, s^2 I) + sum_r log N(y_r; design_r z, sigma^2): (S, N), nats."""
        check_pair(self, x, z, self.num_rows * (self.num_features + 1), theta, log_sigma=())
        design, response = self.unpack(x)
        log_prior = -0.5 * anp.sum((z / self.prior_scale) ** 2 + LOG_2PI, axis=-1)
        log_prior = log_prior - self.latent_dim * float(np.log(self.prior_scale))
        fitted = anp.matmul(design, anp.transpose(z, (1, 2, 0)))
        residual = (response[..., None] - fitted) * anp.exp(-theta["log_sigma"])
        log_likelihood = -0.5 * anp.sum(residual**2 + LOG_2PI, axis=1).T
        return log_prior + log_likelihood - self.num_rows * theta["log_sigma"]

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling of ``num`` data sets, features (not modelled) from N(0, I)."""
        dtype = theta["log_sigma"].dtype
        z = (self.prior_scale * rng.standard_normal((num, self.latent_dim))).astype(dtype)
        features = rng.standard_normal((num, self.num_rows, self.num_features)).astype(dtype)
        noise = rng.standard_normal((num, self.num_rows)).astype(dtype)
        mean = z[:, :1] + np.einsum("nrf,nf->nr", features, z[:, 1:])
        response = mean + np.exp(theta["log_sigma"]) * noise
        return np.concatenate([features, response[..., None]], axis=-1).reshape(num, -1), z

    def quadratic_form(self, theta: Theta, x: Array) -> tuple[Array, Array]:
        """A = I / s^2 + F^T F / sigma^2 (N, D, D) and h = F^T y / sigma^2 (N, D)."""
        design, response = self.unpack(x)
        precision = np.exp(-2 * theta["log_sigma"])
        A = precision * np.einsum("nrd,nre->nde", design, design)
        A = A + np.eye(self.latent_dim, dtype=x.dtype) / self.prior_scale**2
        return A.astype(x.dtype), precision * np.einsum("nrd,nr->nd", design, response)

    def posterior(self, theta: Theta, x: Array) -> GaussianMoments:
        """p(z | x) = N(A^-1 h, A^-1), exact: mean (N, D), covariance (N, D, D)."""
        A, h = self.quadratic_form(theta, check_inputs(self, theta, x))
        return GaussianMoments(np.linalg.solve(A, h[..., None])[..., 0], np.linalg.inv(A))

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(y) = log p(y, m) - log N(m; m, A^-1) at the posterior's mean m: (N,), exact."""
        mean, covariance = self.posterior(theta, x)
        log_det = np.linalg.slogdet(covariance)[1]
        log_q = -0.5 * (self.latent_dim * LOG_2PI + log_det)
        return self.log_joint(theta, x, mean[None])[0] - log_q

    def coordinate_update(self, family: Any, theta: Theta, x: Array, lam: Array) -> Array:
        """One sweep over q's factors, each at its optimum given the others."""
        return gaussian_sweep(family, lam, *self.quadratic_form(theta, x))

    def maximize(self, family: Any, theta: Theta, x: Array, lam: Array) -> Theta:
        """sigma^2 = E_q[sum_r (y_r - design_r z)^2] / R, over all rows of x."""
        design, response = self.unpack(x)
        mean, covariance = family.moments(lam)
        residual = response - np.einsum("nrd,nd->nr", design, mean)
        spread = np.einsum("nrd,nde,nre->nr", design, covariance, design)
        variance = np.mean(residual**2 + spread)
        return {"log_sigma": np.asarray(0.5 * np.log(variance), x.dtype)}

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x has the wrong width."""
        width = self.num_rows * (self.num_features + 1)
        check_width("x", x, width, "num_rows * (num_features + 1), as `pack` makes it")

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)
