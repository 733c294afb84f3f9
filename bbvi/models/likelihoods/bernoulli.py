"""Binary data: the outputs are logits."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.nets import softplus
from bbvi.types import Array, Theta


@dataclass(frozen=True)
class BernoulliLikelihood:
    """x_j ~ Bernoulli(sigmoid(l_j)) with the decoder's outputs as logits l.

    log p(x | z) = sum_j x_j l_j - softplus(l_j), finite for any finite logit.
    """

    def observed_dim(self, num_outputs: int) -> int:
        """One logit per observed variable."""
        return num_outputs

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log p(x | outputs): x (N, Dx), outputs (S, N, Dx) -> (S, N)."""
        return anp.sum(x * outputs - softplus(outputs), axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z] = sigmoid(l), elementwise."""
        return 0.5 * (1 + np.tanh(0.5 * outputs))

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x in {0, 1}, elementwise."""
        return (rng.random(outputs.shape) < self.mean(params, outputs)).astype(outputs.dtype)

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless every value is 0 or 1."""
        if not ((x == 0) | (x == 1)).all():
            raise ValueError(
                f"x has values from {x.min():g} to {x.max():g} that are not all 0 or 1; a "
                "Bernoulli likelihood expects binary data. Binarize it first with "
                "bbvi.datasets.binarize(x), or use GaussianLikelihood(scale) for grey values."
            )
