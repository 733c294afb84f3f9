"""Variational families q_lam(z)."""

from bbvi.families.bernoulli import Bernoulli
from bbvi.families.beta import Beta
from bbvi.families.categorical import Categorical
from bbvi.families.diagonal_gaussian import DiagonalGaussian
from bbvi.families.full_covariance_gaussian import FullCovarianceGaussian
from bbvi.families.gamma import Gamma
from bbvi.families.label_and_gaussian import LabelAndGaussian
from bbvi.families.laplace import Laplace
from bbvi.families.mean_field import MeanField, SmoothMeanField
from bbvi.families.quadratic_flow import QuadraticFlow

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "DiagonalGaussian",
    "FullCovarianceGaussian",
    "Gamma",
    "LabelAndGaussian",
    "Laplace",
    "MeanField",
    "QuadraticFlow",
    "SmoothMeanField",
]
