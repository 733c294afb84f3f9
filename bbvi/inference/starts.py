"""Where Step 1 starts, as values: ``infer(..., start=laplace())``."""

from functools import partial
from typing import Any

import numpy as np

from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference.solvers.lbfgs import maximize
from bbvi.inference.solvers.solution import Targets
from bbvi.types import Array, Target

WIDEST = 1e9
"""Times the variance of the start, beyond which a direction counts as flat."""


def laplace(*, max_steps: int = 500, tolerance: float = 1e-6) -> Any:
    """The mode of log p(x, .) and the curvature there: q = N(mode, (-d^2 log p)^-1), row by row.

    The mode is found by L-BFGS of all rows at once from the mean of the given start; the Hessian
    comes from central differences of the gradient, 2 D of them in one pass.  Directions that do
    not curve downwards keep the variance of the start.

    Parameters
    ----------
    max_steps : int
        Of L-BFGS.
    tolerance : float
        Nats of log p that may be left.

    Returns
    -------
    Start
        For ``bbvi.infer(..., start=...)``, with a Gaussian family.

    Examples
    --------
    >>> import numpy as np
    >>> import bbvi
    >>> model = bbvi.Posterior(lambda z: -2 * (z[0] - 3) ** 2, 1)
    >>> q, rng = bbvi.DiagonalGaussian(1), np.random.default_rng(0)
    >>> fit = bbvi.infer(model, q, {}, model.x, rng, start=laplace())
    >>> q.moments(fit.lam).mean.round(3)
    array([[3.]])
    """
    return partial(_laplace, max_steps=max_steps, tolerance=tolerance)


def _laplace(
    family: Any,
    targets: Targets,
    lam: Array,
    rng: np.random.Generator,
    *,
    max_steps: int,
    tolerance: float,
) -> Array:
    if not isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        raise TypeError(
            f"laplace got the family {type(family).__name__}; expected DiagonalGaussian or "
            "FullCovarianceGaussian, which a mean and a covariance make. Use lam=..., or for a "
            "Posterior bbvi.inference.whitened(posterior, rng) in its place."
        )
    moments = family.moments(lam.astype(np.float64))

    def log_p(z: Array, rows: Array) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            value, dz = targets(rows).value_and_dz(z[None].astype(lam.dtype))
        return value[0].astype(np.float64), dz[0].astype(np.float64)

    mode = maximize(log_p, moments.mean, tolerance, max_steps, lambda value: None).x
    precision = -hessian(targets(np.arange(len(lam))), mode)
    values, axes = np.linalg.eigh(precision)
    start = np.einsum("nji,njk,nki->ni", axes, moments.covariance, axes)
    # Of the largest curvature, what differences of gradients do not tell from 0.
    noise = float(np.finfo(lam.dtype).eps) ** (2 / 3) * np.abs(values).max(axis=1, keepdims=True)
    bends = values > np.maximum(1 / (WIDEST * start), noise)
    variances = np.where(bends, 1 / np.where(bends, values, 1), start)
    covariance = np.matmul(axes * variances[:, None, :], axes.transpose(0, 2, 1))
    covariance = 0.5 * (covariance + covariance.transpose(0, 2, 1))
    lam_mode: Array = family.from_moments(mode, covariance).astype(lam.dtype)
    return lam_mode


def hessian(target: Target, z: Array, unit: Array | None = None) -> Array:
    """d^2 log p / dz^2 at one z per row, by central differences: z (N, D) -> (N, D, D).

    ``unit`` (N, D) are lengths on which log p changes, by default 1, or |z| where that is more.
    """
    D = z.shape[1]
    small = float(np.finfo(target.dtype).eps) ** (1 / 3)
    length = np.maximum(1, np.abs(z)) if unit is None else np.maximum(unit, small * np.abs(z))
    h = small * length
    steps = np.einsum("nd,de->dne", h, np.eye(D))
    points = np.concatenate([z + steps, z - steps]).astype(target.dtype)
    dz = target.value_and_dz(points)[1].astype(np.float64)
    slopes = (dz[:D] - dz[D:]) / (2 * h.T[:, :, None])
    H = slopes.transpose(1, 0, 2)
    return 0.5 * (H + H.transpose(0, 2, 1))
