"""A user's log-density in the one form that models use: u (..., K) -> (...).

People write a density of one vector, u (K,) -> a number; or of all leading axes at once, u (..., K)
-> (...); or of rows, u (B, K) -> (B,).  A trial tells which: the second is the fastest, and is
believed where it agrees with the first.  One vector whose coordinates are taken apart, as in
z[0] ** 2 + z[1] ** 2, may as well be (K, ...): where that agrees it is as fast.
"""

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp
from autograd.extend import defvjp, primitive

from bbvi.types import Array

Density = Callable[[Array], Array]
SINGLY = 8
"""Rows that are taken one by one."""


def batched(function: Any, trial: Array, name: str, out: tuple[int, ...] = ()) -> Density:
    """``function`` as one of all leading axes: u (..., K) -> (..., *out).

    Parameters
    ----------
    function : callable
        In one of the three forms.
    trial : ndarray (A, B, K)
        Points to try it on, A and B different.
    name : str
        For messages.
    out : tuple of int
        Shape of its value at one point: () for a density, (K,) for a gradient.

    Raises
    ------
    TypeError
        If it cannot be called.
    ValueError
        If it has none of the forms.
    """
    if not callable(function):
        raise TypeError(f"{name} is {function!r}; expected a function of z, e.g. {name}=log_p.")
    lead, flat = trial.shape[:-1], trial.reshape(-1, trial.shape[-1])
    one, several, rows = _call(function, flat[0]), _call(function, trial), _call(function, flat)
    fits_one, fits_several = _shape(one) == out, _shape(several) == (*lead, *out)
    if fits_several and (not fits_one or _agree(function, flat, several.reshape(-1, *out))):
        return function
    if fits_one and out == ():
        first = _of_coordinates(function)
        together = _call(first, trial)
        if _shape(together) == lead and _agree(function, flat, together.reshape(-1)):
            return first
    if fits_one:
        return _of_vectors(function, out)
    if _shape(rows) == (len(flat), *out):
        return lambda u: anp.reshape(
            function(anp.reshape(u, (-1, u.shape[-1]))), (*u.shape[:-1], *out)
        )
    expected = "one number" if out == () else f"shape {out}"
    raise ValueError(
        f"{name} {_outcome(one)} for one vector of shape {flat[0].shape}, and {_outcome(several)} "
        f"for shape {trial.shape}; expected {expected} for one vector, or shape {(*lead, *out)} "
        f"for shape {trial.shape} (sums over the last axis only, axis=-1)."
    )


def with_gradient(function: Density, gradient: Density) -> Density:
    """The density with its own gradient in place of autograd's.

    Second derivatives are central differences of the gradient, along the direction that is asked
    for: the Hessian is symmetric, so that pulling g back is the slope of the gradient along g.
    """

    @primitive
    def value(u: Array) -> Array:
        return np.reshape(function(u), u.shape[:-1])

    @primitive
    def slope(u: Array) -> Array:
        return np.asarray(gradient(u))

    def slope_vjp(ans: Array, u: Array) -> Any:
        def pull(g: Array) -> Array:
            length = np.sqrt(np.sum(np.square(g), axis=-1, keepdims=True))
            size = 1 + np.sqrt(np.sum(np.square(u), axis=-1, keepdims=True))
            step = np.finfo(np.float64).eps ** (1 / 3) * size / np.where(length > 0, length, 1)
            return (slope(u + step * g) - slope(u - step * g)) / (2 * step)

        return pull

    defvjp(slope, slope_vjp)
    defvjp(value, lambda ans, u: lambda g: anp.expand_dims(g, -1) * slope(u))
    return value


