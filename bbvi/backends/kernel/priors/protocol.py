"""What the kernel asks of a prior."""

from collections.abc import Callable
from typing import Any, NamedTuple

from bbvi.types import Array, Theta


class PriorKernel(NamedTuple):
    """log p(z) and its derivatives on a block; features first: z is (D, R), weights (R,).

    Attributes
    ----------
    prepare : callable
        (prior, params) -> state: what both other functions need, computed once per theta.
    value : callable
        (state, z) -> log p(z) (R,).
    value_and_grads : callable
        (state, z, weights or None) -> log p(z) (R,), d/dz (D, R), and the dict of sum_r
        weights_r d/dparams (empty when weights is None: then nobody asked).  All three are the
        caller's to overwrite.
    """

    prepare: Callable[[Any, Theta], Any]
    value: Callable[[Any, Array], Array]
    value_and_grads: Callable[[Any, Array, Array | None], tuple[Array, Array, Theta]]
