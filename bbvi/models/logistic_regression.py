"""Bayesian logistic regression: a global latent, so one datapoint, the data set."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.conjugate import gaussian_sweep
from bbvi.nets import MLP, softplus
from bbvi.types import Array, Theta
from bbvi.validation import as_count, as_float_array, check_entries, check_pair, check_width

# Trapezoids on +-10 standard deviations: spectrally accurate for an analytic function.
NODES = np.linspace(-10.0, 10.0, 401)


@dataclass(frozen=True)
class LogisticRegression:
    """z ~ N(0, s^2 I), y_r | z ~ Bernoulli(sigmoid(z_0 + f_r . z_1:)) for all rows r at once.

    The weights z are shared by the whole data set, so N = 1: a row of x is a table of features
    with their label, row after row (`pack` makes it).  The model has no theta.

    A minibatch of B rows stands for all R rows when its likelihood counts R / B times:

        log p(z) + (R / B) sum_{r in batch} log p(y_r | f_r, z),

    an unbiased estimate of the log joint (`minibatch` makes the model and its x).

    Parameters
    ----------
    num_features : int
        Columns of the feature table; D = num_features + 1 with the intercept.
    num_rows : int
        Rows in x: all of them, or a minibatch's.
    num_total : int, optional
        Rows that those stand for, R; by default ``num_rows``.
    prior_scale : float
        s.

    Raises
    ------
    ValueError
        If a size is below 1, ``num_total`` below ``num_rows``, or the scale not positive.

    Notes
    -----
    Hoffman et al. (2013), "Stochastic variational inference", for the minibatch; Jaakkola and
    Jordan (2000) for the model.

    Examples
    --------
    >>> import numpy as np
    >>> features, labels = np.array([[0.5], [-1.0], [2.0]]), np.array([1, 0, 1])
    >>> model = LogisticRegression(num_features=1, num_rows=3)
    >>> x = model.pack(features, labels)
    >>> x.shape
    (1, 6)
    >>> float(model.log_joint({}, x, np.zeros((1, 1, 2)))[0, 0].round(4))
    -3.9173
    """

    num_features: int
    num_rows: int
    num_total: int | None = None
    prior_scale: float = 1.0

    def __post_init__(self) -> None:
        as_count("num_features", self.num_features)
        as_count("num_rows", self.num_rows)
        if self.num_total is not None:
            as_count("num_total", self.num_total, minimum=self.num_rows)
        if not (np.isfinite(self.prior_scale) and self.prior_scale > 0):
            raise ValueError(
                f"prior_scale is {self.prior_scale!r}; expected a positive standard deviation."
            )

    @property
    def latent_dim(self) -> int:
        """D: an intercept, then one weight per feature."""
        return self.num_features + 1

    @property
    def standard_normal_prior(self) -> bool:
        """Whether p(z) = N(0, I), so that a closed-form KL applies."""
        return self.prior_scale == 1

    @property
    def weight(self) -> float:
        """R / B, how often each row counts."""
        return 1.0 if self.num_total is None else self.num_total / self.num_rows

    @property
    def given_columns(self) -> Array:
        """The columns of x that hold features: log_joint is conditioned on them."""
        columns = np.arange(self.num_rows * (self.num_features + 1))
        return columns[columns % (self.num_features + 1) != self.num_features]

    def pack(self, features: Array, labels: Array) -> Array:
        """A feature table (R, F) and labels (R,) of 0 and 1 as the one row x (1, R (F + 1)).

        Raises
        ------
        TypeError, ValueError
            If a shape is wrong, a feature is not a finite float, or a label is not 0 or 1.
        """
        features = as_float_array("features", features, ndim=2)
        labels = np.asarray(labels)
        expected = (self.num_rows, self.num_features)
        if features.shape != expected:
            raise ValueError(f"features has shape {features.shape}; expected {expected}.")
        if labels.shape != expected[:1]:
            raise ValueError(
                f"labels has shape {labels.shape}; expected {expected[:1]}, one label per row of "
                "features."
            )
        if labels.dtype.kind not in "biuf":
            raise TypeError(
                f"labels has dtype {labels.dtype}; expected 0 and 1. From names: "
                "(labels == 'yes').astype(int)."
            )
        x = np.column_stack([features, labels]).astype(features.dtype).reshape(1, -1)
        self.check_data(x)
        return x

    def unpack(self, x: Array) -> tuple[Array, Array]:
        """The design matrix with its column of ones (N, R, D), and the labels (N, R)."""
        table = x.reshape(len(x), self.num_rows, self.num_features + 1)
        ones = np.ones_like(table[..., :1])
        return np.concatenate([ones, table[..., :-1]], axis=-1), table[..., -1]

    def minibatch(self, x: Array, rows: Array) -> tuple["LogisticRegression", Array]:
        """Some rows of the data set, as a model that counts them R / B times and its x.

        Parameters
        ----------
        x : ndarray (1, R (F + 1))
        rows : ndarray
            Row numbers (B,), or a mask (R,) of bools.

        Raises
        ------
        ValueError
            If x has another shape, or rows is neither.
        """
        R, expected = self.num_rows, (1, self.num_rows * (self.num_features + 1))
        if np.shape(x) != expected:
            raise ValueError(f"x has shape {np.shape(x)}; expected {expected}, as `pack` makes it.")
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape == (R,):
            rows = np.flatnonzero(rows)
        numbers = rows.ndim == 1 and rows.dtype.kind in "iu" and len(rows) > 0
        if not numbers or rows.min() < 0 or rows.max() >= R:
            raise ValueError(
                f"rows is {rows.dtype} of shape {rows.shape}; expected at least one whole number "
                f"from 0 to {R - 1} in a shape (B,), or a mask of bools ({R},)."
            )
        table = x.reshape(R, self.num_features + 1)
        total = self.num_total or self.num_rows
        model = LogisticRegression(self.num_features, len(rows), total, self.prior_scale)
        return model, table[rows].reshape(1, -1)

    def init(self, rng: np.random.Generator) -> Theta:
        """No theta: all that is unknown is latent."""
        return {}

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log N(z; 0, s^2 I) + (R / B) sum_r y_r l_r - softplus(l_r), l = design z: (S, N)."""
        check_pair(self, x, z, self.num_rows * (self.num_features + 1))
        design, labels = self.unpack(x)
        log_prior = -0.5 * anp.sum((z / self.prior_scale) ** 2 + LOG_2PI, axis=-1)
        log_prior = log_prior - self.latent_dim * float(np.log(self.prior_scale))
        logits = anp.matmul(design, anp.transpose(z, (1, 2, 0)))
        log_likelihood = anp.sum(labels[..., None] * logits - softplus(logits), axis=1)
        return log_prior + self.weight * log_likelihood.T

    def expected_log_joint(self, x: Array, mean: Array, covariance: Array) -> Array:
        """E_q[log p(x, z)] for q = N(mean, covariance), by quadrature: (N,), nats.

        Each logit is a one-dimensional projection of z, l_r ~ N(d_r . mean, d_r . C d_r), so that
        D dimensions are never integrated.  With ``family.entropy(lam)`` added this is the ELBO,
        without any sampling.

        Parameters
        ----------
        x : ndarray (N, R (F + 1))
        mean, covariance : ndarray (N, D), (N, D, D)
            As from ``family.moments(lam)``.
        """
        design, labels = self.unpack(x)
        center = np.einsum("nrd,nd->nr", design, mean)
        spread = np.sqrt(np.einsum("nrd,nde,nre->nr", design, covariance, design))
        weights = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()
        expected_softplus = softplus(center[..., None] + spread[..., None] * NODES) @ weights
        squares = np.sum(mean**2, axis=-1) + np.trace(covariance, axis1=-2, axis2=-1)
        log_prior = -0.5 * squares / self.prior_scale**2 - self.latent_dim * (
            0.5 * LOG_2PI + float(np.log(self.prior_scale))
        )
        log_likelihood = np.sum(labels * center - expected_softplus, axis=-1)
        return (log_prior + self.weight * log_likelihood).astype(x.dtype)

    def coordinate_update(self, family: Any, theta: Theta, x: Array, lam: Array) -> Array:
        """One sweep under Jaakkola and Jordan's bound, tight at q's own second moments.

        log sigmoid(l) >= log sigmoid(xi) + (l - xi) / 2 - g(xi) (l^2 - xi^2),
        g(xi) = tanh(xi / 2) / (4 xi), is quadratic in z, and best at xi_r^2 = E_q[l_r^2]:

            A = I / s^2 + 2 w sum_r g(xi_r) d_r d_r^T,      h = w sum_r (y_r - 1/2) d_r,

        with w = R / B.  q climbs this bound, which lies below the ELBO.

        Notes
        -----
        Jaakkola and Jordan (2000), equations 9 to 12.
        """
        design, labels = self.unpack(x)
        mean, covariance = family.moments(lam)
        square = np.einsum("nrd,nd->nr", design, mean) ** 2
        xi = np.sqrt(square + np.einsum("nrd,nde,nre->nr", design, covariance, design))
        # tanh(xi / 2) / (4 xi) tends to 1/8 at 0.
        g = np.where(xi < 1e-4, 0.125, np.tanh(0.5 * xi) / (4 * np.maximum(xi, 1e-4)))
        A = 2 * self.weight * np.einsum("nr,nrd,nre->nde", g, design, design)
        A = A + np.eye(self.latent_dim, dtype=x.dtype) / self.prior_scale**2
        h = self.weight * np.einsum("nr,nrd->nd", labels - 0.5, design)
        return gaussian_sweep(family, lam, A, h)

    def maximize(self, family: Any, theta: Theta, x: Array, lam: Array) -> Theta:
        """No theta: nothing to maximize."""
        return {}

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling of ``num`` whole data sets, features drawn from N(0, I).

        The features are no part of the model (it is conditional on them); they are drawn so that
        every model can make data.
        """
        z = self.prior_scale * rng.standard_normal((num, self.latent_dim))
        features = rng.standard_normal((num, self.num_rows, self.num_features))
        logits = z[:, :1] + np.einsum("nrf,nf->nr", features, z[:, 1:])
        labels = rng.random(logits.shape) < 0.5 * (1 + np.tanh(0.5 * logits))
        return np.concatenate([features, labels[..., None]], axis=-1).reshape(num, -1), z

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x has the wrong width or a label is not 0 or 1."""
        width = self.num_rows * (self.num_features + 1)
        check_width("x", x, width, "num_rows * (num_features + 1), as `pack` makes it")
        labels = self.unpack(x)[1]
        if not ((labels == 0) | (labels == 1)).all():
            raise ValueError(
                f"labels run from {labels.min():g} to {labels.max():g} and are not all 0 or 1; "
                "expected 0 and 1. For labels -1 and 1 use (labels + 1) / 2."
            )

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)


@dataclass(frozen=True)
class SummaryEncoder:
    """An encoder that reads a data set through its summary d^T (y - 1/2) / R, of D numbers.

    The summary depends neither on the order nor on the number of the rows, as befits an encoder of
    data sets.

    Parameters
    ----------
    model : LogisticRegression
        Whose rows x it reads.
    net : MLP
        From D inputs to P outputs.
    """

    model: LogisticRegression
    net: MLP

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths, from a row of x to P."""
        width = self.model.num_rows * (self.model.num_features + 1)
        return (width, *self.net.sizes)

    def init(self, rng: np.random.Generator) -> Theta:
        """The network's own start."""
        return self.net.init(rng)

    def __call__(self, params: Theta, inputs: Array) -> Array:
        """Map data sets (N, R (F + 1)) to lam (N, P)."""
        design, labels = self.model.unpack(inputs)
        centred = labels - np.asarray(0.5, labels.dtype)
        return self.net(params, np.einsum("nrd,nr->nd", design, centred) / self.model.num_rows)
