"""Several climbs of one row: which end counts, and whether another is another optimum."""

from typing import NamedTuple

import numpy as np

from bbvi.inference.solvers.quadratic import Gaussians, matched_noise, quadratic
from bbvi.inference.solvers.solution import Targets
from bbvi.types import Array

SAMPLES = 1024
"""Of the noise that all ends of a row share."""
BARRIER = 0.5
"""Nats that the ELBO falls half-way between two ends, if they are two optima."""

AWAY = 4.0
"""Standard deviations beyond the sphere of q's mass, from where a draw is elsewhere."""


class Ends(NamedTuple):
    """Of each row's K ends the one that counts.

    Attributes
    ----------
    chosen : ndarray of int (N,)
        Which of the K: the highest ELBO, among the settled where there are any.
    rival : ndarray (N,)
        Nats by which the best settled end beyond a barrier is worse; infinite where there is none.
    """

    chosen: Array
    rival: Array


def compare(targets: Targets, q: Gaussians, settled: Array, rng: np.random.Generator) -> Ends:
    """Choose among K ends of N rows, q (K, N, ...) and settled (K, N), under common noise.

    Two ends of one optimum may be far apart in the units of a factorized q, along a ridge of p; so
    it is asked whether the ELBO falls between them.
    """
    K, N, D = q.mean.shape
    if K == 1:
        return Ends(np.zeros(N, dtype=np.int64), np.full(N, np.inf))
    eps = np.tile(matched_noise(rng, max(SAMPLES, 2 * D), N, D), (1, K, 1))
    target = targets(np.tile(np.arange(N), K))

    def elbo(mean: Array, A: Array) -> Array:
        look = quadratic(target, Gaussians(mean.reshape(-1, D), A.reshape(-1, D, D)), eps)
        return np.where(np.isfinite(look.elbo), look.elbo, -np.inf).reshape(K, N)

    ends = elbo(*q)
    chosen = np.where(settled | ~settled.any(axis=0), ends, -np.inf).argmax(axis=0)
    best = chosen, np.arange(N)
    between = elbo(0.5 * (q.mean + q.mean[best]), np.broadcast_to(q.A[best], q.A.shape))
    other = settled & settled[best] & (between < np.minimum(ends, ends[best]) - BARRIER)
    with np.errstate(invalid="ignore"):
        rival = np.where(other, ends[best] - ends, np.inf).min(axis=0)
    return Ends(chosen, rival)


def restarts(
    targets: Targets, q: Gaussians, settled: Array, elbo: Array, rng: np.random.Generator
) -> tuple[Array, Gaussians]:
    """New starting points for the starts that have not settled, or settled at a lower optimum.

    q is (K, N, ...); settled and elbo are (K, N).
    Each begins at its draw with the highest log p, far from the best settled end of its row in the
    units of that end, whose covariance it takes.

    Returns
    -------
    lost : ndarray of int (n,)
        Start k of row i is number k N + i.
    narrow : Gaussians
        Of n rows.
    """
    _, N, D = q.mean.shape
    reached = np.where(settled, elbo, -np.inf)
    k, row = np.nonzero((reached < reached.max(axis=0) - BARRIER) & settled.any(axis=0))
    best = reached.argmax(axis=0)[row]
    mean, A = q.mean[best, row], q.A[best, row]
    eps = matched_noise(rng, max(SAMPLES, 2 * D), len(row), D)
    z = q.mean[k, row] + np.einsum("nij,snj->sni", q.A[k, row], eps)
    with np.errstate(all="ignore"):
        log_p = targets(row).value(z.astype(targets(row).dtype)) if len(row) else z[..., 0]
    distance = np.linalg.norm(np.linalg.solve(A[None], (z - mean)[..., None])[..., 0], axis=-1)
    far = (distance > np.sqrt(D) + AWAY) & np.isfinite(log_p)
    peak = np.where(far, log_p, -np.inf).argmax(axis=0), np.arange(len(row))
    chosen = far.any(axis=0)
    return (k * N + row)[chosen], Gaussians(z[peak][chosen], 0.5 * A[chosen])
