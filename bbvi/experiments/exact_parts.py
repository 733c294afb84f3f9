"""What `bbvi.experiments.decomposition` estimates, in closed form where one is known.

That is the linear-Gaussian model with a diagonal Gaussian q whose lam an encoder gives, and the
reparameterized gradient: nothing is random but the minibatch and one draw of z.
"""

from typing import Any

import numpy as np

from bbvi import backends
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.linear_gaussian_noise import lam_covariance, minibatch_noise, theta_noise
from bbvi.experiments.methods import Method
from bbvi.experiments.one_gradient import flat
from bbvi.experiments.problem import Problem
from bbvi.families import DiagonalGaussian
from bbvi.inference import Fit, fit_amortized
from bbvi.models import LinearGaussian
from bbvi.types import Array, Estimate, Theta


def exact_parts(
    problem: Problem,
    method: Method,
    fit: Fit,
    optimum: Array | None,
    num_samples: int,
    batch_size: int,
) -> dict[str, dict[str, float | None]]:
    """Block -> the exact parts, per parameter; empty where no closed form is known.

    Parameters
    ----------
    problem, method, fit
        fit holds theta and phi where the run is looked at.
    optimum : ndarray (N, P) or None
        lam at the optimum of Step 1.
    num_samples, batch_size : int
        S and B.
    """
    known = (
        isinstance(problem.model, LinearGaussian)
        and type(problem.family) is DiagonalGaussian
        and method.procedure is fit_amortized
        and method.estimator == "reparameterized"
    )
    if not known or optimum is None or fit.phi is None:
        return {}
    model, family, theta, x = problem.model, problem.family, fit.theta, problem.train.x
    lam = backends.encode(problem.encoder, fit.phi, x)[0]
    each = [_exact(problem, theta, i, lam) for i in range(len(x))]
    in_theta = np.array([flat(one.grad_theta or {}) for one in each])
    at_optimum = linear_gaussian_elbo(model, theta, x, family, optimum).grad_theta
    bias = in_theta.mean(axis=0) - flat(at_optimum or {}) / len(x)
    per_draw = 1 / (num_samples * batch_size)
    jacobians = [_jacobian(problem, fit.phi, i) for i in range(len(x))]
    covariance = lam_covariance(theta, x, lam)
    in_phi = np.array([one.grad[0] @ J for one, J in zip(each, jacobians)])
    noise = [np.sum(C * (J @ J.T)) for C, J in zip(covariance, jacobians)]
    return {
        "theta": _per_parameter(
            per_draw * theta_noise(theta, x, family, lam).mean(),
            minibatch_noise(in_theta, batch_size),
            float(bias @ bias),
            in_theta.shape[1],
        ),
        "phi": _per_parameter(
            per_draw * float(np.mean(noise)),
            minibatch_noise(in_phi, batch_size),
            None,
            in_phi.shape[1],
        ),
    }


def _exact(problem: Problem, theta: Theta, i: int, lam: Array) -> Estimate:
    """The ELBO of datapoint i with its exact gradients."""
    rows = slice(i, i + 1)
    return linear_gaussian_elbo(
        problem.model, theta, problem.train.x[rows], problem.family, lam[rows]
    )


def _jacobian(problem: Problem, phi: Theta, i: int) -> Array:
    """d lam_i / d phi: (P, parameters of the encoder)."""
    _, pullback = backends.encode(problem.encoder, phi, problem.train.x[i : i + 1])
    return np.array([flat(pullback(e[None])) for e in np.eye(problem.family.num_params)])


def _per_parameter(
    monte_carlo: float, minibatch: float, bias_squared: float | None, parameters: int
) -> dict[str, Any]:
    return {
        "exact_monte_carlo": float(monte_carlo) / parameters,
        "exact_minibatch": minibatch / parameters,
        "exact_bias_squared": None if bias_squared is None else bias_squared / parameters,
    }
