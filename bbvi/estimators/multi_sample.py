"""Bounds tighter than the ELBO, made of S samples together.

With log w_s = log p(x, z_s) - log q(z_s):

    IWAE:   L_S       = E[log (1/S) sum_s w_s]                          (>= ELBO, -> log p(x))
    Renyi:  L_alpha,S = E[log (1/S) sum_s w_s^(1 - alpha)] / (1 - alpha)

The logarithm stands outside the mean, and log S is part of the bound.  ``Estimate.elbo`` holds the
bound; every gradient is that of the bound with *this* S, and at S = 1 that of the ELBO.  theta
moves with the normalized weights of the samples.

lam is (N, P) and eps (S, N, ...).  TypeError is raised if dtypes disagree, or the family is not
what is required; ValueError if shapes disagree.
"""

import numpy as np

from bbvi.estimators.arguments import check_arguments, check_reparameterizable
from bbvi.estimators.elbo import elbo_integrand
from bbvi.importance_weights import normalized
from bbvi.logs import log_mean_exp
from bbvi.types import Array, Estimate, Family, Reparameterizable, Target


def iwae(family: Reparameterizable, target: Target, lam: Array, eps: Array) -> Estimate:
    """E[sum_s w~_s d log w(z_s(lam, eps_s))/dlam], w~ the normalized weights.

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased for L_S.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equations 8 and 14.
    """
    return renyi(family, target, lam, eps, alpha=0.0)


def renyi(
    family: Reparameterizable, target: Target, lam: Array, eps: Array, alpha: float = 0.5
) -> Estimate:
    """E[sum_s w~_s d log w(z_s(lam, eps_s))/dlam], w~_s proportional to w_s^(1 - alpha).

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased for L_alpha,S, which itself
    depends on S.

    Parameters
    ----------
    alpha : float
        0 is IWAE, 1 the ELBO; negative values may exceed log p(x).

    Notes
    -----
    Li and Turner (2016), equations 8 and 10.
    """
    check_reparameterizable(family, "renyi")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f = elbo_integrand(family, target, lam)
    log_w = f.evaluate(z).log_p
    weights = normalized((1 - alpha) * log_w)
    _, dz, dtheta = f.evaluate(z, True, True, weights)
    path = family.pullback(lam, eps, dz) - family.score(lam, z)
    grad = (weights[..., None] * path).sum(axis=0)
    if alpha == 1:
        return Estimate(log_w.mean(axis=0), grad, dtheta)
    return Estimate(log_mean_exp((1 - alpha) * log_w) / (1 - alpha), grad, dtheta)


def dreg(family: Reparameterizable, target: Target, lam: Array, eps: Array) -> Estimate:
    """E[sum_s w~_s^2 d log w(z_s)/dz dz_s/dlam]: the IWAE gradient without any score.

    The score that `iwae` carries is itself reparameterized, which squares the weights; the
    signal-to-noise ratio in lam then grows with S instead of falling.  theta moves as in `iwae`.

    Requires
    --------
    A reparameterizable family; a model differentiable in z.  Unbiased for L_S.

    Notes
    -----
    Tucker et al. (2019), equation 8; Rainforth et al. (2018) for the signal-to-noise ratio.
    """
    check_reparameterizable(family, "dreg")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f = elbo_integrand(family, target, lam)
    log_w = f.evaluate(z).log_p
    weights = normalized(log_w)
    _, dz, dtheta = f.evaluate(z, True, True, weights)
    grad = (weights[..., None] ** 2 * family.pullback(lam, eps, dz)).sum(axis=0)
    return Estimate(log_mean_exp(log_w), grad, dtheta)


def vimco(family: Family, target: Target, lam: Array, eps: Array) -> Estimate:
    """E[sum_s (L - L_-s - w~_s) d log q(z_s)/dlam]: the IWAE gradient by the score function.

    L_-s is the same bound with w_s replaced by the geometric mean of the other weights, a
    baseline that does not know z_s.

    Requires
    --------
    Values of the model only; S >= 2.  Unbiased for L_S.

    Raises
    ------
    ValueError
        If S = 1.

    Notes
    -----
    Mnih and Rezende (2016), equations 7-11.
    """
    check_arguments(family, target, lam, eps)
    S = len(eps)
    if S < 2:
        raise ValueError(
            "vimco got S = 1 sample; expected S >= 2, because each sample's baseline is made of "
            "the others. Draw more samples, or use score_function."
        )
    z = family.transform(lam, eps)
    log_w = elbo_integrand(family, target, lam).evaluate(z).log_p
    weights = normalized(log_w)
    dtheta = target.evaluate(z, dtheta=True, weights=weights).dtheta
    bound = log_mean_exp(log_w)
    signal = bound - _leave_one_out_bounds(log_w) - weights
    grad = (signal[..., None] * family.score(lam, z)).sum(axis=0)
    return Estimate(bound, grad, dtheta)


def _leave_one_out_bounds(log_w: Array) -> Array:
    """log mean w, with log w_s replaced by the mean of the other log w: (S, N)."""
    S = len(log_w)
    geometric = (log_w.sum(axis=0) - log_w) / (S - 1)
    # Sums before and after s, never the total less w_s: that would lose all digits of the others
    # where w_s dominates.
    before = np.logaddexp.accumulate(log_w[:-1], axis=0)
    after = np.logaddexp.accumulate(log_w[:0:-1], axis=0)[::-1]
    others = np.concatenate([after[:1], np.logaddexp(before[:-1], after[1:]), before[-1:]])
    return np.logaddexp(others, geometric) - float(np.log(S))