def check_density(density: Density, z: Array) -> None:
    """Raise unless a density of z (A, B, D) can be fitted: finite at z = 0, smooth, not flat.

    ``z[0, 0]`` is 0, where every start begins.

    Raises
    ------
    TypeError
        If autograd cannot differentiate it.
    ValueError
        If it, or its gradient, is not finite at 0, or does not depend on a coordinate at all.
    """
    with np.errstate(all="ignore"):
        try:
            pull, log_p = make_vjp(density)(z)
            dz = np.asarray(pull(np.ones_like(log_p)))
        except Exception as error:  # whatever a function does to an argument that it cannot read
            raise TypeError(
                f"log_density could not be differentiated ({type(error).__name__}: {error}); "
                "expected a function written in autograd.numpy. Or pass its gradient: "
                "Posterior(log_density, dim, gradient=...)."
            ) from error
    start = float(log_p[0, 0])
    if not (np.isfinite(start) and np.isfinite(dz[0, 0]).all()):
        raise ValueError(
            f"log_density is {start:.6g} and its gradient {dz[0, 0]} at z = 0, where every start "
            "begins; expected finite numbers. Parameters of a limited range need transform=, e.g. "
            "transforms.positive(); transforms.affine moves z = 0 elsewhere."
        )
    flat = np.flatnonzero((dz == 0).all(axis=(0, 1)))
    if len(flat):
        which = "z" if len(flat) == z.shape[-1] else f"z[{', '.join(map(str, flat))}]"
        raise ValueError(
            f"log_density does not depend on {which} (D = {z.shape[-1]}) at any of the points "
            "tried: it is constant there, and a constant is no posterior. Check the dimension, or "
            "give those parameters a prior."
        )


def check_gradient(function: Density, gradient: Density, u: Array) -> None:
    """Raise ValueError unless a user's gradient agrees with central differences at u (K,)."""
    step = 1e-5 * (1 + np.abs(u))
    moves = np.diag(step)
    with np.errstate(all="ignore"):
        middle, ups, downs = np.split(
            function(np.vstack([u, u + moves, u - moves])), [1, 1 + len(u)]
        )
        numeric = (ups - downs) / (2 * step)
        given = np.asarray(gradient(np.vstack([u, u])))[0]
    rounding = 1e-9 * np.abs(middle) / step
    if not (np.abs(given - numeric) <= 1e-4 * (1 + np.abs(numeric)) + rounding).all():
        raise ValueError(
            f"gradient is {given} at {u}, but central differences of log_density are {numeric}; "
            "expected the gradient of log_density in the same parameters."
        )


def _of_vectors(function: Any, out: tuple[int, ...]) -> Density:
    """A function of one vector, called on each vector: the time grows with their number.

    Rows are taken by halves: the derivative of taking one row of B is an array of B rows, and B of
    those would cost B^2.
    """

    def each(rows: Array) -> Array:
        if len(rows) <= SINGLY:
            return anp.stack([function(rows[i]) for i in range(len(rows))])
        half = len(rows) // 2
        return anp.concatenate([each(rows[:half]), each(rows[half:])])

    def call(u: Array) -> Array:
        values = each(anp.reshape(u, (-1, u.shape[-1])))
        return anp.reshape(values, (*u.shape[:-1], *out))

    return call


def _of_coordinates(function: Any) -> Density:
    """A function of one vector that takes its coordinates apart, z[0], z[1], ...: each an array."""
    return lambda u: function(anp.moveaxis(u, -1, 0))


def _call(function: Any, u: Array) -> Any:
    """The function's value, or the error that it raised."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(u), float)
    except Exception as error:
        return error


def _agree(function: Any, flat: Array, together: Array) -> bool:
    """Whether the values of all points together are those of each point alone."""
    alone = [_call(function, u) for u in flat]
    return all(_shape(value) == together.shape[1:] for value in alone) and np.allclose(
        together, np.stack(alone), rtol=1e-6, atol=1e-8, equal_nan=True
    )


def _shape(value: Any) -> tuple[int, ...] | None:
    return None if isinstance(value, Exception) else np.shape(value)


def _outcome(value: Any) -> str:
    if isinstance(value, Exception):
        return f"raised {type(value).__name__} ({value})"
    return f"returned shape {np.shape(value)}"
