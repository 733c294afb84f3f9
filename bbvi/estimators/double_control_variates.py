"""Double control variates: leave-one-out on top of a Taylor line that the other samples draw."""

import numpy as np

from bbvi.estimators.arguments import check_arguments, check_relaxable
from bbvi.types import Array, Estimate, Relaxable, Target


def double_cv(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E[(1/S) sum_s (f(z_s) - h_s(z_s) - b_s) d log q(z_s)/dlam + g_s . dm/dlam].

    With m = E_q[z] and g_s the mean of f'(z_t) over the *other* samples t,

        h_s(z) = g_s . (z - m),       b_s = mean over t of f(z_t) - h_s(z_t):

    a line for sample s whose slope does not depend on z_s, so that E[h_s(z_s) d log q/dlam] =
    g_s . dm/dlam is known, and leave-one-out for what the line leaves.

    Requires
    --------
    A relaxable family; a model that is differentiable in z; S >= 2.  Unbiased.  As the slopes are
    those at the samples themselves, there is no evaluation more than for leave-one-out.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, P).

    Raises
    ------
    TypeError
        If the family cannot be relaxed.
    ValueError
        If S = 1, or shapes disagree.

    Notes
    -----
    Titsias and Shi (2022), "Double control variates for gradient estimation in discrete latent
    variable models", with the coefficient 1 for the line.
    """
    check_relaxable(family, "double_cv")
    check_arguments(family, target, lam, eps)
    S = len(eps)
    if S < 2:
        raise ValueError(
            "double_cv got S = 1 sample; expected S >= 2, because each sample's line and baseline "
            "are made of the others. Draw more samples, or use muprop."
        )
    z = family.transform(lam, eps)
    f, slope, dtheta = target.evaluate(z, dz=True, dtheta=True)
    # d log q/dlam is z - m for logits, so that the score at z = 0 is -m.
    from_mean = z + family.score(lam, 0 * z[:1])
    g = _mean_of_others(slope)
    line = np.einsum("snd,tnd->stn", g, from_mean)
    # rest[s, t] is what the line of sample s leaves of f(z_t).
    rest = f - line
    diagonal = np.einsum("ssn->sn", rest)
    baseline = (rest.sum(axis=1) - diagonal) / (S - 1)
    weighted = (diagonal - baseline)[..., None] * family.score(lam, z)
    grad = (weighted + family.mean_pullback(lam, g)).mean(axis=0)
    return Estimate(f.mean(axis=0), grad, dtheta)


def _mean_of_others(a: Array) -> Array:
    """The mean over all samples but one, for each: (S, ...) -> (S, ...)."""
    return (a.sum(axis=0) - a) / (len(a) - 1)
