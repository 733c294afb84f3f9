"""Models p_theta(x, z)."""

from bbvi.models import linear_decoder
from bbvi.models.deep_latent import DeepLatentModel
from bbvi.models.discrete_priors import BernoulliPrior, CategoricalPrior
from bbvi.models.hidden_markov import HiddenMarkovModel
from bbvi.models.hierarchical import HierarchicalModel
from bbvi.models.likelihoods import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    CategoricalLikelihood,
    CholeskyGaussian,
    DiagonalScaleGaussian,
    GaussianLikelihood,
    LearnedScaleGaussian,
    ScalarScaleGaussian,
)
from bbvi.models.linear_gaussian import LinearGaussian
from bbvi.models.logistic_regression import LogisticRegression
from bbvi.models.priors import MixtureOfGaussians, StandardNormal
from bbvi.models.state_space import LinearGaussianStateSpace

__all__ = [
    "AutoregressiveCategorical",
    "BernoulliLikelihood",
    "BernoulliPrior",
    "CategoricalLikelihood",
    "CategoricalPrior",
    "CholeskyGaussian",
    "DeepLatentModel",
    "DiagonalScaleGaussian",
    "GaussianLikelihood",
    "HiddenMarkovModel",
    "HierarchicalModel",
    "LearnedScaleGaussian",
    "LinearGaussian",
    "LinearGaussianStateSpace",
    "LogisticRegression",
    "MixtureOfGaussians",
    "ScalarScaleGaussian",
    "StandardNormal",
    "linear_decoder",
]
