"""Gradient estimators, all with the signature ``(family, target, lam, eps) -> Estimate``."""

from bbvi.estimators.elbo import (
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
    score_function,
    sticking_the_landing,
)
from bbvi.estimators.expectations import leave_one_out, no_baseline

__all__ = [
    "leave_one_out",
    "no_baseline",
    "reparameterized",
    "reparameterized_kl",
    "reparameterized_mc",
    "score_function",
    "sticking_the_landing",
]
