"""The nonlinearities between layers."""

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive

from bbvi.types import Array


def _relu(a: Array) -> Array:
    # max(a, 0), written so that autograd keeps float32: its rule for maximum makes float64.
    return 0.5 * (a + anp.abs(a))


def softplus(a: Array) -> Array:
    """log(1 + exp(a)), stable for any finite a: max(a, 0) + log1p(exp(-|a|))."""
    size = anp.abs(a)
    return 0.5 * (a + size) + anp.log1p(anp.exp(-size))


@primitive
def tanh(a: Array) -> Array:
    """tanh(a), whose slope 1 - tanh^2 does not overflow as autograd's own 1 / cosh^2 does."""
    return np.tanh(a)


defvjp(tanh, lambda answer, a: lambda g: g * (1 - answer**2))


ACTIVATIONS = {"tanh": tanh, "relu": _relu, "softplus": softplus}
"""Name -> function: what `MLP` and `ConvNet` take as ``activation``."""
