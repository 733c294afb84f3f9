"""Is a family that offers gaussian_moments Gaussian?  Equalities, without chance."""

from typing import Any

import numpy as np

from bbvi.checks.mistakes import require_close
from bbvi.logs import LOG_2PI
from bbvi.types import Array


def check_normality(family: Any, lam: Array, eps: Array) -> None:
    """Check that z = m + L eps with L L^T = C, and that log q(z) = log N(z; m, C).

    Parameters
    ----------
    family : Gaussian
        The family that offers ``gaussian_moments``.
    lam : ndarray (N, P)
        Where to check.
    eps : ndarray (S, N, D)
        Its noise.

    Raises
    ------
    AssertionError
        With what is not as promised.
    """
    mean, covariance = family.gaussian_moments(lam)
    z, D = family.transform(lam, eps), family.latent_dim
    units = np.repeat(np.eye(D + 1, D, -1)[:, None, :], len(lam), axis=1)
    origin, *columns = family.transform(lam, units)
    L = np.stack(columns, axis=-1) - origin[..., None]
    linear = np.concatenate([origin[None] - mean, z - origin - np.einsum("nij,snj->sni", L, eps)])
    promise = "gaussian_moments promises a Gaussian with z = m + L eps, but"
    cause = "a family that is not Gaussian, or not by normal noise: rename the method to moments"
    limit = 1e-6 * (1 + np.abs(z).max())
    require_close(
        f"{promise} transform is not linear in eps", linear, 0 * linear, limit, (), None, cause
    )
    w = np.linalg.solve(np.linalg.cholesky(covariance), (z - mean)[..., None])[..., 0]
    half_log_det = 0.5 * np.linalg.slogdet(covariance)[1]
    log_normal = -0.5 * np.sum(w**2 + LOG_2PI, axis=-1) - half_log_det
    require_close(
        f"{promise} log_prob is not log N(z; m, C)",
        family.log_prob(lam, z),
        log_normal,
        1e-6 * (1 + np.abs(log_normal)),
        otherwise=cause,
    )
    square = np.einsum("nij,nkj->nik", L, L)
    size = 1e-6 * (1 + np.abs(covariance))
    require_close(
        f"{promise} L L^T is not the covariance", square, covariance, size, (), None, cause
    )
