"""q(y, z) = q(y) q(z | y): a label and, for each label, a diagonal Gaussian."""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.families.categorical import Categorical
from bbvi.families.diagonal_gaussian import DiagonalGaussian
from bbvi.limits import table_shape
from bbvi.types import Array
from bbvi.validation import as_count, check_rows


@dataclass(frozen=True)
class LabelAndGaussian:
    """q(y) = Cat(softmax(logits)), q(z | y = k) = N(mu_k, diag(sigma_k^2)).

    The latent vector is (one-hot y, z), D = K + style_dim.  lam holds the K logits, then for each
    label in turn the mean and the log standard deviation: P = K + 2 K style_dim.

    Parameters
    ----------
    num_labels, style_dim : int
        K, and the dimension of z.

    Notes
    -----
    Kingma, Rezende, Mohamed and Welling (2014), "Semi-supervised learning with deep generative
    models", section 3.1: q(y, z | x) = q(y | x) q(z | x, y) of model M2.

    Examples
    --------
    >>> import numpy as np
    >>> q = LabelAndGaussian(num_labels=3, style_dim=2)
    >>> eps = q.noise(np.random.default_rng(0), num_samples=4, num_data=2)
    >>> q.transform(q.init(2), eps).shape, q.num_params
    ((4, 2, 5), 15)
    """

    num_labels: int
    style_dim: int

    def __post_init__(self) -> None:
        as_count("num_labels", self.num_labels, minimum=2)
        as_count("style_dim", self.style_dim)

    @property
    def label(self) -> Categorical:
        """The family of y."""
        return Categorical(1, self.num_labels)

    @property
    def style(self) -> DiagonalGaussian:
        """The family of z given a label."""
        return DiagonalGaussian(self.style_dim)

    @property
    def latent_dim(self) -> int:
        """D = K + style_dim."""
        return self.num_labels + self.style_dim

    @property
    def num_params(self) -> int:
        """P = K + 2 K style_dim."""
        return self.num_labels + self.num_labels * self.style.num_params

    def init(self, num_data: int) -> Array:
        """Equal label probabilities, z ~ N(0, I) for each."""
        return np.zeros(table_shape(num_data, self.num_params))

    def split(self, lam: Array) -> tuple[Array, list[Array]]:
        """Logits (N, K), and for each label the Gaussian's row (N, 2 style_dim)."""
        check_rows(self, lam)
        K, width = self.num_labels, self.style.num_params
        rows = [lam[:, K + k * width : K + (k + 1) * width] for k in range(K)]
        return lam[:, :K], rows

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Gumbel noise for y, normal noise for z: (S, N, D)."""
        parts = [q.noise(rng, num_samples, num_data, dtype) for q in (self.label, self.style)]
        return np.concatenate(parts, axis=-1)

    def transform(self, lam: Array, eps: Array) -> Array:
        """Draw y, then z from the Gaussian of that label: (S, N, D)."""
        check_rows(self, lam, eps=eps)
        logits, rows = self.split(lam)
        y = self.label.transform(logits, eps[..., : self.num_labels])
        styles = [self.style.transform(row, eps[..., self.num_labels :]) for row in rows]
        z = sum(y[..., k, None] * style for k, style in enumerate(styles))
        return np.concatenate([y, z], axis=-1)

    def with_label(self, lam: Array, eps: Array, label: int) -> Array:
        """(one-hot label, z ~ q(z | label)) from the same noise: (S, N, D)."""
        check_rows(self, lam, eps=eps)
        z = self.style.transform(self.split(lam)[1][label], eps[..., self.num_labels :])
        y = np.zeros((*z.shape[:2], self.num_labels), dtype=z.dtype)
        y[..., label] = 1
        return np.concatenate([y, z], axis=-1)

    def log_prob(self, lam: Array, z: Array) -> Array:
        """log q(y) + sum_k y_k log N(z; mu_k, sigma_k): (S, N)."""
        check_rows(self, lam, z=z)
        logits, rows = self.split(lam)
        y, style = z[..., : self.num_labels], z[..., self.num_labels :]
        given = [y[..., k] * self.style.log_prob(row, style) for k, row in enumerate(rows)]
        return self.label.log_prob(logits, y) + sum(given)

    def score(self, lam: Array, z: Array) -> Array:
        """(y - softmax(logits), y_k times the k-th Gaussian's score): (S, N, P)."""
        check_rows(self, lam, z=z)
        logits, rows = self.split(lam)
        y, style = z[..., : self.num_labels], z[..., self.num_labels :]
        given = [y[..., k, None] * self.style.score(row, style) for k, row in enumerate(rows)]
        return np.concatenate([self.label.score(logits, y), *given], axis=-1)

    def probabilities(self, lam: Array) -> Array:
        """q(y): (N, K)."""
        return self.label.probabilities(self.split(lam)[0])

    def entropy(self, lam: Array) -> Array:
        """H[q(y)] + sum_k q(y = k) H[q(z | k)]: (N,)."""
        logits, rows = self.split(lam)
        given = anp.stack([self.style.entropy(row) for row in rows], axis=-1)
        return self.label.entropy(logits) + anp.sum(self.probabilities(lam) * given, axis=-1)

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam (N, P)."""
        logits, rows = self.split(lam)
        p = self.probabilities(lam)
        parts = [self.style.entropy_and_grad(row) for row in rows]
        given = np.stack([entropy for entropy, _ in parts], axis=-1)
        mean = np.sum(p * given, axis=-1)
        entropy, dlogits = self.label.entropy_and_grad(logits)
        dlogits = dlogits + p * (given - mean[:, None])
        drows = [p[:, k, None] * grad for k, (_, grad) in enumerate(parts)]
        return entropy + mean, np.concatenate([dlogits, *drows], axis=-1)
