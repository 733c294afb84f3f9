"""Models p_theta(x, z)."""

from bbvi.models import linear_decoder
from bbvi.models.deep_latent import DeepLatentModel
from bbvi.models.hidden_markov import HiddenMarkovModel
from bbvi.models.likelihoods import BernoulliLikelihood, GaussianLikelihood
from bbvi.models.linear_gaussian import LinearGaussian
from bbvi.models.priors import MixtureOfGaussians, StandardNormal
from bbvi.models.state_space import LinearGaussianStateSpace

__all__ = [
    "BernoulliLikelihood",
    "DeepLatentModel",
    "GaussianLikelihood",
    "HiddenMarkovModel",
    "LinearGaussian",
    "LinearGaussianStateSpace",
    "MixtureOfGaussians",
    "StandardNormal",
    "linear_decoder",
]
