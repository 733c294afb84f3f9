"""Variational families q_lam(z)."""

from bbvi.families.diagonal_gaussian import DiagonalGaussian
from bbvi.families.full_covariance_gaussian import FullCovarianceGaussian

__all__ = ["DiagonalGaussian", "FullCovarianceGaussian"]
