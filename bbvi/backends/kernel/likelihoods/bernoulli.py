"""Bernoulli logits with one transcendental function per pixel.

The blackboard has, for one pixel with logit l and x in {0, 1},

    log p = x l - softplus(l),          d log p / dl = x - sigmoid(l):

two transcendental functions for softplus and one for the sigmoid.  With y = 1 - 2 x, 1 for a
black and -1 for a white pixel, both follow from f, the inverse of the pixel's probability:

    log p = log sigmoid(-y l) = -log f,      f = 1 + exp(y l),      d log p / dl = y / f - y.

Nothing cancels in the value: f >= 1, and a pixel that is certain and right contributes exactly 0.

The logarithms of the Dx factors are that of their product, so one logarithm for 16 pixels is
enough.  A product overflows where 16 pixels together have a surprise above 88 nats in float32, 709
in float64.  This shows by a sum that is not finite, and all is summed again, pixel by pixel, with
log f = y l where f itself overflows.
"""

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel, column_sums
from bbvi.types import Array, Theta

FACTORS = 16


def _observe(state: None, y: Array) -> None:
    """Make y = 1 - 2 x."""
    y *= -2
    y += 1


def sum_of_logs(factors: Array, buffers: Buffers) -> Array:
    """sum_j log(factors_j) of factors (Dx, R) > 0: (R,).  Infinite where a product overflows."""
    Dx, R = factors.shape
    width = Dx // FACTORS
    lanes = buffers("lanes", width + Dx % FACTORS, R)
    groups = factors[: width * FACTORS].reshape(FACTORS, width, R)
    np.multiply.reduce(groups, axis=0, out=lanes[:width])
    lanes[width:] = factors[width * FACTORS :]
    return column_sums(np.log(lanes, out=lanes))


def _inverse_probabilities(y: Array, u: Array, buffers: Buffers) -> tuple[Array, Array]:
    """log p (R,) and f (Dx, R), which is infinite where it overflows.  Overwrites u."""
    v = np.multiply(y, u, out=u)
    f = np.exp(v, out=buffers("factors", *u.shape))
    f += 1
    surprise = sum_of_logs(f, buffers)
    if not np.isfinite(surprise).all():
        surprise = column_sums(np.where(np.isfinite(f), np.log(f), v))
    return np.negative(surprise, out=surprise), f


def _value(state: None, y: Array, u: Array, buffers: Buffers) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return _inverse_probabilities(y, u, buffers)[0]


def _value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    with np.errstate(over="ignore", under="ignore"):
        value, f = _inverse_probabilities(y, u, buffers)
    np.divide(y, f, out=u)
    u -= y
    return value, {}


BERNOULLI = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: None,
    _observe,
    _value,
    _value_and_grads,
)
