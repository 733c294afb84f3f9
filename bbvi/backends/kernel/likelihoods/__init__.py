"""The likelihoods the kernel knows: `LIKELIHOODS` maps a model's type to its `LikelihoodKernel`."""

from bbvi.backends.kernel.likelihoods.bernoulli import BERNOULLI
from bbvi.backends.kernel.likelihoods.categorical import AUTOREGRESSIVE, CATEGORICAL
from bbvi.backends.kernel.likelihoods.cholesky import CHOLESKY
from bbvi.backends.kernel.likelihoods.gaussian import (
    DIAGONAL_SCALE,
    FIXED_SCALE,
    SCALAR_SCALE,
    learned_scale,
)
from bbvi.backends.kernel.likelihoods.observed import FLIPPED, MASKED
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel
from bbvi.models import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    CategoricalLikelihood,
    CholeskyGaussian,
    DiagonalScaleGaussian,
    FlippedBernoulli,
    GaussianLikelihood,
    LearnedScaleGaussian,
    MaskedBernoulli,
    ScalarScaleGaussian,
)

__all__ = ["LIKELIHOODS", "LikelihoodKernel", "learned_scale"]

LIKELIHOODS: dict[type, LikelihoodKernel] = {
    BernoulliLikelihood: BERNOULLI,
    GaussianLikelihood: FIXED_SCALE,
    LearnedScaleGaussian: learned_scale("log_scale"),
    ScalarScaleGaussian: SCALAR_SCALE,
    DiagonalScaleGaussian: DIAGONAL_SCALE,
    CholeskyGaussian: CHOLESKY,
    CategoricalLikelihood: CATEGORICAL,
    AutoregressiveCategorical: AUTOREGRESSIVE,
    MaskedBernoulli: MASKED,
    FlippedBernoulli: FLIPPED,
}
"""Likelihood -> its log-density and derivatives by hand; autograd differentiates any other."""
