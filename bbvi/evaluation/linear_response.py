"""Covariances by linear response: what mean field knows and does not show.

A factorized q has no covariances, and its variances are too small where the posterior has some.
But its *means* move in the right way when the posterior is tilted a little, and how they move is a
covariance.  Tilt the log-density by t . g(z); let lam*(t) be the new optimum.  Under the exact
posterior

    d/dt E_p[f(z)] at t = 0  =  Cov_p(f, g).

Under q, with E_q[f] a function of lam and H the Hessian of the ELBO at its maximum lam*(0),

    0 = d/dt grad [ELBO(lam*(t)) + t . E_q g] = H dlam*/dt + (dE_q[g]/dlam)^T,   so that

    Cov_LR(f, g) = dE_q[f]/dlam . (-H)^-1 . (dE_q[g]/dlam)^T.

In the mean parameters of an exponential family this is (V^-1 - H_L)^-1, with V the covariance of
q's sufficient statistics and H_L the Hessian of E_q[log p]: the same matrix in other coordinates,
for at a maximum the Hessian transforms as a tensor.  If p is Gaussian with precision A, then the
ELBO of DiagonalGaussian is -(mu - m) . A (mu - m) / 2 in mu, and Cov_LR(z, z) = A^-1, exactly.

A function f that is not linear moves beyond what the score of lam can follow.  That part of it,

    r = f - E_q[f] - J F^-1 score,   J = E_q[f score] = dE_q[f]/dlam,   F = E_q[score score],

has no response; its covariance under q is added.  So a q that equals p gives every function its
exact covariance, and r = 0 for z itself under Gaussians.

Source: Giordano, Broderick and Jordan (2018), "Covariances, robustness, and variational Bayes",
theorem 1; r is this package's addition.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi.estimators import reparameterized
from bbvi.estimators.noise import antithetic
from bbvi.evaluation.monte_carlo import check_start
from bbvi.evaluation.psis_evidence import UnreliableWarning
from bbvi.targets import hold_theta
from bbvi.types import Array, Reparameterizable, Target
from bbvi.validation import as_count

FAR = 0.1
"""Nats below the maximum from which on the response of an optimum is not that of lam; P / S more,
which is what the noise of the gradient looks like."""
BLOCK = 128
"""Samples evaluated at a time, so that their intermediate results stay in the cache."""


class LinearResponse(NamedTuple):
    """Means under q of K functions of z, and their covariances by linear response.

    Attributes
    ----------
    mean : ndarray (N, K)
    covariance : ndarray (N, K, K)
        NaN in rows whose lam is at no maximum.
    shortfall : ndarray (N,)
        grad . (-H)^-1 grad / 2: nats that one Newton step from lam would still gain, noise of the
        gradient included; inf at no maximum.
    """

    mean: Array
    covariance: Array
    shortfall: Array


def linear_response(
    family: Reparameterizable,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    num_samples: int = 500,
    of: Callable[[Array], Array] | None = None,
) -> LinearResponse:
    """J (-H)^-1 J^T + Cov_q(r, r), H the Hessian of the ELBO and J = dE_q[f]/dlam, at lam.

    H and J are central differences with the noise held fixed, in antithetic pairs, in steps of a
    small part of 1 / sqrt(E[score_j^2]), the scale on which lam_j changes q.

    Parameters
    ----------
    family, target
        q, reparameterizable, and log p(x, .).
    lam : ndarray (N, P)
        Where Step 1 has converged.
    rng : numpy Generator
        For the noise.
    num_samples : int
        S, even; the target's gradient is evaluated 2 P S times for each row.  Far more than P, or
        least squares leaves too little of r.
    of : callable, optional
        f: z (S, N, D) -> (S, N, K), e.g. ``posterior.constrain``; by default z itself.

    Returns
    -------
    LinearResponse

    Warns
    -----
    UnreliableWarning
        If lam is at no maximum in some rows, or more than 0.1 nats below it.

    Raises
    ------
    TypeError, ValueError
        If lam is not (N, P), finite and of the target's dtype, S is odd or below 2, or rng is no
        Generator.

    Examples
    --------
    >>> import numpy as np
    >>> import bbvi
    >>> A = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> gaussian = bbvi.Posterior(lambda z: -z @ A @ z / 2, 2)
    >>> target = bbvi.backends.target(gaussian, {}, gaussian.x)
    >>> q = bbvi.DiagonalGaussian(2)
    >>> lam = q.from_moments(np.zeros((1, 2)), np.linalg.inv(A))
    >>> linear_response(q, target, lam, np.random.default_rng(0), 100).covariance[0].round(6)
    array([[ 0.666667, -0.333333],
           [-0.333333,  0.666667]])
    """
    check_start(family, target, lam, rng)
    S = as_count("num_samples", num_samples, minimum=2)
    eps = antithetic(family, rng, S, len(lam), lam.dtype)
    held = hold_theta(target)
    blocks = np.array_split(eps, -(-S // BLOCK))

    def gradient(lam: Array) -> Array:
        parts = (
            len(block) / S * reparameterized(family, held, lam, block).grad.astype(np.float64)
            for block in blocks
        )
        return np.sum(list(parts), axis=0)

    def value(lam: Array) -> Array:
        z = family.transform(lam, eps)
        return (z if of is None else of(z)).astype(np.float64)

    score = family.score(lam, family.transform(lam, eps)).astype(np.float64)
    scale = 1 / np.sqrt(np.maximum((score**2).mean(axis=0), 1e-300))
    # In units of ``scale`` the Hessian is that of a well-conditioned parameterization.
    H = scale[:, None, :] * _differences(gradient, lam, scale)
    H = (H + np.swapaxes(H, -1, -2)) / 2
    J = np.swapaxes(_differences(lambda lam: value(lam).mean(axis=0), lam, scale), -1, -2)
    maximum = _negative_definite(H)
    inverse = np.linalg.inv(np.where(maximum[:, None, None], -H, np.eye(H.shape[-1])))
    slope = gradient(lam) * scale
    shortfall = 0.5 * np.einsum("np,npq,nq->n", slope, inverse, slope)
    f = value(lam)
    covariance = J @ inverse @ np.swapaxes(J, -1, -2) + _beyond(f, score * scale)
    covariance[~maximum], shortfall[~maximum] = np.nan, np.inf
    _warn(maximum, shortfall, FAR + lam.shape[1] / S)
    return LinearResponse(f.mean(axis=0), covariance, shortfall)


def _beyond(f: Array, score: Array) -> Array:
    """Covariance of what least squares on the scores (S, N, P) leaves of f (S, N, K): (N, K, K)."""
    f, score = (np.swapaxes(v - v.mean(axis=0), 0, 1) for v in (f, score))
    rest = f - score @ (np.linalg.pinv(score) @ f)
    return np.swapaxes(rest, -1, -2) @ rest / f.shape[1]


def _differences(function: Callable[[Array], Array], lam: Array, scale: Array) -> Array:
    """d function / dlam_p in units of ``scale``, central differences: (N, P, K)."""
    step = float(np.finfo(lam.dtype).eps) ** (1 / 3)
    columns = []
    for p in range(lam.shape[1]):
        move = np.zeros_like(lam)
        move[:, p] = step * scale[:, p]
        columns.append((function(lam + move) - function(lam - move)) / (2 * step))
    return np.stack(columns, axis=1)


def _negative_definite(H: Array) -> Array:
    """Which of the symmetric matrices (N, P, P) are: (N,), bool."""
    finite = np.asarray(np.isfinite(H).all(axis=(1, 2)))
    highest = np.linalg.eigvalsh(np.where(finite[:, None, None], H, 0.0))[:, -1]
    return finite & (highest < 0)


def _warn(maximum: Array, shortfall: Array, far: float) -> None:
    if not maximum.all():
        warnings.warn(
            f"lam is at no maximum of the ELBO in {np.sum(~maximum)} of {len(maximum)} rows, which "
            "get no covariance; expected where Step 1 has converged. Run it longer.",
            UnreliableWarning,
            stacklevel=3,
        )
    elif (shortfall > far).any():
        warnings.warn(
            f"lam is about {shortfall.max():.2g} nats below the maximum of the ELBO in "
            f"{np.sum(shortfall > far)} of {len(maximum)} rows: linear response is a property of "
            "the optimum. Run Step 1 longer.",
            UnreliableWarning,
            stacklevel=3,
        )
