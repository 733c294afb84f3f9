"""Rao-Blackwellized score function: each parameter weighed by its own factor's terms (floor 3)."""

from typing import Any

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.estimators.elbo import Integrand, elbo_integrand, plain_integrand
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Estimate, Factorized, Target


def rao_blackwellized(
    family: Factorized,
    target: Target,
    lam: Array,
    eps: Array,
    integrand: Integrand = elbo_integrand,
) -> Estimate:
    """E_q[(log p_f(x, z) - log q_f(z_f)) d log q_f(z_f)/dlam_f] for every factor f of q.

    log p_f holds the terms of log p(x, z) that contain z_f, its Markov blanket.  All others are
    independent of z_f given the rest, so that their product with the score of z_f has mean zero
    and only adds variance.

    Requires
    --------
    A factorized family.  The model may tell its blankets: a method
    ``log_joint_blankets(theta, x, z) -> (S, N, F)`` beside ``log_joint``.  Without it the terms
    log q of other factors are dropped, and where every latent is a factor of its own those of a
    standard-normal log p(z) too.  Asking for the blankets is one more pass through the model: S
    more evaluations.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, ...).
    integrand : callable
        `bbvi.estimators.elbo_integrand`, or `bbvi.estimators.plain_integrand` for E_q[f].

    Raises
    ------
    TypeError
        If q is not factorized.
    ValueError
        If shapes disagree.

    Notes
    -----
    Ranganath et al. (2014), section 3.1, equation 6.
    """
    check_factorized(family)
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, dtheta = integrand(family, target, lam).value_and_dtheta(z)
    if integrand is plain_integrand:
        per_factor = target.blankets(z) if target.blankets else f[..., None]
    else:
        log_q = family.log_prob_factors(lam, z)
        log_p = f + log_q.sum(axis=-1)
        per_factor = _blankets(target, z, log_p, log_q.shape[-1]) - log_q
    weights = np.broadcast_to(per_factor, (*f.shape, int(family.param_factors.max()) + 1))
    grad = weights[..., family.param_factors] * family.score(lam, z)
    return Estimate(f.mean(axis=0), grad.mean(axis=0), dtheta)


def check_factorized(family: Any) -> None:
    """Raise TypeError unless q is a product of factors whose log-densities are known."""
    try:
        _ = family.log_prob_factors, family.param_factors
    except AttributeError:
        raise TypeError(
            f"rao_blackwellized got the family {type(family).__name__}, which has no "
            "log_prob_factors: it is not a product of independent factors. Expected one such as "
            "DiagonalGaussian or Bernoulli; for this one use score_function with a baseline."
        ) from None


def _blankets(target: Target, z: Array, log_p: Array, num_factors: int) -> Array:
    """log p_f as far as it is known: (S, N, F), or (S, N, 1) where nothing can be dropped."""
    if target.blankets is not None:
        return target.blankets(z)
    if target.standard_normal_prior and num_factors == target.latent_dim:
        log_prior = -0.5 * (z**2 + LOG_2PI)
        return (log_p - log_prior.sum(axis=-1))[..., None] + log_prior
    return log_p[..., None]
