"""Adagrad, RMSprop, and Adam as its paper writes it: optimizers to read."""

from typing import NamedTuple

import numpy as np

from bbvi.optimizers import (
    AdamState,
    Leaf,
    Optimizer,
    Params,
    Rate,
    adam,
    check_gradient,
    check_rate,
    in_chunks,
    leaves_of,
    tree_map,
)
from bbvi.types import Array


class RmspropState(NamedTuple):
    """The decayed mean of g^2."""

    second: Params


def rmsprop(rate: float, decay: float = 0.9, tiny: float = 1e-8) -> Optimizer:
    """RMSprop, ascending: params + rate g / sqrt(v + tiny), v <- decay v + (1 - decay) g^2.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a positive, finite number, or the decay is outside [0, 1).

    Notes
    -----
    Tieleman and Hinton (2012), lecture 6.5; v starts at 0 and is not corrected for it.
    """
    check_rate(rate)
    if not 0 <= decay < 1:
        raise ValueError(f"decay is {decay}; expected a number in [0, 1), e.g. 0.9.")

    def init(params: Params, rows: bool = False) -> RmspropState:
        return RmspropState(tree_map(np.zeros_like, params))

    def update(grad: Params, state: RmspropState, params: Params) -> tuple[Params, RmspropState]:
        check_gradient(grad, params)
        second = tree_map(lambda v, g: decay * v + (1 - decay) * g * g, state.second, grad)
        moved = tree_map(lambda p, g, v: p + rate * g / np.sqrt(v + tiny), params, grad, second)
        return moved, RmspropState(second)

    def move(leaf: Leaf, rows: slice) -> None:
        """One chunk, while it is in the cache, through all passes of the equation."""
        g, v, p = (array[rows] for array in leaf)
        v *= decay
        step = (1 - decay) * g
        step *= g
        v += step
        np.sqrt(np.add(v, tiny, out=step), out=step)
        p += np.divide(rate * g, step, out=step)

    def overwrite(grad: Params, state: RmspropState, params: Params) -> tuple[Params, RmspropState]:
        check_gradient(grad, params)
        in_chunks(move, leaves_of((grad, state.second, params), by_rows=False))
        return params, state

    return Optimizer(init, update, overwrite)


class AdagradState(NamedTuple):
    """The sum of g^2."""

    second: Params


def adagrad(rate: float, tiny: float = 1e-8) -> Optimizer:
    """Adagrad, ascending: params + rate g / (sqrt(v) + tiny), v <- v + g^2.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a positive, finite number.

    Notes
    -----
    Duchi, Hazan and Singer (2011), figure 1 with the diagonal matrix.
    """
    check_rate(rate)

    def init(params: Params, rows: bool = False) -> AdagradState:
        return AdagradState(tree_map(np.zeros_like, params))

    def update(grad: Params, state: AdagradState, params: Params) -> tuple[Params, AdagradState]:
        check_gradient(grad, params)
        second = tree_map(lambda v, g: v + g * g, state.second, grad)
        moved = tree_map(lambda p, g, v: p + rate * g / (np.sqrt(v) + tiny), params, grad, second)
        return moved, AdagradState(second)

    def move(leaf: Leaf, rows: slice) -> None:
        """One chunk, while it is in the cache, through all passes of the equation."""
        g, v, p = (array[rows] for array in leaf)
        step = g * g
        v += step
        np.sqrt(v, out=step)
        step += tiny
        p += np.divide(rate * g, step, out=step)

    def overwrite(grad: Params, state: AdagradState, params: Params) -> tuple[Params, AdagradState]:
        check_gradient(grad, params)
        in_chunks(move, leaves_of((grad, state.second, params), by_rows=False))
        return params, state

    return Optimizer(init, update, overwrite)


def textbook_adam(
    rate: Rate, beta1: float = 0.9, beta2: float = 0.999, tiny: float = 1e-8
) -> Optimizer:
    """`bbvi.adam` as Algorithm 1 of its paper writes it.  A step of `bbvi.adam` is this to 1 ulp.

    Raises
    ------
    TypeError, ValueError
        As `bbvi.adam` does.

    Notes
    -----
    Kingma and Ba (2015), Algorithm 1.
    """

    def update(g: Params, state: AdamState, params: Params) -> tuple[Params, AdamState]:
        check_gradient(g, params)
        t = state.steps + 1
        m = tree_map(lambda m, g: beta1 * m + (1 - beta1) * g, state.first, g)
        v = tree_map(lambda v, g: beta2 * v + (1 - beta2) * g**2, state.second, g)
        m_hat = tree_map(lambda m: m / (1 - beta1**t), m)
        v_hat = tree_map(lambda v: v / (1 - beta2**t), v)
        size = rate(t) if callable(rate) else rate

        def moved(p: Array, m_hat: Array, v_hat: Array) -> Array:
            return (p + size * m_hat / (np.sqrt(v_hat) + tiny)).astype(p.dtype)

        return tree_map(moved, params, m_hat, v_hat), AdamState(m, v, t)

    return Optimizer(adam(rate, beta1, beta2, tiny).init, update)
