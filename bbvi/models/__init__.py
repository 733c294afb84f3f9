"""Models p_theta(x, z)."""

from bbvi.models import linear_decoder, transforms
from bbvi.models.deep_latent import DeepLatentModel
from bbvi.models.discrete_priors import BernoulliPrior, CategoricalPrior
from bbvi.models.gaussian_mixture import GaussianMixture
from bbvi.models.hidden_markov import HiddenMarkovModel
from bbvi.models.hierarchical import HierarchicalModel
from bbvi.models.likelihoods import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    BlockCounts,
    CategoricalLikelihood,
    CholeskyGaussian,
    DiagonalScaleGaussian,
    FlippedBernoulli,
    GaussianLikelihood,
    LearnedScaleGaussian,
    MaskedBernoulli,
    ScalarScaleGaussian,
    restored_mean,
)
from bbvi.models.linear_gaussian import LinearGaussian
from bbvi.models.linear_regression import LinearRegression
from bbvi.models.logistic_regression import LogisticRegression, SummaryEncoder
from bbvi.models.posterior import Posterior
from bbvi.models.priors import MixtureOfGaussians, StandardNormal
from bbvi.models.semi_supervised import LabelBlind, SemiSupervised, attach_labels
from bbvi.models.state_space import LinearGaussianStateSpace

__all__ = [
    "AutoregressiveCategorical",
    "BernoulliLikelihood",
    "BernoulliPrior",
    "BlockCounts",
    "CategoricalLikelihood",
    "CategoricalPrior",
    "CholeskyGaussian",
    "DeepLatentModel",
    "DiagonalScaleGaussian",
    "FlippedBernoulli",
    "GaussianLikelihood",
    "GaussianMixture",
    "HiddenMarkovModel",
    "HierarchicalModel",
    "LabelBlind",
    "LearnedScaleGaussian",
    "LinearGaussian",
    "LinearGaussianStateSpace",
    "LinearRegression",
    "LogisticRegression",
    "MaskedBernoulli",
    "MixtureOfGaussians",
    "Posterior",
    "ScalarScaleGaussian",
    "SemiSupervised",
    "StandardNormal",
    "SummaryEncoder",
    "attach_labels",
    "linear_decoder",
    "restored_mean",
    "transforms",
]
