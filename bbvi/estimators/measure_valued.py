"""Measure-valued gradients: the derivative of a density as a difference of two.

dq/dlam is not a density, but it is c (q+ - q-) for two densities and a constant, so that

    d/dlam E_q[f] = c (E_{q+}[f] - E_{q-}[f]),

with values of f only, one parameter at a time: in parameter d, latent d is drawn from q+ or q-
and all others from q.

=========== ============== ===================================== ================================
q           parameter      q+ and q-                             c
=========== ============== ===================================== ================================
Gaussian    mean           mu +- sigma R, R ~ Weibull(2, 2^1/2)  1 / (sigma sqrt(2 pi))
Gaussian    log sigma      mu + sigma M, M two-sided Maxwell; q  1
Bernoulli   logit          z_d = 1; z_d = 0                      sigmoid(lam) sigmoid(-lam)
=========== ============== ===================================== ================================
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.types import Array, Estimate, Target


class Coupling(NamedTuple):
    """How the variates of q+ and q- are made of normal draws.

    Attributes
    ----------
    draws : int
        Normal draws per latent: eps is (draws * S, N, D).
    variates : callable
        e (draws, S, N, D) -> R+, R- and M, each (S, N, D); e[0] is the sample of q itself.
    """

    draws: int
    variates: Callable[[Array], tuple[Array, Array, Array]]


def _coupled(e: Array) -> tuple[Array, Array, Array]:
    # Of three normals, two make a Rayleigh length and all three a Maxwell length; the first
    # component is that length times an independent uniform, which is the coupling of the paper.
    weibull = np.hypot(e[1], e[2])
    return weibull, weibull, np.copysign(np.hypot(e[0], weibull), e[0])


def _uncoupled(e: Array) -> tuple[Array, Array, Array]:
    maxwell = np.copysign(np.hypot(np.hypot(e[1], e[2]), e[3]), e[1])
    return np.hypot(e[0], e[1]), np.hypot(e[2], e[3]), maxwell


coupled = Coupling(3, _coupled)
"""One Weibull variate for q+ and q-; a Maxwell variate M beside the normal variate M U of q."""

uncoupled = Coupling(4, _uncoupled)
"""q+ and q- drawn independently of each other."""


def measure_valued(
    family: DiagonalGaussian,
    target: Target,
    lam: Array,
    eps: Array,
    coupling: Coupling = coupled,
) -> Estimate:
    """(f(mu + sigma R) - f(mu - sigma R)) / (sigma sqrt(2 pi)) and f(mu + sigma M) - f(z).

    Requires
    --------
    A diagonal Gaussian q; values of f only.  Unbiased.

    Parameters
    ----------
    family, target, lam
        lam (N, P).
    eps : ndarray (draws * S, N, D)
        As from ``bbvi.estimators.draw_noise``: normal, the ``draws`` blocks of S one after the
        other.
    coupling : Coupling
        `coupled` or `uncoupled`.

    Raises
    ------
    TypeError
        If q is not a diagonal Gaussian.
    ValueError
        If the number of rows of eps is not a multiple of ``draws``.

    Notes
    -----
    Mohamed et al. (2020), section 6 and table 1; Heidergott, Vazquez-Abad and Volk-Makarewicz
    (2008).
    """
    _check_family(family, DiagonalGaussian, "measure_valued")
    check_arguments(family, target, lam, eps)
    if len(eps) % coupling.draws:
        raise ValueError(
            f"eps has {len(eps)} rows; expected a multiple of {coupling.draws}, because one sample "
            f"of measure_valued uses up {coupling.draws} normal draws. Use "
            "bbvi.estimators.draw_noise, or that many times more samples."
        )
    e = eps.reshape(coupling.draws, -1, *eps.shape[1:])
    mean, log_scale = family.split(lam)
    sigma = np.exp(log_scale)
    z = family.transform(lam, e[0])
    at_z, _, dtheta = target.evaluate(z, dtheta=True)
    weibull_plus, weibull_minus, maxwell = coupling.variates(e)
    columns = np.stack(
        [mean + sigma * weibull_plus, mean - sigma * weibull_minus, mean + sigma * maxwell]
    )
    plus, minus, wide = _with_one_column(target, z, columns)
    dmean = (plus - minus) / (sigma * float(np.sqrt(2 * np.pi)))
    grad = np.concatenate([dmean, wide - at_z[..., None]], axis=-1).mean(axis=0)
    return Estimate(at_z.mean(axis=0), grad, dtheta)


def measure_valued_bernoulli(
    family: Bernoulli,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """sigmoid(lam) sigmoid(-lam) (f(z with z_d = 1) - f(z with z_d = 0)), each latent in turn.

    One of the two is f(z) itself, so a sample costs D + 1 evaluations.  The same numbers are
    called local expectation gradients.

    Requires
    --------
    A Bernoulli q; values of f only.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, D); eps (S, N, D), uniform.

    Raises
    ------
    TypeError
        If q is not Bernoulli.
    ValueError
        If shapes disagree.

    Notes
    -----
    Mohamed et al. (2020), table 1; Titsias and Lazaro-Gredilla (2015).
    """
    _check_family(family, Bernoulli, "measure_valued_bernoulli")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    at_z, _, dtheta = target.evaluate(z, dtheta=True)
    (flipped,) = _with_one_column(target, z, (1 - z)[None])
    difference = (at_z[..., None] - flipped) * (2 * z - 1)
    grad = family.mean_pullback(lam, difference).mean(axis=0)
    return Estimate(at_z.mean(axis=0), grad, dtheta)


def _with_one_column(f: Target, z: Array, columns: Array) -> Array:
    """f of z with its column d replaced, for each d and each set of columns.

    z (S, N, D), columns (V, S, N, D) -> (V, S, N, D).
    """
    V, S, N, D = columns.shape
    points = np.empty((V, D, S, N, D), dtype=z.dtype)
    points[...] = z
    for d in range(D):
        points[:, d, :, :, d] = columns[..., d]
    values = f.evaluate(points.reshape(V * D * S, N, D)).log_p.reshape(V, D, S, N)
    return np.moveaxis(values, 1, -1)


def _check_family(family: object, expected: type, estimator: str) -> None:
    if not isinstance(family, expected):
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}; expected {expected.__name__}, "
            "whose derivative is known as a difference of two distributions. Use score_function."
        )
