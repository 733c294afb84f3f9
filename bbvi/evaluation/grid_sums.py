"""Expectations under any continuous q with D <= 2, by quadrature in z.

Each coordinate is cut at the mode of q, where the density may have a kink, and each half line is
mapped by z = m +- s exp(t - exp(-t)) (double exponential quadrature).  Equal steps in t then
converge geometrically for tails that fall like an exponential or faster.  With nodes z_j,

    E_q[f] ~ sum_j w_j f(z_j),      w_j = q(z_j) * (volume of the cell of z_j),

and the w_j sum to 1 where the rule is fit for q: this is checked.

Notes
-----
Takahasi and Mori (1974), "Double exponential formulas for numerical integration".
"""

import math
from typing import Any

import numpy as np

from bbvi.estimators.elbo import elbo_integrand
from bbvi.evaluation.exact_sums import Nodes, weighted_sum
from bbvi.protocols import Gaussian, GaussianMoments, HasMoments
from bbvi.types import Array, Estimate, Reparameterizable, Target
from bbvi.validation import as_count

DRAWS = 2**16
SUM_ERROR = 1e-6
"""How far the weights may be from 1."""

_GOLDEN = (math.sqrt(5) - 1) / 2


def grid_nodes(family: Any, lam: Array, num_nodes: int = 64) -> Nodes:
    """Nodes z (J, N, D) with probabilities (J, N) under a continuous q, J = (2 num_nodes)^D.

    Parameters
    ----------
    family : Reparameterizable
        Of which ``log_prob`` counts, and a few draws to see where q is.
    lam : ndarray (N, P)
        float64.
    num_nodes : int
        On each side of the mode, per dimension.

    Raises
    ------
    TypeError
        If the family is not continuous.
    ValueError
        If D > 2, or the probabilities do not sum to 1 within 1e-6.
    """
    D, half = family.latent_dim, as_count("num_nodes", num_nodes, minimum=8)
    if not isinstance(family, Reparameterizable):
        raise TypeError(
            f"family is {type(family).__name__}; quadrature in z is for continuous families. For "
            "a discrete one use enumeration."
        )
    if D > 2:
        raise ValueError(f"family has latent_dim {D}; expected 1 or 2. Estimate by sampling.")
    center, spread, positive = _where(family, lam)
    growth, cells = _half_line(half, -3.3)
    # z > 0: one half line from 0, where the density may be infinite; as many nodes in all.
    ray, ray_cells = _half_line(2 * half, -4.3)
    sides, widths = np.concatenate([-growth, growth]), np.concatenate([cells, cells])
    axes, volumes = [], []
    for d in range(D):
        start = np.zeros(len(lam)) if positive[d] else center[:, d]
        unit, width = (ray, ray_cells) if positive[d] else (sides, widths)
        axes.append(start + unit[:, None] * spread[:, d])
        volumes.append(width[:, None] * spread[:, d])
    index = np.meshgrid(*[np.arange(2 * half)] * D, indexing="ij")
    z = np.stack([axes[d][index[d].ravel()] for d in range(D)], axis=-1)
    volume = np.prod([volumes[d][index[d].ravel()] for d in range(D)], axis=0)
    with np.errstate(over="ignore", under="ignore"):
        w = np.exp(family.log_prob(lam, z)) * volume
    worst = float(np.abs(w.sum(axis=0) - 1).max())
    if not worst < SUM_ERROR:
        raise ValueError(
            f"the density of {type(family).__name__} sums to 1 +- {worst:.1e} over the grid; "
            f"expected {SUM_ERROR:.0e}. It is not normalized, or has more modes or sharper bends "
            f"than num_nodes = {half} can follow: try more, or estimate by sampling."
        )
    # Far out the weights are 0, and f may overflow where it does not count.
    keep = (w > 1e-40).any(axis=1)
    return Nodes(z[keep], w[keep])


