"""Masked and flipped binary pixels, by way of the Bernoulli kernel.

* Masked.  The Bernoulli kernel is given m y for the mask m: a hidden pixel then contributes
  log 1/2, which is put back, and no gradient.
* Flipped with rate r.  log p = sum_j softplus(l + s c) - softplus(l) + log(r or 1 - r) with
  s = 2 x - 1 and c = log((1 - r) / r).  With u = l / 2, v = u + s c / 2 and
  softplus(2 u) = u + |u| - log((1 + |tanh u|) / 2),

      log p = sum_j (v - u) + (|v| - |u|) - log((1 + |tanh v|) / (1 + |tanh u|)) + log(r or 1 - r),
      d log p / dl = (tanh v - tanh u) / 2.

  (v - u) + log(r or 1 - r) = log(r (1 - r)) / 2 for either value of x.
"""

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.bernoulli import BERNOULLI, sum_of_logs
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel, column_sums
from bbvi.models import FlippedBernoulli
from bbvi.types import Array, Theta

LOG_2 = float(np.log(2))


def _observe_masked(state: None, y: Array) -> None:
    """y (2 pixels, R): m y, then m as it was."""
    values, mask = np.split(y, 2)
    BERNOULLI.observe(None, values)
    values *= mask


def _masked_value(state: None, y: Array, u: Array, buffers: Buffers) -> Array:
    values, mask = np.split(y, 2)
    return BERNOULLI.value(None, values, u, buffers) + LOG_2 * (len(mask) - column_sums(mask))


def _masked_value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    values, mask = np.split(y, 2)
    value, _ = BERNOULLI.value_and_grads(None, values, u, buffers, weights)
    return value + LOG_2 * (len(mask) - column_sums(mask)), {}


MASKED = LikelihoodKernel(
    BERNOULLI.constant,
    lambda likelihood, params, x: None,
    _observe_masked,
    _masked_value,
    _masked_value_and_grads,
)


def _prepare_flipped(likelihood: FlippedBernoulli, params: Theta, x: Array) -> tuple[float, float]:
    r = likelihood.rate
    shift = 0.5 * float(np.log((1 - r) / r))
    return shift, 0.5 * x.shape[-1] * float(np.log(r * (1 - r)))


def _observe_flipped(state: tuple[float, float], y: Array) -> None:
    """y (pixels, R): (2 x - 1) c / 2."""
    y *= 2
    y -= 1
    y *= state[0]


def _flipped_value(state: tuple[float, float], y: Array, u: Array, buffers: Buffers) -> Array:
    return _flipped_value_and_grads(state, y, u, buffers, None)[0]


def _flipped_value_and_grads(
    state: tuple[float, float], y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    u *= 0.5
    v = np.add(u, y, out=buffers("shifted", *u.shape))
    size = buffers("size", *u.shape)
    value = column_sums(np.abs(v, out=size)) - column_sums(np.abs(u, out=size)) + state[1]
    slope = np.tanh(v, out=v)
    value -= _log_sigmoid_of_size(slope, size, buffers)
    t = np.tanh(u, out=u)
    value += _log_sigmoid_of_size(t, size, buffers)
    np.subtract(slope, t, out=u)
    return value, {}


def _log_sigmoid_of_size(t: Array, size: Array, buffers: Buffers) -> Array:
    """sum_j log((1 + |t_j|) / 2) of t (pixels, R): (R,).  Overwrites size."""
    np.abs(t, out=size)
    size += 1
    size *= 0.5
    return sum_of_logs(size, buffers)


FLIPPED = LikelihoodKernel(
    lambda likelihood, params: 0.5,
    _prepare_flipped,
    _observe_flipped,
    _flipped_value,
    _flipped_value_and_grads,
)
