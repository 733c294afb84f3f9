"""The problem on which estimators are checked, and its replication along rows."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.backends import autodiff
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.grid_sums import grid_expectation
from bbvi.models import LinearGaussian
from bbvi.nets import astype
from bbvi.protocols import Gaussian
from bbvi.types import Array, Estimate, Evaluation, Target


class ExactCase(NamedTuple):
    """A target with rows lam, and the exact answer there."""

    target: Target
    lam: Array
    exact: Estimate


def linear_gaussian_problem(
    family: Any, dtype: Any = np.float64, target_of: Any = None
) -> ExactCase:
    """Two datapoints of a linear-Gaussian model, away from the optimum, with the exact answer.

    log p(x) is near 0 there, which keeps the variance of the plain score function small.
    ``target_of`` is a back end's, e.g. ``bbvi.backends.kernel.target``.
    """
    D, P = family.latent_dim, family.num_params
    if D > 2 and not isinstance(family, Gaussian):
        raise ValueError(
            f"family is a {type(family).__name__} with latent_dim {D}; expected 1 or 2, where the "
            "exact answer is had by quadrature, or a Gaussian family. Check it at D = 2, or give "
            "target, lam and exact."
        )
    model = LinearGaussian(D, D + 1)
    theta = {
        "W": 0.8 * np.cos(1.0 + np.arange(D * (D + 1.0)).reshape(D + 1, D)),
        "b": 0.2 * np.sin(1.0 + np.arange(D + 1.0)),
        "log_sigma": np.array(-1.0),
    }
    x = 0.5 * np.stack([np.ones(D + 1), np.linspace(-0.9, 1.1, D + 1)])
    lam = -0.4 - 0.2 * np.cos(np.arange(2.0 * P)).reshape(2, P)
    if isinstance(family, Gaussian):
        exact = linear_gaussian_elbo(model, theta, x, family, lam)
    else:
        exact = grid_expectation(family, autodiff.target(model, theta, x), lam)
    target_of = autodiff.target if target_of is None else target_of
    target = target_of(model, astype(theta, dtype), x.astype(dtype))
    return ExactCase(target, lam.astype(dtype), exact)


def tile_target(target: Target, replicates: int) -> Target:
    """The target of a table in which the N rows are repeated R times: z is (S, R N, D).

    A back end evaluates any number of samples, so R replicates of S samples are R S samples.
    Theta gradients are summed over all R N rows.
    """

    def fold(array: Array) -> Array:
        return array.reshape(-1, target.num_data, *array.shape[2:])

    def unfold(array: Array, S: int) -> Array:
        return array.reshape(S, -1, *array.shape[2:])

    def weigh(z: Array, weights: Array | None) -> Array:
        shape = z.shape[:2]
        return fold(np.full(shape, 1 / len(z), z.dtype) if weights is None else weights)

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        w = weigh(z, weights) if dtheta else None
        log_p, z_gradient, theta_gradient = target.evaluate(fold(z), dz, dtheta, w)
        if z_gradient is not None:
            z_gradient = unfold(z_gradient, len(z))
        return Evaluation(unfold(log_p, len(z)), z_gradient, theta_gradient)

    def blankets(z: Array) -> Array:
        return unfold(target.blankets(fold(z)), len(z))  # type: ignore[misc]

    return target._replace(
        evaluate=evaluate,
        num_data=replicates * target.num_data,
        blankets=None if target.blankets is None else blankets,
    )
