"""Gradients of the ELBO (floor 3): ELBO(lam) = E_{q_lam}[log p(x, z) - log q_lam(z)].

Each estimator is one way of writing that expectation, handed to `bbvi.estimators.expectations`:

====================== ================== ========================= ==========================
estimator              integrand f        closed form added         identity
====================== ================== ========================= ==========================
score_function         log p - log q      --                        E_q[f * score]
reparameterized        log p              dH/dlam                   E_eps[df/dz dz/dlam]
reparameterized_mc     log p - log q      --                        as above, minus the score
reparameterized_kl     log p(x | z)       -dKL(q || p(z))/dlam      E_eps[df/dz dz/dlam]
sticking_the_landing   log p - log q      --                        E_eps[df/dz dz/dlam]
====================== ================== ========================= ==========================

In f = log p - log q the lam inside log q is held fixed: its own derivative is the score, whose
expectation is zero.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.estimators import expectations
from bbvi.estimators.arguments import check_reparameterizable, check_target
from bbvi.estimators.expectations import Baseline, no_baseline
from bbvi.logs import LOG_2PI
from bbvi.targets import plus
from bbvi.types import Array, Estimate, Family, Reparameterizable, Target

Integrand = Callable[[Family, Target, Array], Target]
"""(family, target, lam) -> the f of E_q[f]: `elbo_integrand`, or `plain_integrand`."""


def plain_integrand(family: Family, target: Target, lam: Array) -> Target:
    """f(z) = target.value(z) itself, without an entropy term: E_q[f] is a plain expectation."""
    return target


def elbo_integrand(family: Any, target: Target, lam: Array) -> Target:
    """f(z) = log p(x, z) - log q_lam(z) with lam held fixed, as a target."""
    check_target(target)
    return plus(target, lambda z: -family.log_prob(lam, z), lambda z: -family.log_prob_dz(lam, z))


def log_likelihood(target: Target) -> Target:
    """f(z) = log p(x | z) = log p(x, z) - log N(z; 0, I), as a target.

    Raises
    ------
    ValueError
        If the model's prior is not known to be the standard normal.
    """
    check_target(target)
    if not target.standard_normal_prior:
        raise ValueError(
            "reparameterized_kl got a model whose prior is not known to be N(0, I), so no closed "
            "form of KL(q || p(z)) is known. Expected a model with a StandardNormal prior (a "
            "black box declares it by the attribute standard_normal_prior = True); otherwise use "
            "reparameterized or reparameterized_mc."
        )

    def minus_log_prior(z: Array) -> Array:
        return 0.5 * np.sum(z**2 + LOG_2PI, axis=-1)

    return plus(target, minus_log_prior, lambda z: z)


def score_function(
    family: Family, target: Target, lam: Array, eps: Array, baseline: Baseline = no_baseline
) -> Estimate:
    """E_q[(log p(x, z) - log q_lam(z) - b) d log q_lam(z)/dlam].

    Requires
    --------
    Nothing of the model but values; a score of the family.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, ...) from ``family.noise``.
    baseline : callable
        f (S, N) -> b, e.g. ``functools.partial(score_function, baseline=leave_one_out)``.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes disagree; if ``leave_one_out`` gets S = 1.

    Notes
    -----
    Ermon/Grover notes, "Gradient estimation"; Swaney lecture, section II; Ranganath et al. (2014),
    equation 3.
    """
    f = elbo_integrand(family, target, lam)
    return expectations.score_function(family, f, lam, eps, baseline)


def reparameterized(family: Reparameterizable, target: Target, lam: Array, eps: Array) -> Estimate:
    """E_eps[d/dlam log p(x, z(lam, eps))] + dH/dlam: the pathwise gradient, entropy closed-form.

    Requires
    --------
    A reparameterizable family with a closed-form entropy; a model differentiable in z.  Unbiased.

    Raises
    ------
    TypeError, ValueError
        If the family is not reparameterizable, or shapes or dtypes disagree.

    Notes
    -----
    Kingma and Welling (2014), section 2.4; Ermon/Grover notes, "Gradient estimation".
    """
    check_reparameterizable(family, "reparameterized")
    log_p, grad, dtheta = expectations.pathwise(family, target, lam, eps)
    entropy, dentropy = family.entropy_and_grad(lam)
    return Estimate(log_p + entropy, grad + dentropy, dtheta)


def reparameterized_mc(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dlam (log p(x, z(lam, eps)) - log q_lam(z(lam, eps)))]: entropy by sampling.

    The total derivative of log q has two parts: through z (subtracted inside f) and directly in
    lam, the score (subtracted here).

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased.

    Raises
    ------
    TypeError, ValueError
        If the family is not reparameterizable, or shapes or dtypes disagree.

    Notes
    -----
    SGVB estimator A of Kingma and Welling (2014), equation 6; Swaney lecture, "Reparameterization".
    """
    check_reparameterizable(family, "reparameterized_mc")
    elbo, grad, dtheta = sticking_the_landing(family, target, lam, eps)
    score = family.score(lam, family.transform(lam, eps))
    return Estimate(elbo, grad - score.mean(axis=0), dtheta)


def reparameterized_kl(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dlam log p(x | z(lam, eps))] - dKL(q_lam || p(z))/dlam: KL in closed form.

    Requires
    --------
    A model with a standard-normal prior; a family with ``kl_standard_normal_and_grad``.  Unbiased.

    Raises
    ------
    TypeError, ValueError
        If no closed form is known, or shapes or dtypes disagree.

    Notes
    -----
    SGVB estimator B of Kingma and Welling (2014), equation 7; Rios, "Gaussian KL"; Permuter
    Lecture 12, equation 10.
    """
    check_reparameterizable(family, "reparameterized_kl")
    try:
        closed_form = family.kl_standard_normal_and_grad  # type: ignore[attr-defined]
    except AttributeError:
        raise TypeError(
            f"reparameterized_kl got the family {type(family).__name__}, which has no closed-form "
            "KL to N(0, I) (kl_standard_normal_and_grad). Use reparameterized or "
            "reparameterized_mc."
        ) from None
    log_lik, grad, dtheta = expectations.pathwise(family, log_likelihood(target), lam, eps)
    kl, dkl = closed_form(lam)
    return Estimate(log_lik - kl, grad - dkl, dtheta)


def sticking_the_landing(
    family: Reparameterizable, target: Target, lam: Array, eps: Array
) -> Estimate:
    """E_eps[d/dz (log p(x, z) - log q_lam(z)) . dz/dlam]: the path derivative alone.

    Zero for every single sample when q is the exact posterior.

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased.

    Raises
    ------
    TypeError, ValueError
        If the family is not reparameterizable, or shapes or dtypes disagree.

    Notes
    -----
    Roeder, Wu and Duvenaud (2017), equation 8.
    """
    check_reparameterizable(family, "sticking_the_landing")
    return expectations.pathwise(family, elbo_integrand(family, target, lam), lam, eps)
