"""log p(z) and its derivatives on a block of rows (floor 3).

A prior is one `PriorKernel`; `PRIORS` maps the model's type to it.  Everything is features
first: z is (D, R), one column for each of the block's R rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.models import StandardNormal
from bbvi.types import Array, Theta

LOG_2PI = float(np.log(2 * np.pi))


class PriorKernel(NamedTuple):
    """What the kernel asks of a prior; z is (D, R), weights (R,).

    Attributes
    ----------
    prepare : callable
        (prior, params) -> state: what both other functions need, computed once per theta.
    value : callable
        (state, z) -> log p(z) (R,).
    value_and_grads : callable
        (state, z, weights or None) -> log p(z) (R,), d/dz (D, R), and the dict of sum_r
        weights_r d/dparams (empty when weights is None: then nobody asked).
    """

    prepare: Callable[[Any, Theta], Any]
    value: Callable[[Any, Array], Array]
    value_and_grads: Callable[[Any, Array, Array | None], tuple[Array, Array, Theta]]


def _standard_normal(state: None, z: Array) -> Array:
    """-|z|^2 / 2 - (D / 2) log 2 pi."""
    value = np.square(z).sum(axis=0)
    value *= -0.5
    value -= 0.5 * LOG_2PI * len(z)
    return value


def _standard_normal_and_grads(
    state: None, z: Array, weights: Array | None
) -> tuple[Array, Array, Theta]:
    """d/dz = -z."""
    return _standard_normal(state, z), -z, {}


STANDARD_NORMAL = PriorKernel(
    lambda prior, params: None, _standard_normal, _standard_normal_and_grads
)

PRIORS: dict[type, PriorKernel] = {StandardNormal: STANDARD_NORMAL}
