"""Rao-Blackwellized score function: each parameter weighed by its own factor's terms."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.estimators.elbo import Made, elbo_integrand
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Estimate, Factorized, Target

Terms = Callable[[Target, Array, Array], Array]
"""(target, z (S, N, D), f(z) (S, N)) -> f_k, the terms of f that contain factor k: (S, N, F)."""


def terms_of_blankets(target: Target, z: Array, f: Array) -> Array:
    """The Markov blankets that the target tells, or all of f: (S, N, 1)."""
    return f[..., None] if target.blankets is None else target.blankets(z)


def rao_blackwellized(
    family: Factorized, target: Target, lam: Array, eps: Array, terms: Terms = terms_of_blankets
) -> Estimate:
    """E_q[f_k(z) d log q_k(z_k)/dlam_k] for every factor k of q.

    f_k holds the terms of f that contain z_k, its Markov blanket.  All others are independent of
    z_k given the rest, so that their product with the score of z_k has mean zero and only adds
    variance.

    Requires
    --------
    A factorized family.  The model may tell its blankets: a method
    ``log_joint_blankets(theta, x, z) -> (S, N, F)`` beside ``log_joint``.  For the ELBO, without
    it the terms log q of other factors are dropped, and where every latent is a factor of its own
    those of a standard-normal log p(z) too.  Asking for the blankets is one more pass through the
    model: S more evaluations.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, ...).
    terms : callable
        What is known of the f_k.

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
    f, _, dtheta = target.evaluate(z, dtheta=True)
    per_factor = terms(target, z, f)
    weights = np.broadcast_to(per_factor, (*f.shape, int(family.param_factors.max()) + 1))
    grad = weights[..., family.param_factors] * family.score(lam, z)
    return Estimate(f.mean(axis=0), grad.mean(axis=0), dtheta)


def of_elbo_by_factor(estimator: Made) -> Made:
    """The ELBO's `rao_blackwellized`: f_k = log p_k(x, z) - log q_k(z_k)."""

    @functools.wraps(estimator)
    def elbo(family: Any, target: Target, lam: Array, eps: Array) -> Estimate:
        def terms(f: Target, z: Array, f_z: Array) -> Array:
            log_q = family.log_prob_factors(lam, z)
            log_p = f_z + log_q.sum(axis=-1)
            return _blankets(target, z, log_p, log_q.shape[-1]) - log_q

        return estimator(family, elbo_integrand(family, target, lam), lam, eps, terms)

    return elbo


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
    """log p_k as far as it is known: (S, N, F), or (S, N, 1) where nothing can be dropped."""
    if target.blankets is None and (
        target.standard_normal_prior and num_factors == target.latent_dim
    ):
        log_prior = -0.5 * (z**2 + LOG_2PI)
        return (log_p - log_prior.sum(axis=-1))[..., None] + log_prior
    return terms_of_blankets(target, z, log_p)
