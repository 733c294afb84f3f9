"""Model -> Target by the kernel (floor 3)."""

from typing import Any

import numpy as np

from bbvi.backends.kernel.evaluate import evaluate_grads, evaluate_value
from bbvi.backends.kernel.pieces import check_supports, take_apart
from bbvi.threads import thread_count
from bbvi.types import Array, Evaluation, Model, Target, Theta
from bbvi.validation import check_inputs


def target(model: Model, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """log p_theta(x, .) of a model the kernel knows, with gradients in z and theta.

    Parameters
    ----------
    model : DeepLatentModel or LinearGaussian
        See `supports`.
    theta : dict
        Parameters, all of x's dtype.
    x : ndarray (N, Dx)
        Data, float32 or float64.
    num_threads : int, optional
        Python threads to share the blocks; by default as many as BLAS may use
        (``threadpoolctl.threadpool_limits`` and ``OPENBLAS_NUM_THREADS`` are followed).

    Returns
    -------
    Target

    Raises
    ------
    TypeError
        If x is not floating point, theta is not a dict of float arrays, or their dtypes differ.
    ValueError
        If the kernel does not know the model, x or theta is not finite, or x is empty or not
        possible under the model.
    """
    check_supports(model)
    x = check_inputs(model, theta, x)
    thread_count(num_threads)
    return unchecked_target(model, theta, x, num_threads)


def unchecked_target(model: Any, theta: Theta, x: Array, num_threads: int | None = None) -> Target:
    """`target` without its checks, for loops that have made them."""
    pieces = take_apart(model, theta, x)

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        if dtheta and weights is None:
            weights = np.full(z.shape[:2], 1 / max(1, len(z)), z.dtype)
        if not (dz or dtheta):
            return Evaluation(evaluate_value(pieces, z, num_threads), None, None)
        log_p, z_gradient, theta_gradient = evaluate_grads(
            pieces, z, weights if dtheta else None, num_threads
        )
        return Evaluation(log_p, z_gradient if dz else None, theta_gradient if dtheta else None)

    return Target(
        evaluate,
        num_data=len(x),
        latent_dim=model.latent_dim,
        dtype=x.dtype,
        standard_normal_prior=model.standard_normal_prior,
    )