def grid_expectation(
    family: Any,
    target: Target,
    lam: Array,
    num_nodes: int = 64,
) -> Estimate:
    """The ELBO of a continuous q with D <= 2, of any shape, and its gradients.

    A plain E_q[f] is ``weighted_sum(family, f, lam, grid_nodes(family, lam))``.

    Parameters
    ----------
    family, target, lam
        lam (N, P), float64.
    num_nodes : int
        On each side of the mode, per dimension.

    Raises
    ------
    TypeError, ValueError
        As `grid_nodes` does.

    Examples
    --------
    E[(z - 0)^2] = m^2 + 2 b^2 under a Laplace, and its entropy is log(2 b) + 1:

    >>> import numpy as np
    >>> from bbvi import Laplace
    >>> from bbvi.models.integrands import quadratic
    >>> q, lam = Laplace(1), np.array([[1.0, 0.0]])
    >>> weighted_sum(q, quadratic(0.0), lam, grid_nodes(q, lam)).elbo.round(9)
    array([3.])
    >>> grid_expectation(q, quadratic(0.0), lam).elbo.round(6)
    array([4.693147])
    """
    f = elbo_integrand(family, target, lam)
    return weighted_sum(family, f, lam, grid_nodes(family, lam, num_nodes))


def moments_of(family: Any, lam: Array) -> GaussianMoments:
    """Mean (N, D) and covariance (N, D, D) of any family.

    Told by the family itself; otherwise by a grid for a continuous q with D <= 2, and by `DRAWS`
    draws for all others: the standard error of a mean is then 0.004 standard deviations, and the
    same lam has the same answer.

    Raises
    ------
    ValueError
        If the grid shows that the density is not normalized.
    """
    if isinstance(family, Gaussian):
        return family.gaussian_moments(lam)
    if isinstance(family, HasMoments):
        return family.moments(lam)
    if family.latent_dim > 2 or not isinstance(family, Reparameterizable):
        return _moments_by_draws(family, lam)
    z, w = grid_nodes(family, lam)
    mean = np.sum(w[..., None] * z, axis=0)
    centered = z - mean
    return GaussianMoments(mean, np.einsum("jn,jni,jnk->nik", w, centered, centered))


def _moments_by_draws(family: Any, lam: Array) -> GaussianMoments:
    """Sample moments, row by row: S N D numbers at once may not fit the memory."""
    rng = np.random.Generator(np.random.PCG64(0))
    means, covariances = [], []
    for row in lam:
        z = family.transform(row[None], family.noise(rng, DRAWS, 1, lam.dtype))[:, 0]
        means.append(z.mean(axis=0))
        covariances.append(np.atleast_2d(np.cov(z.T)))
    return GaussianMoments(np.array(means), np.array(covariances).astype(lam.dtype))


def _half_line(num: int, lowest: float) -> tuple[Array, Array]:
    """Points exp(t - exp(-t)) > 0 at equal steps in t, and the widths of their cells."""
    t, step = np.linspace(lowest, 3.5, num, retstep=True)
    points = np.exp(t - np.exp(-t))
    return points, step * points * (1 + np.exp(-t))


def _where(family: Any, lam: Array) -> tuple[Array, Array, Array]:
    """Mode (N, D), spread (N, D), and which latents are positive (D,).

    The draws tell only where to look; no result depends on them beyond rounding.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    z = family.transform(lam, family.noise(rng, 512, len(lam), lam.dtype))
    low, middle, high = np.quantile(z, [0.1, 0.5, 0.9], axis=0)
    positive = (z > 0).all(axis=(0, 1))
    spread = np.maximum(high - low, np.finfo(lam.dtype).tiny) / 2
    for _ in range(1 if family.latent_dim == 1 else 4):
        for d in np.flatnonzero(~positive):
            middle = _climb(family, lam, middle, 2 * spread[:, d], int(d))
    return middle, spread, positive


def _climb(family: Any, lam: Array, at: Array, width: Array, d: int) -> Array:
    """The maximum of log q along coordinate d, by golden sections (to the last digit at a kink)."""

    def value(offset: Array) -> Array:
        moved = at.copy()
        moved[:, d] += offset
        return family.log_prob(lam, moved[None])[0]

    low, high = -width, width
    for _ in range(90):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        rises = value(left) < value(right)
        low, high = np.where(rises, left, low), np.where(rises, high, right)
    best = at.copy()
    best[:, d] += 0.5 * (low + high)
    return best
