"""What the kernel asks of a likelihood."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.types import Array, Theta


class LikelihoodKernel(NamedTuple):
    """log p(x | outputs) and its derivatives on a block of R rows, features first.

    The block's data come as y (Dx, R), one column per row of the block, and the decoder's
    outputs as u (O, R).  Scratch arrays come from ``buffers(name, *shape)``.

    Attributes
    ----------
    constant : callable
        (likelihood, params) -> c, a constant factor of d log p / du that is cheaper outside.
    prepare : callable
        (likelihood, params, x) -> state: what the others need, once per theta and x.
    observe : callable
        (state, y) -> None: turn y, x as it is, into what the others want to see, in place.
    value : callable
        (state, y, u, buffers) -> log p (R,).  May overwrite u.
    value_and_grads : callable
        (state, y, u, buffers, weights (R,) or None) -> log p (R,) and the dict of sum_r
        weights_r d/dparams (empty when weights is None).  Overwrites u with d log p / du
        / c.
    tape : int
        How many times as much memory as u the passes over a block go through; blocks get that much
        smaller.
    """

    constant: Callable[[Any, Theta], float]
    prepare: Callable[[Any, Theta, Array], Any]
    observe: Callable[[Any, Array], None]
    value: Callable[[Any, Array, Array, Buffers], Array]
    value_and_grads: Callable[[Any, Array, Array, Buffers, Array | None], tuple[Array, Theta]]
    tape: int = 1


def column_sums(array: Array) -> Array:
    """Sum over features of (width, R): (R,).  A matrix-vector product is NumPy's fastest sum."""
    total: Array = _ones(len(array), array.dtype) @ array
    return total


def products_summed(a: Array, b: Array) -> Array:
    """sum_j a_jr b_jr of two (width, R): (R,), in one pass that writes nothing else."""
    return np.einsum("jr,jr->r", a, b)


@functools.lru_cache(maxsize=64)
def _ones(length: int, dtype: Any) -> Array:
    return np.ones(length, dtype)
