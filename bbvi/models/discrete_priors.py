"""Priors p(z) of discrete latents, written so that relaxed z are accepted too."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.nets import softplus
from bbvi.types import Array, Theta
from bbvi.validation import as_count


@dataclass(frozen=True)
class BernoulliPrior:
    """z_d ~ Bernoulli(sigmoid(logits_d)), logits learned: the prior of a sigmoid belief network.

    Parameters
    ----------
    latent_dim : int
        D.

    Notes
    -----
    Mnih and Gregor (2014), section 3.1.
    """

    latent_dim: int

    def __post_init__(self) -> None:
        as_count("latent_dim", self.latent_dim)

    def init(self, rng: np.random.Generator) -> Theta:
        """Probability 1/2 each."""
        return {"logits": np.zeros(self.latent_dim)}

    def log_prob(self, params: Theta, z: Array) -> Array:
        """sum_d z_d logits_d - softplus(logits_d): z (..., D) -> (...), linear in z."""
        return anp.sum(z * params["logits"], axis=-1) - anp.sum(softplus(params["logits"]))

    def sample(self, rng: np.random.Generator, params: Theta, num: int) -> Array:
        """Draw z (num, D) in {0, 1}."""
        probability = 0.5 * (1 + np.tanh(0.5 * params["logits"]))
        return (rng.random((num, self.latent_dim)) < probability).astype(probability.dtype)


@dataclass(frozen=True)
class CategoricalPrior:
    """V independent categoricals of K categories, one-hot and flattened: D = V K, logits learned.

    Parameters
    ----------
    num_variables, num_categories : int
        V and K.
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

    def init(self, rng: np.random.Generator) -> Theta:
        """Equal probabilities."""
        return {"logits": np.zeros(self.latent_dim)}

    def log_prob(self, params: Theta, z: Array) -> Array:
        """sum_v z_v . logits_v - logsumexp(logits_v): z (..., D) -> (...), linear in z."""
        logits = anp.reshape(params["logits"], (self.num_variables, self.num_categories))
        highest = anp.max(logits, axis=1)
        log_normalizer = anp.log(anp.sum(anp.exp(logits - highest[:, None]), axis=1)) + highest
        return anp.sum(z * params["logits"], axis=-1) - anp.sum(log_normalizer)

    def sample(self, rng: np.random.Generator, params: Theta, num: int) -> Array:
        """Draw one-hot z (num, D)."""
        shape = (num, self.num_variables, self.num_categories)
        gumbel = rng.gumbel(size=shape) + params["logits"].reshape(shape[1:])
        hot = gumbel == gumbel.max(axis=-1, keepdims=True)
        return hot.reshape(num, -1).astype(params["logits"].dtype)
