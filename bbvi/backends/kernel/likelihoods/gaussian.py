"""Gaussian likelihoods.

With r = (x - mean) / sigma and Dx observed variables,

    log p = -|r|^2 / 2 - sum_j log sigma_j - (Dx / 2) log 2 pi.

* Fixed or learned scale.  d log p / d mean = r / sigma, a constant times what the value needs,
  and d log p / d log sigma = |r|^2 - Dx.
* One scale per z, outputs (m, s) with s = log sigma.  Identity link: with e = x - m and
  v = exp(-2 s), log p = -v |e|^2 / 2 - Dx s + const and

      d log p / dm = v e,          d log p / ds = v |e|^2 - Dx.

  Logistic link: mean = sigmoid(m) = (1 + t) / 2 with t = tanh(m / 2).  With y = 2 x - 1,
  e = (y - t) / 2; so for e' = y - t and v = exp(-2 s) / 4

      log p = -v |e'|^2 / 2 - Dx s + const,     d log p / dm = v e' (1 - t^2) / 2,
      d log p / ds = v |e'|^2 - Dx.
* Diagonal scale, outputs (m, s) each Dx wide: r = (x - m) exp(-s), and

      d log p / dm = r exp(-s),       d log p / ds = r^2 - 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel, column_sums, products_summed
from bbvi.logs import LOG_2PI
from bbvi.models import ScalarScaleGaussian
from bbvi.types import Array, Theta


def _observe_nothing(state: Any, y: Array) -> None:
    """Leave y = x."""


# Fixed or learned scale: state = 1 / sigma, Dx log sigma + (Dx / 2) log 2 pi.


def _one_scale(log_scale: Any, x: Array) -> tuple[float, float]:
    return float(np.exp(-log_scale)), x.shape[-1] * (float(log_scale) + 0.5 * LOG_2PI)


def _squares(inverse: float, y: Array, u: Array) -> Array:
    """|r|^2: (R,).  Overwrites u with r."""
    residual = np.subtract(y, u, out=u)
    residual *= inverse
    return products_summed(residual, residual)


def _one_scale_value(state: tuple[float, float], y: Array, u: Array, buffers: Buffers) -> Array:
    inverse, constant = state
    return -0.5 * _squares(inverse, y, u) - constant


def _fixed_value_and_grads(
    state: tuple[float, float], y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    return _one_scale_value(state, y, u, buffers), {}


FIXED_SCALE = LikelihoodKernel(
    lambda likelihood, params: 1 / likelihood.scale,
    lambda likelihood, params, x: _one_scale(np.log(likelihood.scale), x),
    _observe_nothing,
    _one_scale_value,
    _fixed_value_and_grads,
)


def learned_scale(name: str) -> LikelihoodKernel:
    """N(x; outputs, exp(2 params[name]) I)."""

    def value_and_grads(
        state: tuple[float, float], y: Array, u: Array, buffers: Buffers, weights: Array | None
    ) -> tuple[Array, Theta]:
        squares = _squares(state[0], y, u)
        value = -0.5 * squares - state[1]
        if weights is None:
            return value, {}
        return value, {name: np.asarray(weights @ (squares - len(y)))}

    return LikelihoodKernel(
        lambda likelihood, params: float(np.exp(-params[name])),
        lambda likelihood, params, x: _one_scale(params[name], x),
        _observe_nothing,
        _one_scale_value,
        value_and_grads,
    )


# One scale per z: state = the function of the link.


def _scalar_identity(y: Array, u: Array, buffers: Buffers) -> Array:
    mean, log_scale = u[:-1], u[-1]
    error, precision = np.subtract(y, mean, out=mean), np.exp(-2 * log_scale)
    squares = precision * products_summed(error, error)
    value = -0.5 * squares - len(y) * (log_scale + 0.5 * LOG_2PI)
    error *= precision
    np.subtract(squares, len(y), out=log_scale)
    return value


def _scalar_logistic(y: Array, u: Array, buffers: Buffers) -> Array:
    u[:-1] *= 0.5
    t, log_scale = np.tanh(u[:-1], out=u[:-1]), u[-1]
    error, precision = np.subtract(y, t, out=buffers("error", *t.shape)), np.exp(-2 * log_scale)
    precision *= 0.25
    squares = precision * products_summed(error, error)
    value = -0.5 * squares - len(y) * (log_scale + 0.5 * LOG_2PI)
    precision *= 0.5
    slope = np.multiply(t, t, out=t)
    np.subtract(1, slope, out=slope)
    error *= precision
    slope *= error
    np.subtract(squares, len(y), out=log_scale)
    return value


def _observe_signs(state: Any, y: Array) -> None:
    """Make y = 2 x - 1 under the logistic link, x under the identity."""
    if state is _scalar_logistic:
        y *= 2
        y -= 1


SCALAR_LINKS: dict[str, Callable[[Array, Array, Buffers], Array]] = {
    "identity": _scalar_identity,
    "logistic": _scalar_logistic,
}


def _scalar_value_and_grads(
    link: Callable[[Array, Array, Buffers], Array],
    y: Array,
    u: Array,
    buffers: Buffers,
    weights: Array | None,
) -> tuple[Array, Theta]:
    return link(y, u, buffers), {}


def _scalar_state(likelihood: ScalarScaleGaussian, params: Theta, x: Array) -> Any:
    return SCALAR_LINKS[likelihood.link]


SCALAR_SCALE = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    _scalar_state,
    _observe_signs,
    lambda link, y, u, buffers: link(y, u, buffers),
    _scalar_value_and_grads,
)


# Diagonal scale.


def _diagonal_value_and_grads(
    state: None, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    mean, log_scale = u[: len(y)], u[len(y) :]
    value = -column_sums(log_scale) - 0.5 * LOG_2PI * len(y)
    inverse = np.negative(log_scale, out=log_scale)
    np.exp(inverse, out=inverse)
    residual = np.subtract(y, mean, out=mean)
    residual *= inverse
    squares = np.multiply(residual, residual, out=buffers("squares", *y.shape))
    value -= 0.5 * column_sums(squares)
    np.multiply(residual, inverse, out=residual)
    np.subtract(squares, 1, out=log_scale)
    return value, {}


DIAGONAL_SCALE = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: None,
    _observe_nothing,
    lambda state, y, u, buffers: _diagonal_value_and_grads(state, y, u, buffers, None)[0],
    _diagonal_value_and_grads,
)
