"""Likelihoods p(x | z) of a decoder's outputs.

A likelihood reads the decoder's outputs (S, N, O) as the parameters of a distribution of
x (N, Dx), and sums its log-density over Dx.
"""

from bbvi.models.likelihoods.bernoulli import BernoulliLikelihood
from bbvi.models.likelihoods.categorical import (
    AutoregressiveCategorical,
    CategoricalLikelihood,
)
from bbvi.models.likelihoods.cholesky import CholeskyGaussian
from bbvi.models.likelihoods.gaussian import (
    DiagonalScaleGaussian,
    GaussianLikelihood,
    LearnedScaleGaussian,
    ScalarScaleGaussian,
)
from bbvi.models.likelihoods.observed import (
    BlockCounts,
    FlippedBernoulli,
    MaskedBernoulli,
    restored_mean,
)

__all__ = [
    "AutoregressiveCategorical",
    "BernoulliLikelihood",
    "BlockCounts",
    "CategoricalLikelihood",
    "CholeskyGaussian",
    "DiagonalScaleGaussian",
    "FlippedBernoulli",
    "GaussianLikelihood",
    "LearnedScaleGaussian",
    "MaskedBernoulli",
    "ScalarScaleGaussian",
    "restored_mean",
]
