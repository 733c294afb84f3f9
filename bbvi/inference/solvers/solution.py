"""What a solver of Step 1 takes and gives."""

from collections.abc import Callable
from typing import NamedTuple

from bbvi.types import Array, Target

Targets = Callable[[Array], Target]
"""Numbers of rows (n,) -> log p_theta(x[rows], .): rows that have settled cost nothing more."""
Observe = Callable[[Array], None]
"""Called with the ELBO (N,) of every row, as last seen, after each step: it keeps the trace."""


class Solution(NamedTuple):
    """Where a solver of Step 1 ends.

    Attributes
    ----------
    lam : ndarray (N, P)
    settled : ndarray of bool (N,)
        Whether the row meets the solver's criterion.
    criterion : str
        The criterion, in words.
    best_elbo, last_elbo : ndarray (N,)
        The highest ELBO that the solver saw, and the one at its end: estimates with its few
        samples, nats.
    rival : ndarray (N,)
        How far below its own end (nats) the row has an optimum elsewhere; infinite where the
        solver saw none.
    """

    lam: Array
    settled: Array
    criterion: str
    best_elbo: Array
    last_elbo: Array
    rival: Array


Solver = Callable[..., Solution]
"""(family, targets, lam (N, P), rng, observe) -> Solution: Step 1 of all rows."""
