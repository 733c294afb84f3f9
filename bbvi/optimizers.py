"""SGD and Adam as init/update pairs; both *ascend* (floor 1).

A parameter is an array or a flat dict of arrays.  With ``rows=True`` every row of a table has
its own step count beside its own moments, so that the rows of a minibatch can be moved while
all others keep both their values and their moments:

>>> import numpy as np
>>> optimizer = adam(0.1)
>>> lam = np.zeros((5, 2))
>>> state = optimizer.init(lam, rows=True)
>>> batch = np.array([1, 3])
>>> moved, moved_state = optimizer.update(np.ones((2, 2)), take_rows(state, batch), lam[batch])
>>> lam[batch] = moved
>>> put_rows(state, batch, moved_state)
>>> lam[:, 0].round(3).tolist()
[0.0, 0.1, 0.0, 0.1, 0.0]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.types import Array

Params = Any
"""An array or a flat dict of arrays."""


class Optimizer(NamedTuple):
    """A pair: ``init(params, rows=False)`` gives a state, ``update`` the moved params and state."""

    init: Callable[..., Any]
    update: Callable[[Params, Any, Params], tuple[Params, Any]]


class AdamState(NamedTuple):
    """Running first and second moments of the gradient, and the number of steps taken."""

    first: Params
    second: Params
    steps: Array


def tree_map(function: Callable[..., Any], *trees: Params) -> Params:
    """Apply a function to arrays, or entry by entry to dicts of arrays."""
    if isinstance(trees[0], dict):
        return {key: function(*(tree[key] for tree in trees)) for key in trees[0]}
    return function(*trees)


Rate = float | Callable[[Array], Array]
"""A step size, or a function from the number of the step (1, 2, ...) to the step size."""


def cosine_decay(rate: float, num_steps: int) -> Callable[[Array], Array]:
    """A step size that falls from ``rate`` to 0 over ``num_steps`` along half a cosine.

    A constant step size leaves lam shaking in gradient noise; a falling one lets it settle.

    Source: Loshchilov and Hutter (2017), equation 5, without restarts.
    """
    _check_rate(rate)

    def decayed(count: Array) -> Array:
        return 0.5 * rate * (1 + np.cos(np.pi * np.minimum((count - 1) / num_steps, 1)))

    return decayed


def sgd(rate: float) -> Optimizer:
    """Stochastic gradient ascent: params + rate * grad.

    Raises
    ------
    ValueError
        If the rate is not positive and finite.
    """
    _check_rate(rate)

    def init(params: Params, rows: bool = False) -> tuple[()]:
        return ()

    def update(grad: Params, state: tuple[()], params: Params) -> tuple[Params, tuple[()]]:
        return tree_map(lambda p, g: p + np.asarray(rate, dtype=p.dtype) * g, params, grad), state

    return Optimizer(init, update)


def adam(rate: Rate, beta1: float = 0.9, beta2: float = 0.999, tiny: float = 1e-8) -> Optimizer:
    """Adam, ascending: params + rate * m_hat / (sqrt(v_hat) + tiny).

    Parameters
    ----------
    rate : float or callable
        The step size, or a function of the step's number such as ``cosine_decay(0.1, 200)``.
    beta1, beta2, tiny : float
        Decay of the first and second moment; guard against division by zero.

    Source: Kingma and Ba (2015), Algorithm 1.

    Raises
    ------
    ValueError
        If the rate is not positive and finite.
    """
    _check_rate(rate)

    def init(params: Params, rows: bool = False) -> AdamState:
        steps = np.zeros((len(params), 1) if rows else (), dtype=np.int64)
        return AdamState(tree_map(np.zeros_like, params), tree_map(np.zeros_like, params), steps)

    def update(grad: Params, state: AdamState, params: Params) -> tuple[Params, AdamState]:
        steps = state.steps + 1
        first = tree_map(lambda m, g: beta1 * m + (1 - beta1) * g, state.first, grad)
        second = tree_map(lambda v, g: beta2 * v + (1 - beta2) * g * g, state.second, grad)
        size = rate(steps) if callable(rate) else rate
        correct1, correct2 = 1 - beta1**steps, np.sqrt(1 - beta2**steps)

        def step(p: Array, m: Array, v: Array) -> Array:
            scale = np.asarray(size * correct2 / correct1, dtype=p.dtype)
            return p + scale * m / (np.sqrt(v) + np.asarray(tiny * correct2, dtype=p.dtype))

        return tree_map(step, params, first, second), AdamState(first, second, steps)

    return Optimizer(init, update)


def take_rows(state: Any, rows: Array) -> Any:
    """The optimizer state of some rows of a table."""
    return type(state)(*(leaf[rows] for leaf in state)) if state else state


def put_rows(state: Any, rows: Array, moved: Any) -> None:
    """Write the state of some rows back into the table's state."""
    for leaf, value in zip(state, moved):
        leaf[rows] = value


def _check_rate(rate: Rate) -> None:
    if not callable(rate) and not 0 < rate < np.inf:
        raise ValueError(f"rate is {rate}; expected a positive step size, e.g. 0.01.")
