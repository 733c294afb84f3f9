"""The reference back end: any model in autograd.numpy, by reverse-mode autograd."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from autograd import make_vjp

from bbvi.protocols import EncoderLike, HasBlankets, KnowsItsPrior
from bbvi.types import Array, Evaluation, Model, Target, Theta
from bbvi.validation import check_inputs


def target(model: Model, theta: Theta, x: Array) -> Target:
    """log p_theta(x, .) of any model, with gradients in z and theta by autograd.

    Parameters
    ----------
    model : Model
        The black box: its ``log_joint`` is written in ``autograd.numpy``.
    theta : dict
        Parameters, all of x's dtype.
    x : ndarray (N, Dx)
        Data, float32 or float64.

    Returns
    -------
    Target

    Raises
    ------
    TypeError
        If x is not floating point, theta is not a dict of float arrays, or their dtypes differ.
    ValueError
        If x is empty, x or theta is not finite, or not possible under the model; when
        evaluated, if ``log_joint`` does not return (S, N).

    Notes
    -----
    Rows do not interact, so pulling back a matrix of ones gives every sample's own d/dz.
    """
    return unchecked_target(model, theta, check_inputs(model, theta, x))


def unchecked_target(model: Model, theta: Theta, x: Array) -> Target:
    """`target` without its checks, for loops that have made them."""

    def log_joint(theta: Theta, z: Array) -> Array:
        out = model.log_joint(theta, x, z)
        if np.shape(out) != z.shape[:2]:
            raise ValueError(_wrong_shape(model, np.shape(out), z.shape))
        if out.dtype.kind != "f":
            raise TypeError(
                f"{type(model).__name__}.log_joint returned {out.dtype}; expected real floating "
                "point: a log-density in nats."
            )
        return out

    def evaluate(
        z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
    ) -> Evaluation:
        if dtheta and not theta:
            return evaluate(z, dz)._replace(dtheta={})
        if not dtheta and not dz:
            return Evaluation(log_joint(theta, z), None, None)
        if not dtheta:
            vjp, log_p = make_vjp(lambda z: log_joint(theta, z))(z)
            return Evaluation(log_p, vjp(np.ones_like(log_p)), None)
        if not dz:
            vjp, log_p = make_vjp(lambda theta: log_joint(theta, z))(theta)
            return Evaluation(log_p, None, vjp(_sample_weights(log_p, weights)))
        vjp, log_p = make_vjp(lambda both: log_joint(*both))((theta, z))
        if weights is None:
            theta_gradient, z_gradient = vjp(_sample_weights(log_p, None))
            return Evaluation(log_p, z_gradient * len(z), theta_gradient)
        return Evaluation(log_p, vjp(np.ones_like(log_p))[1], vjp(weights)[0])

    def blankets(z: Array) -> Array:
        return model.log_joint_blankets(theta, x, z)  # type: ignore[attr-defined]

    return Target(
        evaluate,
        num_data=len(x),
        latent_dim=model.latent_dim,
        dtype=x.dtype,
        standard_normal_prior=isinstance(model, KnowsItsPrior)
        and bool(model.standard_normal_prior),
        blankets=blankets if isinstance(model, HasBlankets) else None,
    )


def encode(encoder: EncoderLike, phi: Theta, x: Array) -> tuple[Array, Callable[[Array], Theta]]:
    """lam = f_phi(x) (N, P), and its pullback: d/dlam (N, P) -> d/dphi, summed over the rows."""
    vjp, lam = make_vjp(lambda phi: encoder(phi, x))(phi)
    return lam, vjp


def rows_and_grads(
    log_prob: Callable[[Theta, Array], Array], params: Theta, h: Array, weights: Array | None
) -> tuple[Array, Array, Theta]:
    """One log-density on R rows, its d/dh for each row, and sum_r weights_r d/dparams.

    What the kernel asks for a prior or a likelihood that it does not know: autograd of that part
    alone, on a block of rows.

    Parameters
    ----------
    log_prob : callable
        (params, h) -> (1, R).
    params : dict
    h : ndarray (R, H)
        z, or the decoder's outputs.
    weights : ndarray (R,) or None
        None where nobody asks for d/dparams.
    """
    # autograd keeps its traces in one stack for all threads.
    with _one_trace:
        if weights is None or not params:
            vjp, log_p = make_vjp(lambda h: log_prob(params, h))(h)
            return log_p[0], vjp(np.ones_like(log_p)), {}
        vjp, log_p = make_vjp(lambda both: log_prob(*both))((params, h))
        dparams, dh = vjp(np.ones_like(log_p))
        if (weights == weights[0]).all():
            return log_p[0], dh, {key: weights[0] * slope for key, slope in dparams.items()}
        return log_p[0], dh, vjp(weights[None])[0]


_one_trace = threading.Lock()


def _forget_threads() -> None:
    """In a forked child: the thread that held the lock is not there."""
    global _one_trace
    _one_trace = threading.Lock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_threads)


def _sample_weights(log_p: Array, weights: Array | None) -> Array:
    return np.full_like(log_p, 1 / len(log_p)) if weights is None else weights


def _wrong_shape(model: Any, shape: tuple[int, ...], z_shape: tuple[int, ...]) -> str:
    S, N = z_shape[:2]
    hint = {
        (): "it was summed over everything; sum over the last axis only",
        (S,): "it was summed over the datapoints",
        (N,): "it was summed over the samples",
        (N, S): "its axes are swapped",
    }.get(shape, "sum over the last axis only (axis=-1)")
    return (
        f"{type(model).__name__}.log_joint returned shape {shape} for z of shape {z_shape}; "
        f"expected (S, N) = {(S, N)}: one log-density per sample and datapoint. Perhaps {hint}."
    )
