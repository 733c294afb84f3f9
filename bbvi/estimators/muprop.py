"""MuProp: the score function less a Taylor line at the mean of q."""

from bbvi.estimators.arguments import check_arguments, check_relaxable
from bbvi.types import Array, Estimate, Relaxable, Target


def muprop(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E_q[(f(z) - h(z)) d log q(z)/dlam] + f'(m) . dm/dlam, h(z) = f(m) + f'(m) . (z - m).

    m = E_q[z], where the slope of h is known: E_q[h(z) d log q/dlam] = f'(m) . dm/dlam.

    Requires
    --------
    A relaxable family; a model that accepts relaxed z and is differentiable there.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, P).

    Raises
    ------
    TypeError
        If the family cannot be relaxed.
    ValueError
        If shapes disagree.

    Notes
    -----
    Gu, Levine, Sutskever and Mnih (2016), "MuProp: unbiased backpropagation for stochastic neural
    networks", equation 6.
    """
    check_relaxable(family, "muprop")
    check_arguments(family, target, lam, eps)
    f = target
    # d log q/dlam is z - m for logits, so that the score at z = 0 is -m.
    z = family.transform(lam, eps)
    m = -family.score(lam, 0 * z[:1])
    at_m, slope = f.value_and_dz(m)
    at_z, dtheta = f.value_and_dtheta(z)
    line = at_m + ((z - m) * slope).sum(axis=-1)
    weighted = ((at_z - line)[..., None] * family.score(lam, z)).mean(axis=0)
    return Estimate(at_z.mean(axis=0), weighted + family.mean_pullback(lam, slope)[0], dtheta)
