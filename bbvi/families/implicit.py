"""The difference quotient behind implicit reparameterization."""

from collections.abc import Callable

import numpy as np

from bbvi.types import Array

RELATIVE_STEP = 1e-3


def log_slope(tail: Callable[[Array], Array], a: Array) -> Array:
    """d log tail(a) / da by the five-point central difference with the step a / 1000.

    The logarithm of a tail of a distribution keeps its relative precision where the distribution
    function itself is 0 or 1 to rounding.
    """
    h, tiny = RELATIVE_STEP * a, np.finfo(np.float64).tiny

    def log_tail(shape: Array) -> Array:
        return np.log(np.maximum(tail(shape), tiny))

    near = log_tail(a + h) - log_tail(a - h)
    far = log_tail(a + 2 * h) - log_tail(a - 2 * h)
    slope: Array = (8 * near - far) / (12 * h)
    return slope
