"""The multivariate normal density with a dense covariance, for exact answers (floor 2)."""

import numpy as np

from bbvi.types import Array

LOG_2PI = float(np.log(2 * np.pi))


def log_normal(x: Array, mean: Array, covariance: Array) -> Array:
    """log N(x_n; mean, covariance): x (N, Dx), mean (Dx,) or (N, Dx) -> (N,).

    Raises
    ------
    ValueError
        If the covariance is not positive definite.
    """
    try:
        L = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh(covariance).min())
        raise ValueError(
            f"covariance is not positive definite (smallest eigenvalue {smallest:.3g}); expected a "
            "symmetric positive definite matrix."
        ) from None
    w = np.linalg.solve(L, (x - mean).T)
    return -0.5 * np.sum(w**2 + LOG_2PI, axis=0) - np.log(np.diagonal(L)).sum()
