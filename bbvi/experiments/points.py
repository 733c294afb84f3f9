"""A problem at fixed theta and datapoint, and the points lam at which gradients are measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bbvi.types import Array, Estimate, Target

POINTS = ("start", "mid", "converged")
Points = Mapping[str, Sequence[float]]
"""Points lam of a user's own, by name."""


class Trajectory(NamedTuple):
    """A model, or integrand, at fixed theta and datapoint, and the points lam to look at.

    Attributes
    ----------
    family : Family
    rows : callable
        R -> a target with R equal datapoints; plain data and functions, so that it can be sent
        to other processes.
    rows_with_squares : callable or None
        The same with second moments of the theta gradient, where the kernel has them.
    points : dict
        "start", "mid", "converged" -> lam (1, P).
    exact : dict
        The exact `Estimate` at those points; empty where none is known.
    plain : bool
        True for E_q[f] of an integrand, False for the ELBO of a model.
    x : ndarray (1, Dx) or None
        The datapoint; an integrand has none.
    """

    family: Any
    rows: Callable[[int], Target]
    rows_with_squares: Callable[[int], Target] | None
    points: dict[str, Array]
    exact: dict[str, Estimate]
    plain: bool
    x: Array | None
