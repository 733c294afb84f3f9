"""log p(z) and its derivatives on a block of rows (floor 3).

A prior is one `PriorKernel`; `PRIORS` maps the model's type to it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.models import StandardNormal
from bbvi.types import Array, Theta

LOG_2PI = float(np.log(2 * np.pi))


class PriorKernel(NamedTuple):
    """What the kernel asks of a prior; z is always (s, n, D), weights (s, n).

    Attributes
    ----------
    prepare : callable
        (prior, params) -> what both other functions need, computed once per theta.
    value : callable
        (prepared, z) -> log p(z) (s, n).
    value_and_grads : callable
        (prepared, z, weights or None) -> log p(z) (s, n), d/dz (s, n, D), and the dict of
        sum_sn weights d/dparams (empty when weights is None: then nobody asked).
    """

    prepare: Callable[[Any, Theta], Any]
    value: Callable[[Any, Array], Array]
    value_and_grads: Callable[[Any, Array, Array | None], tuple[Array, Array, Theta]]


def _standard_normal(prepared: None, z: Array) -> Array:
    """-|z|^2 / 2 - (D / 2) log 2 pi."""
    return -0.5 * np.vecdot(z, z) - 0.5 * LOG_2PI * z.shape[-1]


def _standard_normal_and_grads(
    prepared: None, z: Array, weights: Array | None
) -> tuple[Array, Array, Theta]:
    """d/dz = -z."""
    return _standard_normal(prepared, z), -z, {}


STANDARD_NORMAL = PriorKernel(
    lambda prior, params: None, _standard_normal, _standard_normal_and_grads
)

PRIORS: dict[type, PriorKernel] = {StandardNormal: STANDARD_NORMAL}
