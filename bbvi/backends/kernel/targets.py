"""Model -> Target by the kernel."""

from functools import partial
from typing import Any

from bbvi.backends.kernel.evaluate import evaluate
from bbvi.backends.kernel.prepared import check_supports, take_apart
from bbvi.threads import thread_count
from bbvi.types import Array, Model, Target, Theta
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
    return Target(
        partial(evaluate, take_apart(model, theta, x), num_threads),
        num_data=len(x),
        latent_dim=model.latent_dim,
        dtype=x.dtype,
        standard_normal_prior=model.standard_normal_prior,
    )
