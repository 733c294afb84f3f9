"""Public conformance checks: for the library, a researcher's estimator, a student's exercise.

Each check raises an AssertionError that says which property failed and the likely mistake; it
returns None when all hold.  All randomness comes from the rng that is passed in.

The checks of exercises (`bbvi.checks.exercises`) compare a student's function with the equation
and name the mistake; `check_answer` makes more of them.
"""

from bbvi.checks import exercises
from bbvi.checks.backend import check_backends
from bbvi.checks.estimator import check_estimator
from bbvi.checks.exercises import *  # noqa: F403  (its `__all__` lists them)
from bbvi.checks.family import check_family
from bbvi.checks.mistakes import Suspect
from bbvi.checks.model import check_model
from bbvi.checks.problem import linear_gaussian_problem

__all__ = [
    "Suspect",
    "check_backends",
    "check_estimator",
    "check_family",
    "check_model",
    "linear_gaussian_problem",
]
__all__ += exercises.__all__
