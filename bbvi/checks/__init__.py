"""Public conformance checks: for the library, a researcher's estimator, a student's exercise.

Each check raises an AssertionError that says which property failed and the likely mistake; it
returns None when all hold.  All randomness comes from the rng that is passed in.
"""

from bbvi.checks.backend import check_backends
from bbvi.checks.estimator import check_estimator
from bbvi.checks.family import check_family
from bbvi.checks.model import check_model
from bbvi.checks.problem import linear_gaussian_problem

__all__ = [
    "check_backends",
    "check_estimator",
    "check_family",
    "check_model",
    "linear_gaussian_problem",
]
