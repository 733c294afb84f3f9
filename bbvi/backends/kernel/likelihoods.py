"""log p(x | outputs) and its derivatives on a block of rows (floor 3).

A likelihood is one `LikelihoodKernel`; `LIKELIHOODS` maps the model's type to it.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.models import BernoulliLikelihood, GaussianLikelihood, LearnedScaleGaussian
from bbvi.types import Array, Theta

LOG_2PI = float(np.log(2 * np.pi))


class LikelihoodKernel(NamedTuple):
    """What the kernel asks of a likelihood; u is (s, n, O), weights (s, n).

    Attributes
    ----------
    output_scale : callable
        (likelihood, params) -> c: the kernel hands over u = c * outputs (see `layers`).
    prepare : callable
        (likelihood, params, x) -> what the others need, computed once per theta and x.  A tuple
        whose first entry is an array (N, ...) that is cut to the block's datapoints.
    value : callable
        (prepared, x_block, u, buffers) -> log p (s, n).  May overwrite u.
    value_and_grads : callable
        (prepared, x_block, u, buffers, weights or None) -> log p (s, n) and the dict of
        sum_sn weights d/dparams (empty when weights is None).  Overwrites u with d log p / du.
    """

    output_scale: Callable[[Any, Theta], float]
    prepare: Callable[[Any, Theta, Array], tuple[Array, Any]]
    value: Callable[[Any, Array, Array, Buffers], Array]
    value_and_grads: Callable[[Any, Array, Array, Buffers, Array | None], tuple[Array, Theta]]


def _fold_plan(width: int) -> tuple[list[int], Array]:
    """Halvings of a row of factors (at most 5), and 2^-(factors gathered in each lane)."""
    widths, counts = [width], np.ones(width)
    while widths[-1] > 8 and len(widths) <= 5:
        half = widths[-1] // 2
        folded = counts[:half] + counts[half : 2 * half]
        if widths[-1] % 2:
            folded[0] += counts[-1]
        widths.append(half)
        counts = folded
    return widths, 2.0**-counts


def _log_product(factors: Array, plan: tuple[list[int], Array]) -> Array:
    """sum_j log(factors_j / 2) over the last axis, for factors in [1, 2]; overwrites factors.

    Multiplying factors first leaves one logarithm per 32 of them.  A lane of f factors lies in
    [1, 2^f], which is far from overflow, and dividing it by 2^f is exact.
    """
    widths, shrink = plan
    for width, half in itertools.pairwise(widths):
        if width % 2:
            factors[..., 0] *= factors[..., width - 1]
        factors[..., :half] *= factors[..., half : 2 * half]
    lanes = factors[..., : widths[-1]] * shrink
    return np.log(lanes, out=lanes).sum(axis=-1)


def _prepare_bernoulli(
    likelihood: BernoulliLikelihood, params: Theta, x: Array
) -> tuple[Array, Any]:
    widths, shrink = _fold_plan(x.shape[-1])
    return 2 * x - 1, (widths, shrink.astype(x.dtype))


def _bernoulli_value(plan: Any, signs: Array, u: Array, buffers: Buffers) -> Array:
    tanh = np.tanh(u, out=buffers("tanh", *u.shape))
    return _bernoulli_from_tanh(plan, signs, u, np.abs(tanh, out=tanh))


def _bernoulli_from_tanh(plan: Any, signs: Array, u: Array, abs_tanh: Array) -> Array:
    u *= signs
    np.minimum(u, 0, out=u)
    abs_tanh += 1
    return 2 * u.sum(axis=-1) + _log_product(abs_tanh, plan)


def _bernoulli_value_and_grads(
    plan: Any, signs: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    tanh = np.tanh(u, out=buffers("tanh", *u.shape))
    abs_tanh = np.abs(tanh, out=buffers("factors", *u.shape))
    value = _bernoulli_from_tanh(plan, signs, u, abs_tanh)
    np.subtract(signs, tanh, out=u)
    return value, {}


BERNOULLI = LikelihoodKernel(
    lambda likelihood, params: 0.5,
    _prepare_bernoulli,
    _bernoulli_value,
    _bernoulli_value_and_grads,
)


def _prepare_gaussian(likelihood: GaussianLikelihood, params: Theta, x: Array) -> tuple[Array, Any]:
    constant = x.shape[-1] * (float(np.log(likelihood.scale)) + 0.5 * LOG_2PI)
    return x * np.asarray(1 / likelihood.scale, x.dtype), constant


def _gaussian_value(constant: float, y: Array, u: Array, buffers: Buffers) -> Array:
    residual = np.subtract(y, u, out=u)
    return -0.5 * np.vecdot(residual, residual) - constant


def _gaussian_value_and_grads(
    constant: float, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    return _gaussian_value(constant, y, u, buffers), {}


GAUSSIAN = LikelihoodKernel(
    lambda likelihood, params: 1 / likelihood.scale,
    _prepare_gaussian,
    _gaussian_value,
    _gaussian_value_and_grads,
)


def _prepare_learned(log_scale: Array, x: Array) -> tuple[Array, Any]:
    constant = x.shape[-1] * (float(log_scale) + 0.5 * LOG_2PI)
    return x * np.exp(-log_scale), constant


def learned_scale(name: str) -> LikelihoodKernel:
    """N(x; outputs, exp(2 params[name]) I): the scale is a parameter, with

    d log p / d log_scale = |r|^2 - Dx for the residual r = (x - outputs) / scale.
    """

    def value_and_grads(
        constant: float, y: Array, u: Array, buffers: Buffers, weights: Array | None
    ) -> tuple[Array, Theta]:
        residual = np.subtract(y, u, out=u)
        squares = np.vecdot(residual, residual)
        value = -0.5 * squares - constant
        if weights is None:
            return value, {}
        return value, {name: np.sum(weights * (squares - u.shape[-1]), dtype=u.dtype)}

    return LikelihoodKernel(
        lambda likelihood, params: float(np.exp(-params[name])),
        lambda likelihood, params, x: _prepare_learned(params[name], x),
        _gaussian_value,
        value_and_grads,
    )


LIKELIHOODS: dict[type, LikelihoodKernel] = {
    BernoulliLikelihood: BERNOULLI,
    GaussianLikelihood: GAUSSIAN,
    LearnedScaleGaussian: learned_scale("log_scale"),
}
