"""ARMS: Bernoulli gradients from S mutually antithetic samples.

The S uniforms of a latent are tied by a Dirichlet copula: with d ~ Dirichlet(1, .., 1) each
u_s = (1 - d_s)^(S - 1) is uniform, and any two of them are as far apart as S uniforms can be in
that family.  Two samples z_s, z_t of one latent then have the correlation rho <= 0, which is known,
and leave-one-out divided by 1 - rho is unbiased again.
"""

import numpy as np
from scipy.special import expit

from bbvi.estimators.arguments import check_arguments
from bbvi.families import Bernoulli
from bbvi.types import Array, Estimate, Target


def arms(
    family: Bernoulli,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """E[(1/(S-1)) sum_s (f(z_s) - mean f) (z_s - sigmoid(lam)) / (1 - rho)], z_s antithetic.

    At S = 2 this is DisARM with one pair.

    Requires
    --------
    A Bernoulli q; values of f only; S >= 2.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, D); eps (S, N, D), uniform and *independent*: the estimator ties them itself.

    Raises
    ------
    TypeError
        If q is not Bernoulli.
    ValueError
        If S = 1, or shapes disagree.

    Notes
    -----
    Dimitriev and Zhou (2021), "ARMS: Antithetic-REINFORCE-Multi-Sample gradient for binary
    variables", theorem 1 and section 3.2.
    """
    if not isinstance(family, Bernoulli):
        raise TypeError(
            f"arms got the family {type(family).__name__}; expected Bernoulli, whose samples can "
            "be antithetic. Use score_function with leave_one_out."
        )
    check_arguments(family, target, lam, eps)
    S = len(eps)
    if S < 2:
        raise ValueError(
            "arms got S = 1 sample; expected S >= 2, because samples are compared with each "
            "other. Draw more samples, or use disarm."
        )
    p = expit(lam)
    u = dirichlet_copula(eps)
    # The copula ties the lower tail: it is the rarer of z = 1 and z = 0 that must not repeat.
    z = np.where(p < 0.5, u < p, 1 - u < p).astype(lam.dtype)
    f, dtheta = target.value_and_dtheta(z)
    centred = (f - f.mean(axis=0))[..., None] * (z - p)
    grad = centred.sum(axis=0) / ((S - 1) * (1 - correlation(p, S)))
    return Estimate(f.mean(axis=0), grad, dtheta)


def dirichlet_copula(eps: Array) -> Array:
    """S uniforms (S, ...), tied along the first axis, from independent eps (S, ...)."""
    e = -np.log(eps)
    return (1 - e / e.sum(axis=0)) ** (len(eps) - 1)


def correlation(p: Array, num_samples: int) -> Array:
    """rho of two of the S samples of a Bernoulli(p), in the shape of p; never positive.

    With r = min(p, 1 - p) both samples take their rarer value with probability
    max(2 r^(1/(S - 1)) - 1, 0)^(S - 1).
    """
    r, power = np.minimum(p, 1 - p), num_samples - 1
    both = np.maximum(2 * r ** (1 / power) - 1, 0) ** power
    return (both - r**2) / (r * (1 - r))
