"""Models p_theta(x, z)."""

from bbvi.models.deep_latent import DeepLatentModel
from bbvi.models.likelihoods import BernoulliLikelihood, GaussianLikelihood
from bbvi.models.linear_gaussian import LinearGaussian
from bbvi.models.priors import StandardNormal

__all__ = [
    "BernoulliLikelihood",
    "DeepLatentModel",
    "GaussianLikelihood",
    "LinearGaussian",
    "StandardNormal",
]
