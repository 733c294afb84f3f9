"""Biased gradients of discrete latents: a smooth stand-in for z.

z = harden(zeta) is a step function of lam and has no pathwise gradient.  Three stand-ins:

* Concrete (Gumbel-softmax): y = soften(zeta, temperature) replaces z everywhere;
* straight-through: f at the hard z, and dz/dlam := d E[z]/dlam;
* straight-through Gumbel: f at the hard z, and dz/dlam := dy/dlam.

All are *biased* for E_q[f] and need f at, or its slope around, values that z never takes.  A low
temperature brings the bias down and the variance up.

lam is (N, P) and eps (S, N, P).  TypeError is raised if the family cannot be relaxed, and
ValueError if a temperature is not positive, or shapes disagree.
"""

from bbvi.estimators.arguments import check_arguments, check_relaxable
from bbvi.types import Array, Estimate, Relaxable, Target


def concrete(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
    temperature: float = 0.5,
) -> Estimate:
    """E_eps[df/dy dy/dlam] at the relaxed y = soften(zeta(lam, eps), temperature).

    ``elbo`` and the theta gradient are those of the relaxed objective E[f(y)].

    Requires
    --------
    A relaxable family; a model that accepts relaxed z and is differentiable there.  *Biased.*

    Parameters
    ----------
    temperature : float
        Positive.

    Notes
    -----
    Maddison, Mnih and Teh (2017); Jang, Gu and Poole (2017).
    """
    check_relaxable(family, "concrete")
    check_arguments(family, target, lam, eps)
    check_temperature(temperature)
    y = family.soften(family.perturb(lam, eps), temperature)
    f, dy, dtheta = target.evaluate(y, dz=True, dtheta=True)
    grad = family.soften_pullback(y, temperature, dy).mean(axis=0)
    return Estimate(f.mean(axis=0), grad, dtheta)


def straight_through(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E_q[df/dz . d E[z]/dlam]: the step of z treated as if z were its own mean.

    Requires
    --------
    A relaxable family; a model differentiable in z.  *Biased* in lam, unless f is linear in z;
    ``elbo`` and the theta gradient are unbiased.

    Notes
    -----
    Bengio, Leonard and Courville (2013), section 4.
    """
    check_relaxable(family, "straight_through")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, dz, dtheta = target.evaluate(z, dz=True, dtheta=True)
    return Estimate(f.mean(axis=0), family.mean_pullback(lam, dz).mean(axis=0), dtheta)


def straight_through_gumbel(
    family: Relaxable,
    target: Target,
    lam: Array,
    eps: Array,
    temperature: float = 0.5,
) -> Estimate:
    """E_q[df/dz . dy/dlam]: hard z forwards, the relaxed y backwards.

    Requires
    --------
    A relaxable family; a model differentiable in z.  *Biased* in lam; ``elbo`` and the theta
    gradient are unbiased.

    Parameters
    ----------
    temperature : float
        Positive.

    Notes
    -----
    Jang, Gu and Poole (2017), section 2.2.
    """
    check_relaxable(family, "straight_through_gumbel")
    check_arguments(family, target, lam, eps)
    check_temperature(temperature)
    zeta = family.perturb(lam, eps)
    y = family.soften(zeta, temperature)
    f, dz, dtheta = target.evaluate(family.harden(zeta), dz=True, dtheta=True)
    grad = family.soften_pullback(y, temperature, dz).mean(axis=0)
    return Estimate(f.mean(axis=0), grad, dtheta)


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless the temperature is positive."""
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a positive number, e.g. 0.5.")
