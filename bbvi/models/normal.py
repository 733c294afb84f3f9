"""The multivariate normal density with a dense covariance, for exact answers."""

import numpy as np

from bbvi.families.diagonal_gaussian import cholesky
from bbvi.logs import LOG_2PI
from bbvi.types import Array


def log_normal(x: Array, mean: Array, covariance: Array) -> Array:
    """log N(x_n; mean, covariance): x (N, Dx), mean (Dx,) or (N, Dx) -> (N,).

    Raises
    ------
    ValueError
        If the covariance is not symmetric and positive definite.
    """
    L = cholesky(covariance)
    w = np.linalg.solve(L, (x - mean).T)
    return -0.5 * np.sum(w**2 + LOG_2PI, axis=0) - np.log(np.diagonal(L)).sum()
