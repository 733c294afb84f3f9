"""Bernoulli logits with one transcendental function per pixel (floor 3).

The blackboard has, for one pixel with logit l and x in {0, 1},

    log p = x l - softplus(l),          d log p / dl = x - sigmoid(l):

two transcendental functions for softplus and one for the sigmoid.  With half the logit, u = l / 2,
and the sign of the pixel, y = 2 x - 1, all of it follows from t = tanh(u):

    log p = log sigmoid(y l) = y u - |u| + log((1 + |t|) / 2),          d log p / du = y - t.

(softplus(l) = max(l, 0) + log1p(exp(-|l|)), max(l, 0) = u + |u|, and 1 / (1 + exp(-2|u|)) =
(1 + |t|) / 2.)  Nothing cancels: 1 + |t| lies in [1, 2], and a pixel that is certain and right
contributes exactly 0.  Logits of any size are safe.

The logarithms of the Dx factors are that of their product: 16 factors in [1, 2] multiplied
together lie in [1, 2^16], so one logarithm for 16 pixels is enough.
"""

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.seam import LikelihoodKernel, column_sums, products_summed
from bbvi.types import Array, Theta

FACTORS = 16


def _observe(state: None, y: Array) -> None:
    """Y = 2 x - 1."""
    y *= 2
    y -= 1


def log_product(factors: Array) -> Array:
    """sum_j log(factors_j / 2) of factors (Dx, R) in [1, 2]: (R,).  Overwrites factors."""
    whole = len(factors) // FACTORS * FACTORS
    factors[whole:] *= 0.5
    lanes = factors[whole:]
    if whole:
        groups = factors[:whole].reshape(FACTORS, -1, factors.shape[1])
        products = np.multiply.reduce(groups, axis=0)
        products *= 0.5**FACTORS
        lanes = np.concatenate([products, lanes]) if len(lanes) else products
    return column_sums(np.log(lanes, out=lanes))


def _value(state: None, y: Array, u: Array, buffers: Buffers) -> Array:
    value = products_summed(y, u)
    abs_u = np.abs(u, out=u)
    value -= column_sums(abs_u)
    abs_t = np.tanh(abs_u, out=abs_u)
    abs_t += 1
    value += log_product(abs_t)
    return value


def _value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    value = products_summed(y, u)
    scratch = np.abs(u, out=buffers("scratch_u", *u.shape))
    value -= column_sums(scratch)
    t = np.tanh(u, out=u)
    np.abs(t, out=scratch)
    scratch += 1
    value += log_product(scratch)
    np.subtract(y, t, out=u)
    return value, {}


BERNOULLI = LikelihoodKernel(
    lambda likelihood, params: 0.5,
    lambda likelihood, params, x: None,
    _observe,
    _value,
    _value_and_grads,
)
