"""REBAR and RELAX: a relaxation as a control variate, so that nothing is biased.

z = harden(zeta) is a function of zeta = zeta(lam, eps).  Given z, the same zeta can also be drawn
as zeta~(lam, v, z) with other noise v.  For any surrogate c of zeta,

    d/dlam E_q[f(z)] = E[(f(z) - c(zeta~)) d log q(z)/dlam + dc/dzeta dzeta/dlam
                                                         - dc/dzeta~ dzeta~/dlam].

v is coupled with eps so that zeta~ = zeta: one evaluation of c serves all three terms, and the
two derivatives, which move differently with lam at the same point, leave their gap
(``family.gap_pullback``).

lam is (N, P) and eps (S, N, P).  TypeError is raised if the family cannot be relaxed, and
ValueError if a temperature is not positive, or shapes disagree.
"""

from collections.abc import Callable

from bbvi.estimators.arguments import check_arguments, check_relaxable
from bbvi.estimators.relaxations import check_temperature
from bbvi.types import Array, Estimate, Relaxable, Target

Surrogate = Callable[[Relaxable, Target, Array], tuple[Array, Array]]
"""(family, f, zeta (S, N, P)) -> c (S, N), dc/dzeta (S, N, P)."""


def rebar(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
    temperature: float = 0.5,
    scale: float = 1.0,
) -> Estimate:
    """`relax` with the surrogate c(zeta) = scale f(soften(zeta, temperature)).

    Requires
    --------
    A relaxable family; a model that accepts relaxed z and is differentiable there.  Unbiased for
    any temperature and scale.

    Parameters
    ----------
    temperature, scale : float
        Of the relaxation, positive; and the weight of the control variate (0: none).

    Notes
    -----
    Tucker et al. (2017), equation 6; the coupling of the two noises is their section 3.3.
    """
    check_temperature(temperature)

    def surrogate(family: Relaxable, f: Target, zeta: Array) -> tuple[Array, Array]:
        return softened(family, f, zeta, temperature, scale)

    return relax(family, target, lam, eps, surrogate)


def softened(
    family: Relaxable, f: Target, zeta: Array, temperature: float = 0.5, scale: float = 1.0
) -> tuple[Array, Array]:
    """c(zeta) = scale f(soften(zeta, temperature)) and dc/dzeta: the surrogate of REBAR."""
    y = family.soften(zeta, temperature)
    value, dy, _ = f.evaluate(y, dz=True)
    return scale * value, scale * family.soften_pullback(y, temperature, dy)


def relax(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
    surrogate: Surrogate = softened,
) -> Estimate:
    """E[(f(z) - c(zeta)) d log q(z)/dlam + dc/dzeta d(zeta - zeta~)/dlam] for any surrogate c.

    Requires
    --------
    A relaxable family; a surrogate that does not depend on these samples, e.g. learned before
    (`bbvi.estimators.surrogates`).  f itself need not be differentiable.  Unbiased.

    Parameters
    ----------
    surrogate : callable
        (family, f, zeta) -> c (S, N), dc/dzeta (S, N, P).

    Notes
    -----
    Grathwohl et al. (2018), equation 8.
    """
    check_relaxable(family, "relax")
    check_arguments(family, target, lam, eps)
    zeta = family.perturb(lam, eps)
    z = family.harden(zeta)
    at_z, _, dtheta = target.evaluate(z, dtheta=True)
    c, dc = surrogate(family, target, zeta)
    weighted = (at_z - c)[..., None] * family.score(lam, z)
    grad = (weighted + family.gap_pullback(lam, zeta, dc)).mean(axis=0)
    return Estimate(at_z.mean(axis=0), grad, dtheta)
