"""RMSprop as an init/update pair; it *ascends*, as those of `bbvi.optimizers` do (floor 1)."""

from typing import NamedTuple

import numpy as np

from bbvi.optimizers import Optimizer, Params, sgd, tree_map


class RmspropState(NamedTuple):
    """The decayed mean of g^2."""

    second: Params


def rmsprop(rate: float, decay: float = 0.9, tiny: float = 1e-8) -> Optimizer:
    """RMSprop: params + rate g / sqrt(v + tiny), v <- decay v + (1 - decay) g^2.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a positive, finite number, or the decay is outside [0, 1).

    Notes
    -----
    Tieleman and Hinton (2012), lecture 6.5; v starts at 0 and is not corrected for it.
    """
    sgd(rate)  # checks the rate
    if not 0 <= decay < 1:
        raise ValueError(f"decay is {decay}; expected a number in [0, 1), e.g. 0.9.")

    def init(params: Params, rows: bool = False) -> RmspropState:
        return RmspropState(tree_map(np.zeros_like, params))

    def update(grad: Params, state: RmspropState, params: Params) -> tuple[Params, RmspropState]:
        second = tree_map(lambda v, g: decay * v + (1 - decay) * g * g, state.second, grad)
        moved = tree_map(lambda p, g, v: p + rate * g / np.sqrt(v + tiny), params, grad, second)
        return moved, RmspropState(second)

    return Optimizer(init, update)
