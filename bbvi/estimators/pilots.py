"""What some estimators learn before they are used, from pilot samples of their own (floor 3).

Each function has the signature ``(family, f, lam, x, rng) -> keyword arguments``, with f the
integrand as a target.  In a training loop the same things are learned as it goes
(`bbvi.estimators.baselines.after`, `bbvi.estimators.nvil`, `bbvi.estimators.surrogates`); here
they are learned at one fixed lam, for measuring an estimator at its best.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import nvil, surrogates
from bbvi.estimators.baselines import constant, moving_average, optimal_coefficients
from bbvi.estimators.elbo import plain_integrand
from bbvi.nets import MLP
from bbvi.targets import hold_theta
from bbvi.types import Array, Family, Relaxable, Target

Prepare = Callable[..., dict[str, Any]]
"""(family, f, lam, x, rng) -> keyword arguments of the estimator."""

PILOTS = 16


def pilot_mean(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """A constant baseline b_n, the mean of f over pilot samples of each datapoint."""
    return {"baseline": constant(_values(family, f, lam, rng).mean(axis=0))}


def pilot_running_mean(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """A moving-average baseline that starts where pilot samples have brought it."""
    start = _values(family, f, lam, rng).mean(axis=0)
    return {"baseline": partial(moving_average, start=start)}


def pilot_coefficients(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """Per-parameter coefficients, their optimum over pilot samples of each datapoint."""
    eps = family.noise(rng, PILOTS, len(lam), dtype=lam.dtype)
    return {"coefficients": optimal_coefficients(family, f, lam, eps, plain_integrand)}


def pilot_nvil(
    family: Family,
    f: Target,
    lam: Array,
    x: Array | None,
    rng: np.random.Generator,
    num_steps: int = 200,
) -> dict[str, Any]:
    """A baseline that a network has learned from x on pilot samples; without x, a constant."""
    inputs = np.zeros((len(lam), 1), dtype=lam.dtype) if x is None else x
    seen = _values(family, f, lam, rng)
    state = nvil.begin(rng, MLP((inputs.shape[1], 16, 1)))
    for step in range(num_steps):
        rows = rng.integers(len(lam), size=min(len(lam), 100))
        state = nvil.after(state, inputs[rows], seen[step % PILOTS, rows])
    return {"baseline": constant(nvil.predict(state, inputs))}


def pilot_surrogate(
    family: Relaxable,
    f: Target,
    lam: Array,
    x: Array | None,
    rng: np.random.Generator,
    num_steps: int = 200,
) -> dict[str, Any]:
    """A surrogate for RELAX, learned at these rows of lam."""
    f = hold_theta(f)
    state = surrogates.begin(rng, family.num_params)
    for _ in range(num_steps):
        eps = family.noise(rng, 1, len(lam), dtype=lam.dtype)
        state = surrogates.after(state, family, f, lam, eps, plain_integrand)
    return {"surrogate": surrogates.learned(state)}


def _values(family: Family, f: Target, lam: Array, rng: np.random.Generator) -> Array:
    """f at pilot samples: (PILOTS, N)."""
    eps = family.noise(rng, PILOTS, len(lam), dtype=lam.dtype)
    return f.value(family.transform(lam, eps))
