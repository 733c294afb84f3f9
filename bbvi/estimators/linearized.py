"""The pathwise gradient with a linearized control variate.

Near the mean m of q the slope of f is almost linear, g(z) ~ g(m) + H (z - m), and the pathwise
gradient of a linear slope is known exactly.  Subtract its estimate, add its exact value:

    d/dlam E_q[f] = E_eps[(g(z) - l(z)) dz/dlam] + E_eps[l(z) dz/dlam],   l(z) = g(m) + H (z - m).

For a quadratic f nothing is left to chance.  H comes from D central differences of the gradient
around the mean.  It need not be accurate: whatever matrix it is, the estimate stays unbiased,
because the same one is subtracted and added.
"""

import numpy as np

from bbvi.estimators.arguments import check_arguments, check_reparameterizable
from bbvi.protocols import Gaussian
from bbvi.types import Array, Estimate, Target


def linearized(
    family: Gaussian, target: Target, lam: Array, eps: Array, step: float = 0.1
) -> Estimate:
    """E_eps[(df/dz - l(z)) dz/dlam] + E_eps[l(z) dz/dlam], for a plain E_q[f].

    Requires
    --------
    A Gaussian family; an f differentiable in z.  Unbiased.

    Parameters
    ----------
    family, target, lam, eps
        lam (N, P); eps (S, N, D), normal.
    step : float
        Of the central differences, in standard deviations of q.

    Raises
    ------
    TypeError
        If the family is not Gaussian.
    ValueError
        If shapes disagree.

    Notes
    -----
    Miller et al. (2017), "Reducing reparameterization gradient variance", section 3; they write
    the exact value out for a diagonal q, here it is a cubature that is exact for both Gaussians.
    """
    check_gaussian(family, "linearized")
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, dz, dtheta = target.evaluate(z, dz=True, dtheta=True)
    intercept, slopes = _linearize(family, target, lam, step)

    def line(noise: Array) -> Array:
        return intercept + np.einsum("dnj,snd->snj", slopes, noise)

    # The pathwise gradient of a line is a polynomial of degree 2 in eps, so that its mean over
    # the 2 D points +-sqrt(D) e_d is its expectation.
    nodes = float(np.sqrt(family.latent_dim)) * _axes(family, lam)
    exact = family.pullback(lam, nodes, line(nodes)).mean(axis=0)
    rest = family.pullback(lam, eps, dz - line(eps)).mean(axis=0)
    return Estimate(f.mean(axis=0), rest + exact, dtheta)


def check_gaussian(family: object, estimator: str) -> None:
    """Raise TypeError unless eps is normal and z linear in it."""
    check_reparameterizable(family, estimator)
    if not isinstance(family, Gaussian):
        raise TypeError(
            f"{estimator} got the family {type(family).__name__}; expected a Gaussian one "
            "(DiagonalGaussian, FullCovarianceGaussian, or one with gaussian_moments), whose z is "
            "linear in normal noise. Use reparameterized."
        )


def _axes(family: Gaussian, lam: Array) -> Array:
    """The unit noise vectors e_1 .. e_D and -e_1 .. -e_D for every datapoint: (2 D, N, D)."""
    unit = np.eye(family.latent_dim, dtype=lam.dtype)
    signed = np.concatenate([unit, -unit])[:, None, :]
    return np.broadcast_to(signed, (len(signed), len(lam), family.latent_dim))


def _linearize(family: Gaussian, target: Target, lam: Array, step: float) -> tuple[Array, Array]:
    """g at the mean (N, D), and dg / d eps_d along each noise axis (D, N, D)."""
    D = family.latent_dim
    centre = np.zeros((1, len(lam), D), dtype=lam.dtype)
    points = np.concatenate([centre, step * _axes(family, lam)])
    slope = target.evaluate(family.transform(lam, points), dz=True).dz
    return slope[0], (slope[1 : D + 1] - slope[D + 1 :]) / (2 * step)


linearized_pathwise = linearized
"""The former name, kept for one release."""
