"""A prior or a likelihood that the kernel does not know: autograd of that part alone.

The decoder's products and passes, which take most of the time, stay the kernel's.  Autograd
pulls ones back through ``log_prob`` on each block of rows for d log p / du (or d/dz), and the
samples' weights for the part's parameters.
"""

from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.autodiff import rows_and_grads
from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel
from bbvi.backends.kernel.priors.protocol import PriorKernel
from bbvi.types import Array, Theta


class Part(NamedTuple):
    """A prior or a likelihood, and its parameters."""

    density: Any
    params: Theta


def _log_likelihood(part: Part, params: Theta, y: Array, outputs: Array) -> Array:
    """log p(x | outputs) of y (Dx, R) and outputs (R, O): (1, R)."""
    return _checked(part, part.density.log_prob(params, y.T, outputs[None]), len(outputs))


def _log_prior(part: Part, params: Theta, z: Array) -> Array:
    """log p(z) of z (R, D): (1, R)."""
    return _checked(part, part.density.log_prob(params, z[None]), len(z))


def _checked(part: Part, log_p: Array, num_rows: int) -> Array:
    if np.shape(log_p) != (1, num_rows):
        raise ValueError(
            f"{type(part.density).__name__}.log_prob returned shape {np.shape(log_p)} for S = 1 "
            f"sample of N = {num_rows} rows; expected (S, N) = {(1, num_rows)}: one log-density "
            "per sample and row. Perhaps sum over the last axis only (axis=-1)."
        )
    return log_p


def _observe(part: Part, y: Array) -> None:
    """Leave y = x."""


def _likelihood_value(part: Part, y: Array, u: Array, buffers: Buffers) -> Array:
    return np.array(_log_likelihood(part, part.params, y, u.T)[0], u.dtype)


def _likelihood_value_and_grads(
    part: Part, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    value, du, dparams = rows_and_grads(
        lambda params, outputs: _log_likelihood(part, params, y, outputs), part.params, u.T, weights
    )
    u[...] = du.T
    return np.array(value, u.dtype), dparams


def _prior_value(part: Part, z: Array) -> Array:
    return np.array(_log_prior(part, part.params, z.T)[0], z.dtype)


def _prior_value_and_grads(
    part: Part, z: Array, weights: Array | None
) -> tuple[Array, Array, Theta]:
    value, dz, dparams = rows_and_grads(
        lambda params, rows: _log_prior(part, params, rows), part.params, z.T, weights
    )
    return np.array(value, z.dtype), np.array(dz.T, z.dtype), dparams


LIKELIHOOD_BY_AUTODIFF = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: Part(likelihood, params),
    _observe,
    _likelihood_value,
    _likelihood_value_and_grads,
    tape=4,
)
PRIOR_BY_AUTODIFF = PriorKernel(Part, _prior_value, _prior_value_and_grads)
