"""How wide the posterior is beyond q's draws, by integration along rays from q's mean.

In D dimensions the draws of a Gaussian lie in a shell, and of a heavy tail beyond it neither the
ELBO nor k-hat nor weighted moments see much.  With z = m + L r u, m and L L' the mean and the
covariance of q, |u| = 1, the mean of |L^-1 (z - m)|^2 under p is, in polar coordinates,

    E_u[int p(z) r^(D + 1) dr] / E_u[int p(z) r^(D - 1) dr].

It is D where p has q's covariance.
"""

from typing import Any

import numpy as np

from bbvi.types import Array, Reparameterizable, Target

RAYS = 16
"""And as many in the opposite directions."""
NEAREST, FARTHEST = -5.0, 4.5
"""log(r / sqrt(D)) between -3 + NEAREST / D and FARTHEST is summed over."""
SURE = 2.0
"""Standard errors over the rays that the mean square has to be above that of q."""
FEW_ROWS = 16
"""Up to so many rows are looked at."""


def tail_ratio(
    family: Any, target: Target, z: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """Standard deviation of q, as a part of that of p along rays, at most 1: (N,).

    Parameters
    ----------
    family, target
        q, and log p of N rows.
    z : ndarray (S, N, D)
        Draws of q.
    rng : numpy Generator
        For the directions of the rays.

    Returns
    -------
    ratio : ndarray (N,)
        1 where the rays do not tell p from q, in more than 16 rows, for fewer than 20 D draws, and
        for families without a path.
    evaluations : int
    """
    S, N, D = z.shape
    if N > FEW_ROWS or S < 20 * D or not isinstance(family, Reparameterizable):
        return np.ones(N), 0
    mean, factor = _moments(z)
    # No wider than the shell where most of a Gaussian lies.
    log_r = np.arange(NEAREST / D - 3, FARTHEST, min(0.2, 1 / np.sqrt(2 * D))) + 0.5 * np.log(D)
    mass, square = [], []
    with np.errstate(all="ignore"):
        for _ in range(RAYS):
            u = rng.standard_normal((N, D))
            step = np.einsum("nij,nj->ni", factor, u / np.linalg.norm(u, axis=1, keepdims=True))
            far = np.exp(log_r)[:, None, None] * step
            log_p = target.value(np.concatenate([mean - far, mean + far]).astype(target.dtype))
            log_p = np.where(np.isfinite(log_p), log_p, -np.inf).astype(np.float64)
            log_w = log_p + D * np.concatenate([log_r, log_r])[:, None]
            mass.append(np.logaddexp.reduce(log_w, axis=0))
            square.append(
                np.logaddexp.reduce(log_w + 2 * np.concatenate([log_r, log_r])[:, None], axis=0)
            )
        ratio = _sd_ratio(np.array(mass), np.array(square) - np.log(D))
    return ratio, 2 * RAYS * len(log_r) * N


def _moments(z: Array) -> tuple[Array, Array]:
    """Mean (N, D) and Cholesky factor (N, D, D) of the draws; no number where there is none."""
    z = z.astype(np.float64)
    mean, factors = z.mean(axis=0), []
    for n in range(z.shape[1]):
        covariance = np.atleast_2d(np.cov(z[:, n].T))
        try:
            factors.append(np.linalg.cholesky(covariance))
        except np.linalg.LinAlgError:
            factors.append(np.full_like(covariance, np.nan))
    return mean, np.array(factors)


def _sd_ratio(mass: Array, square: Array) -> Array:
    """q's part of p's sd, of logs (rays, N) of mass and mass times |.|^2 / D; 1 where unsure."""
    highest = mass.max(axis=0)
    w, v = np.exp(mass - highest), np.exp(square - highest)
    mean = v.sum(axis=0) / w.sum(axis=0)
    error = np.sqrt(((v - mean * w) ** 2).sum(axis=0)) / w.sum(axis=0)
    return np.where(mean - 1 > SURE * error, np.minimum(1, mean**-0.5), 1.0)
