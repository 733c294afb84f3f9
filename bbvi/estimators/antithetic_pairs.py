"""ARM and DisARM: Bernoulli gradients from a pair of mirrored samples.

z uses the uniform u, z' the mirrored 1 - u: both are samples of q, negatively correlated, and the
difference f(z) - f(z') needs neither a baseline nor a relaxation.

lam is (N, D) and eps (S, N, D), uniform: S pairs.  TypeError is raised unless q is Bernoulli, and
ValueError if shapes disagree.
"""

import numpy as np
from scipy.special import expit

from bbvi.estimators.arguments import check_arguments
from bbvi.families import Bernoulli
from bbvi.types import Array, Estimate, Target, Theta


def arm(
    family: Bernoulli,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E_u[(f(z(u)) - f(z(1 - u))) (u - 1/2)]: augment, reparameterize, merge.

    Requires
    --------
    A Bernoulli q; values of f only.  Unbiased.

    Notes
    -----
    Yin and Zhou (2019), theorem 1.
    """
    _check_bernoulli(family, "arm")
    check_arguments(family, target, lam, eps)
    _, f, elbo, dtheta = _pair(family, target, lam, eps)
    grad = ((f[0] - f[1])[..., None] * (eps - 0.5)).mean(axis=0)
    return Estimate(elbo, grad, dtheta)


def disarm(
    family: Bernoulli,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E[(f(z) - f(z')) (z_d - z'_d) sigmoid(|lam_d|) / 2]: ARM with u integrated out given z, z'.

    Zero in every latent on which the pair agrees; never of larger variance than `arm`.

    Requires
    --------
    A Bernoulli q; values of f only.  Unbiased.

    Notes
    -----
    Dong, Mnih and Tucker (2020), equation 5.
    """
    _check_bernoulli(family, "disarm")
    check_arguments(family, target, lam, eps)
    z, f, elbo, dtheta = _pair(family, target, lam, eps)
    weights = 0.5 * (z[0] - z[1]) * expit(np.abs(lam))
    grad = ((f[0] - f[1])[..., None] * weights).mean(axis=0)
    return Estimate(elbo, grad, dtheta)


def _pair(
    family: Bernoulli, target: Target, lam: Array, eps: Array
) -> tuple[Array, Array, Array, Theta | None]:
    """z (2, S, N, D) and f (2, S, N) at both samples, mean f (N,) and d/dtheta over all 2 S."""
    S = len(eps)
    z = family.transform(lam, np.concatenate([eps, 1 - eps]))
    f, _, dtheta = target.evaluate(z, dtheta=True)
    return z.reshape(2, *eps.shape), f.reshape(2, S, -1), f.mean(axis=0), dtheta


def _check_bernoulli(family: object, estimator: str) -> None:
    if not isinstance(family, Bernoulli):
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}; expected Bernoulli, whose "
            "samples have a mirror image. Use score_function with leave_one_out."
        )
