"""N(z; 0, I) on a block of rows."""

import numpy as np

from bbvi.backends.kernel.priors.protocol import PriorKernel
from bbvi.logs import LOG_2PI
from bbvi.types import Array, Theta


def _value(state: None, z: Array) -> Array:
    """-|z|^2 / 2 - (D / 2) log 2 pi."""
    value = np.square(z).sum(axis=0)
    value *= -0.5
    value -= 0.5 * LOG_2PI * len(z)
    return value


def _value_and_grads(state: None, z: Array, weights: Array | None) -> tuple[Array, Array, Theta]:
    """d/dz = -z."""
    return _value(state, z), -z, {}


STANDARD_NORMAL = PriorKernel(lambda prior, params: None, _value, _value_and_grads)
"""N(0, I): no parameters, so no state and no theta gradient."""
