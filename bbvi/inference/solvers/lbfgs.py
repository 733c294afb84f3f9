"""L-BFGS of many rows at once, each with its own memory, step and end."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi.types import Array

MEMORY = 10
"""Pairs (change of x, change of the gradient) that stand for the curvature."""
SHORTEST = 1e-10
"""Step, below which a row is stuck."""

Function = Callable[[Array, Array], tuple[Array, Array]]
"""(x (n, P), row numbers (n,)) -> values (n,) and gradients (n, P)."""


class Maximum(NamedTuple):
    """Where the rows end: x (N, P), value (N,), gradient (N, P), and the gain (N,) still seen.

    ``gain`` is half the slope along the quasi-Newton step: what is left if f is a quadratic.
    """

    x: Array
    value: Array
    gradient: Array
    gain: Array


def maximize(
    function: Function, x: Array, tolerance: float, max_steps: int, seen: Callable[[Array], None]
) -> Maximum:
    """Climb every row until the gain left is at most ``tolerance``, or it is stuck.

    Notes
    -----
    Nocedal and Wright (2006), algorithms 7.4 and 7.5, with halved steps for sufficient increase.
    """
    N, P = x.shape
    x = x.astype(np.float64)
    value, gradient = function(x, np.arange(N))
    moves, turns = np.zeros((MEMORY, N, P)), np.zeros((MEMORY, N, P))
    direction = _first(gradient)
    step, gain = np.ones(N), 0.5 * np.sum(gradient * direction, axis=1)
    rows = np.flatnonzero(np.isfinite(value))
    for _ in range(max_steps):
        rows = rows[(gain[rows] > tolerance) & (step[rows] > SHORTEST)]
        if len(rows) == 0:
            break
        trial = x[rows] + step[rows, None] * direction[rows]
        new_value, new_gradient = function(trial, rows)
        needed = value[rows] + 1e-4 * step[rows] * 2 * gain[rows]
        finite = np.isfinite(new_value) & np.isfinite(new_gradient).all(axis=1)
        rounding = 1e-12 * np.abs(value[rows])
        up = finite & (np.where(finite, new_value, -np.inf) >= needed - rounding)
        step[rows[~up]] *= 0.25
        risen = rows[up]
        _remember(moves, turns, risen, trial[up] - x[risen], gradient[risen] - new_gradient[up])
        x[risen], value[risen], gradient[risen] = trial[up], new_value[up], new_gradient[up]
        direction[risen] = _direction(gradient[risen], moves[:, risen], turns[:, risen])
        gain[risen] = 0.5 * np.sum(gradient[risen] * direction[risen], axis=1)
        step[risen] = 1.0
        seen(value)
    return Maximum(x, value, gradient, gain)


def _first(gradient: Array) -> Array:
    """A first step of at most length 1."""
    return gradient / np.maximum(1, np.linalg.norm(gradient, axis=1, keepdims=True))


def _remember(moves: Array, turns: Array, rows: Array, move: Array, turn: Array) -> None:
    """Put the newest pair first, where the function curves downwards along it."""
    curved = np.sum(move * turn, axis=1) > 1e-10 * np.sum(move**2, axis=1)
    kept = rows[curved]
    for pairs, newest in ((moves, move), (turns, turn)):
        pairs[1:, kept] = pairs[:-1, kept]
        pairs[0, kept] = newest[curved]


def _direction(gradient: Array, moves: Array, turns: Array) -> Array:
    """H^-1 gradient by the two loops; a row without memory takes the first step."""
    products = np.sum(moves * turns, axis=2)
    inverse = np.divide(1.0, products, out=np.zeros_like(products), where=products > 0)
    q, shares = gradient.copy(), np.zeros_like(products)
    for k in range(MEMORY):
        shares[k] = inverse[k] * np.sum(moves[k] * q, axis=1)
        q -= shares[k][:, None] * turns[k]
    squares = np.sum(turns[0] ** 2, axis=1)
    scale = np.divide(products[0], squares, out=np.ones_like(squares), where=squares > 0)
    q *= scale[:, None]
    for k in reversed(range(MEMORY)):
        share = inverse[k] * np.sum(turns[k] * q, axis=1)
        q += (shares[k] - share)[:, None] * moves[k]
    bad = (squares == 0) | (np.sum(q * gradient, axis=1) <= 0)
    return np.where(bad[:, None], _first(gradient), q)
