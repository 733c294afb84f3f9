"""Priors p(z)."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import logsumexp

from bbvi.families.full_covariance_gaussian import FullCovarianceGaussian
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Theta
from bbvi.validation import as_count

# A component this light gets no gradient worth the name: it will not come back.
COLLAPSED = 1e-12


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


@dataclass(frozen=True)
class MixtureOfGaussians:
    """p(z) = sum_k w_k N(z; m_k, L_k L_k^T) with trainable weights, means and covariances.

    params = {"logits": (K,), "components": (K, D + D (D + 1) / 2)}: w = softmax(logits), and each
    row of ``components`` is a `FullCovarianceGaussian` row, the mean and then the packed Cholesky
    factor, so that every real value is a valid mixture.

    Parameters
    ----------
    latent_dim : int
        D.
    num_components : int
        K.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": the alternative to the unit Gaussian.

    Examples
    --------
    >>> import numpy as np
    >>> prior = MixtureOfGaussians(latent_dim=1, num_components=2)
    >>> params = prior.from_moments(
    ...     np.array([0.5, 0.5]), np.array([[-2.0], [2.0]]), np.array([[[1.0]], [[1.0]]])
    ... )
    >>> float(prior.log_prob(params, np.array([0.0])).round(4))
    -2.9189
    """

    latent_dim: int
    num_components: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)
        as_count("num_components", self.num_components)

    @property
    def component(self) -> FullCovarianceGaussian:
        """The family whose rows are this mixture's components."""
        return FullCovarianceGaussian(self.latent_dim)

    def init(self, rng: np.random.Generator) -> Theta:
        """Equal weights, means drawn from N(0, I), covariances I."""
        components = self.component.init(self.num_components)
        components[:, : self.latent_dim] = rng.standard_normal(
            (self.num_components, self.latent_dim)
        )
        return {"logits": np.zeros(self.num_components), "components": components}

    def log_weights(self, params: Theta) -> Array:
        """log w_k = log softmax(logits)_k: (K,)."""
        return params["logits"] - logsumexp(params["logits"])

    def log_prob(self, params: Theta, z: Array) -> Array:
        """log sum_k w_k N(z; m_k, L_k L_k^T): z (..., D) -> (...)."""
        points = anp.reshape(z, (-1, self.latent_dim))
        each = self.component.log_prob_pairs(params["components"], points)
        log_joint = self.log_weights(params) + each
        return anp.reshape(logsumexp(log_joint, axis=-1), z.shape[:-1])

    def moments(self, params: Theta) -> tuple[Array, Array, Array]:
        """Weights (K,), means (K, D) and covariances (K, D, D)."""
        mean, covariance = self.component.moments(params["components"])
        return np.exp(self.log_weights(params)), mean, covariance

    def from_moments(self, weights: Array, means: Array, covariances: Array) -> Theta:
        """The params with these weights (K,), means (K, D) and covariances (K, D, D).

        Raises
        ------
        ValueError
            If a shape is wrong, the weights are not positive with sum 1 (a component of weight
            0 has collapsed), or a covariance is not positive definite.
        """
        K, D = self.num_components, self.latent_dim
        expected = {"weights": (K,), "means": (K, D), "covariances": (K, D, D)}
        for (name, shape), array in zip(expected.items(), (weights, means, covariances)):
            if np.shape(array) != shape:
                raise ValueError(
                    f"{name} has shape {np.shape(array)}; expected {shape} for K = {K} "
                    f"components in D = {D} dimensions."
                )
        weights = np.asarray(weights, dtype=np.float64)
        if not abs(weights.sum() - 1) < 1e-6:
            raise ValueError(
                f"weights sum to {weights.sum():.6g}; expected 1. Divide them by their sum."
            )
        _check_weights(weights)
        components = self.component.from_moments(np.asarray(means), np.asarray(covariances))
        return {"logits": np.log(weights), "components": components}

    def check_params(self, params: Theta) -> None:
        """Raise ValueError when a component's weight has collapsed to (almost) 0."""
        _check_weights(np.exp(self.log_weights(params)))

    def sample(self, rng: np.random.Generator, params: Theta, num: int) -> Array:
        """Draw a component, then z around its mean: z (num, D)."""
        weights = np.exp(np.asarray(self.log_weights(params), dtype=np.float64))
        chosen = rng.choice(self.num_components, size=num, p=weights / weights.sum())
        eps = self.component.noise(rng, 1, num, params["components"].dtype)
        return self.component.transform(params["components"][chosen], eps)[0]


def _check_weights(weights: Array) -> None:
    if not weights.min() > COLLAPSED:
        k = int(weights.argmin())
        raise ValueError(
            f"the mixture weight of component {k} is {weights[k]:.3g}: it has collapsed (expected "
            f"more than {COLLAPSED:g}). Use fewer components, or start its mean nearer the data."
        )
