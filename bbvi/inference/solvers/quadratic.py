"""A Gaussian q among its neighbours: log p by second order around it, and the way uphill.

In the units of q, z = mu + A eps with A A^T its covariance, the ELBO's gradient and curvature are
(Bonnet, Price)

    g = E[A^T dlog p/dz],    M = -A^T E[d^2 log p/dz^2] A = -E[(A^T dlog p/dz) eps^T].

A Gaussian posterior with the mean mu + A M^-1 g and the covariance A M^-1 A^T has the same, and
the natural gradient leads to the family's optimum for it.
"""

from typing import NamedTuple

import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.types import Array, Target

LEAST, MOST = 0.1, 1e15
"""Of a precision in the units of q: one step widens q by at most a factor 10 in variance."""
FLAT = 1e-9
"""The least curvature that counts along a shift of the mean."""


class Gaussians(NamedTuple):
    """n rows of q: mean (n, D), and A (n, D, D) with the covariance A A^T."""

    mean: Array
    A: Array


class Quadratic(NamedTuple):
    """log p around n rows of q by second order, in the units of q.

    Attributes
    ----------
    elbo : ndarray (n,)
    gradient, curvature : ndarray (n, D), (n, D, D)
        g and M.
    """

    elbo: Array
    gradient: Array
    curvature: Array


class Way(NamedTuple):
    """From n rows of q to the family's optimum for their quadratics.

    Attributes
    ----------
    shift : ndarray (n, D)
        M^-1 g: of the mean, in the units of q.
    axes, precisions : ndarray (n, D, D), (n, D)
        The optimum's precision in the units of q is axes diag(precisions) axes^T.
    slope, gain : ndarray (n,)
        Of the ELBO at the beginning, and over the whole way, were log p the quadratic.
    """

    shift: Array
    axes: Array
    precisions: Array
    slope: Array
    gain: Array


def matched_noise(rng: np.random.Generator, S: int, n: int, D: int) -> Array:
    """S normal draws with their mirror images, scaled to covariance I exactly: (S, n, D).

    Requires S even and at least 2 D.  Means of quadratic functions are then exact.
    """
    half: Array = rng.standard_normal((n, S // 2, D))
    L = np.linalg.cholesky(np.matmul(half.transpose(0, 2, 1), half) / (S // 2))
    half = np.linalg.solve(L, half.transpose(0, 2, 1)).transpose(2, 0, 1)
    return np.concatenate([half, -half])


def quadratic(target: Target, q: Gaussians, eps: Array) -> Quadratic:
    """The quadratics of n rows, from log p and its slope at S points: eps (S, n, D).

    Requires `matched_noise`: g and M are then least squares, exact for every quadratic log p.
    """
    D, by_row = eps.shape[-1], eps.transpose(1, 0, 2)
    z = q.mean[:, None] + np.matmul(by_row, q.A.transpose(0, 2, 1))
    # What is not finite is refused by `usable`, whose caller then takes a shorter step.
    with np.errstate(all="ignore"):
        log_p, dz = target.value_and_dz(z.transpose(1, 0, 2).astype(target.dtype))
        pulled = np.matmul(dz.transpose(1, 0, 2).astype(np.float64), q.A)
        M = -np.matmul(pulled.transpose(0, 2, 1), by_row) / len(eps)
        elbo = log_p.mean(axis=0, dtype=np.float64) + np.linalg.slogdet(q.A)[1]
    elbo = elbo + 0.5 * D * (1 + LOG_2PI)
    return Quadratic(elbo, pulled.mean(axis=1), 0.5 * (M + M.transpose(0, 2, 1)))


def usable(fitted: Quadratic) -> Array:
    """Whether a row's ELBO, gradient and curvature are finite: (n,)."""
    finite = np.isfinite(fitted.elbo) & np.isfinite(fitted.gradient).all(axis=1)
    return finite & np.isfinite(fitted.curvature).all(axis=(1, 2))


def way(fitted: Quadratic, diagonal: bool, floor: Array) -> Way:
    """The way to the family's optimum; ``diagonal`` families keep the diagonal of M.

    Along an axis of small or negative curvature m the mean moves as if it were |m|, or ``floor``
    (n,) where that is more; a precision is at least `LEAST`.
    """
    bends, turn = np.linalg.eigh(fitted.curvature)
    slopes = np.einsum("nij,ni->nj", turn, fitted.gradient)
    sure = np.clip(np.abs(bends), floor[:, None], MOST)
    shift = np.einsum("nij,nj->ni", turn, slopes / sure)
    # A gain beyond the largest float is infinite, as it should be.
    with np.errstate(over="ignore"):
        squares = slopes**2
        left = np.sum(squares / np.clip(np.abs(bends), FLAT, MOST), axis=1)
        along_mean = np.sum(squares / sure, axis=1)
    if diagonal:
        bends = np.diagonal(fitted.curvature, axis1=1, axis2=2)
        turn = np.broadcast_to(np.eye(bends.shape[1]), turn.shape)
    precisions = np.clip(bends, LEAST, MOST)
    logs = np.log(precisions)
    slope = along_mean + 0.5 * np.sum((bends - 1) * logs, axis=1)
    gain = 0.5 * left + 0.5 * np.sum(precisions - 1 - logs, axis=1)
    return Way(shift, turn, precisions, slope, gain)


def along(q: Gaussians, to: Way, rho: Array) -> Gaussians:
    """The part rho (n,) of the way: the mean on a line, the precision to the power rho.

    So every covariance on the way is positive definite, and the ELBO rises at its beginning.
    """
    scales = to.precisions ** (-0.5 * rho[:, None])
    factor = np.matmul(to.axes * scales[:, None, :], to.axes.transpose(0, 2, 1))
    mean = q.mean + rho[:, None] * np.einsum("nij,nj->ni", q.A, to.shift)
    return Gaussians(mean, np.matmul(q.A, factor))
