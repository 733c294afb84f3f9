"""Solvers of Step 1, as values: ``infer(..., solver=natural_gradient())``."""

from bbvi.inference.solvers.deterministic import deterministic
from bbvi.inference.solvers.natural_gradient import natural_gradient
from bbvi.inference.solvers.solution import Solution, Solver, Targets
from bbvi.inference.solvers.stochastic import ascend, stochastic

__all__ = [
    "Solution",
    "Solver",
    "Targets",
    "ascend",
    "deterministic",
    "natural_gradient",
    "stochastic",
]
