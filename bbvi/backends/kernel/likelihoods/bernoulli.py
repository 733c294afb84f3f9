"""Bernoulli logits with one transcendental function per pixel (floor 3).

The blackboard has, for one pixel with logit l and x in {0, 1},

    log p = x l - softplus(l),          d log p / dl = x - sigmoid(l):

two transcendental functions for softplus and one for the sigmoid.  With the sign of the pixel,
s = 2 x - 1, both follow from f, the inverse of the pixel's probability:

    log p = log sigmoid(s l) = -log f,      f = 1 + exp(-s l),      d log p / dl = s (1 - 1 / f).

NumPy's power of two is faster than its exp, and the factor is free where the sign is laid out:
with y = -s / log 2 the kernel computes f = 1 + 2^(y l) and y - y / f = -d log p / dl / log 2.
Nothing cancels in the value: f >= 1, and a pixel that is certain and right contributes exactly 0.

The logarithms of the Dx factors are that of their product, so one logarithm for 16 pixels is
enough.  A product overflows where 16 pixels together have a surprise above 88 nats in float32, 709
in float64.  Such a row shows by a sum that is not finite, and is summed again, pixel by pixel:

    log2 f = max(v, 0) + log2(1 + 2^-|v|),        v = y l.
"""

import math

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.seam import LikelihoodKernel, column_sums
from bbvi.types import Array, Theta

FACTORS = 16
LOG_2 = math.log(2)


def _observe(state: None, y: Array) -> None:
    """Y = -(2 x - 1) / log 2."""
    y -= 0.5
    y *= -2 / LOG_2


def sum_of_log2(factors: Array, buffers: Buffers) -> Array:
    """sum_j log2(factors_j) of factors (Dx, R) >= 1: (R,).  Infinite where a product overflows."""
    Dx, R = factors.shape
    width = Dx // FACTORS
    lanes = buffers("lanes", width + Dx % FACTORS, R)
    groups = factors[: width * FACTORS].reshape(FACTORS, width, R)
    np.multiply.reduce(groups, axis=0, out=lanes[:width])
    lanes[width:] = factors[width * FACTORS :]
    return column_sums(np.log2(lanes, out=lanes))


def _surprise(v: Array) -> Array:
    """sum_j log2(1 + 2^v_j) of v (Dx, R) of any size: (R,)."""
    return column_sums(np.maximum(v, 0) + np.log2(1 + np.exp2(-np.abs(v))))


def _inverse_probabilities(y: Array, u: Array, buffers: Buffers) -> tuple[Array, Array]:
    """log p (R,) and f (Dx, R), which is infinite where it overflows.  Overwrites u."""
    v = np.multiply(y, u, out=u)
    f = np.exp2(v, out=buffers("factors", *u.shape))
    f += 1
    bits = sum_of_log2(f, buffers)
    overflown = ~np.isfinite(bits)
    if overflown.any():
        bits[overflown] = _surprise(v[:, overflown])
    bits *= -LOG_2
    return bits, f


def _value(state: None, y: Array, u: Array, buffers: Buffers) -> Array:
    with np.errstate(over="ignore"):
        return _inverse_probabilities(y, u, buffers)[0]


def _value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    with np.errstate(over="ignore"):
        value, f = _inverse_probabilities(y, u, buffers)
    np.divide(y, f, out=u)
    np.subtract(y, u, out=u)
    return value, {}


BERNOULLI = LikelihoodKernel(
    lambda likelihood, params: -LOG_2,
    lambda likelihood, params, x: None,
    _observe,
    _value,
    _value_and_grads,
)
