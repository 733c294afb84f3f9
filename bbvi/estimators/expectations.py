"""Gradients of a plain expectation, d/dlam E_{q_lam}[f(z)]: the primitive.

Here ``target.value`` is the integrand f itself; no entropy is added and log q is not subtracted.
The ELBO's estimators (`bbvi.estimators.elbo`) are these functions with f = log p - log q, or
with f = log p and a closed-form term beside it.  In the returned `Estimate`, ``elbo`` holds the
estimate of E_q[f].

Both identities move the derivative inside the expectation:

* score function:  d/dlam E_q[f] = E_q[f(z) d log q_lam(z)/dlam]
* pathwise:        d/dlam E_q[f] = E_eps[df/dz . dz(lam, eps)/dlam]

lam is (N, P) and eps (S, N, ...) from ``family.noise``.  TypeError or ValueError is raised if
shapes or dtypes disagree, and TypeError if the family has no ``pullback`` that is needed.
"""

from collections.abc import Callable

import numpy as np

from bbvi.estimators.arguments import check_arguments, check_reparameterizable
from bbvi.types import Array, Estimate, Family, Reparameterizable, Target

Baseline = Callable[[Array], Array]
"""A control variate for the score function: f (S, N) -> b, broadcastable to (S, N)."""


def no_baseline(f: Array) -> Array:
    """b = 0: the plain score-function estimator."""
    return np.zeros((), dtype=f.dtype)


def leave_one_out(f: Array) -> Array:
    """b_s = mean of the *other* samples' f, so that b_s is independent of z_s: (S, N).

    Source: Mnih and Rezende (2016), section 2.4; Kool et al. (2019).

    Raises
    ------
    TypeError
        If f is no array of floats.
    ValueError
        If S = 1: there is no other sample.
    """
    if not isinstance(f, np.ndarray) or f.dtype.kind != "f" or isinstance(f, np.ma.MaskedArray):
        raise TypeError(
            f"leave_one_out got {type(f).__name__}; expected f, an array of floats (S, N), no mask."
        )
    S = len(f) if f.ndim else 1
    if S < 2:
        raise ValueError(
            "leave_one_out got S = 1 sample; expected S >= 2, because each sample's baseline is "
            "the mean of the others. Draw more samples, or use the plain score function."
        )
    return (f.sum(axis=0) - f) / (S - 1)


def score_function(
    family: Family, target: Target, lam: Array, eps: Array, baseline: Baseline = no_baseline
) -> Estimate:
    """E_q[(f(z) - b) d log q_lam(z)/dlam], the log-derivative trick (REINFORCE).

    Requires
    --------
    A score; f needs no derivative in z.  Unbiased when b_s does not depend on z_s.

    Parameters
    ----------
    baseline : callable
        f (S, N) -> b, e.g. `leave_one_out`.

    Notes
    -----
    Williams (1992); Ermon/Grover notes, "Gradient estimation"; Rios, "Score function estimator".
    """
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    weighted = (f - baseline(f))[..., None] * family.score(lam, z)
    return Estimate(f.mean(axis=0), weighted.mean(axis=0), dtheta)


def pathwise(family: Reparameterizable, target: Target, lam: Array, eps: Array) -> Estimate:
    """E_eps[df/dz . dz(lam, eps)/dlam], the reparameterization trick.

    Requires
    --------
    A reparameterizable family and an f that is differentiable in z.

    Notes
    -----
    Kingma and Welling (2014), section 2.4; Rios, "Reparametrised gradient estimate".
    """
    check_reparameterizable(family, "pathwise")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, dz, dtheta = target.evaluate(z, dz=True, dtheta=True)
    return Estimate(f.mean(axis=0), family.pullback(lam, eps, dz).mean(axis=0), dtheta)
