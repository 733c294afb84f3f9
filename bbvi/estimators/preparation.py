"""What some estimators learn before they are used, from samples of their own.

A `Preparation` learns at a fixed lam, once, and what it has learned serves every later call there:
an estimator at its best, and the price of getting there.  In a training loop lam moves, and the
same things are learned as it goes (`bbvi.estimators.baselines.after`, `bbvi.estimators.nvil`,
`bbvi.estimators.surrogates`).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators import nvil, surrogates
from bbvi.estimators.baselines import constant, moving_average
from bbvi.nets import MLP
from bbvi.targets import hold_theta
from bbvi.types import Array, Family, Relaxable, Target

Learn = Callable[..., dict[str, Any]]
"""(family, f, lam, x, rng) -> keyword arguments of the estimator; f is the integrand."""

PREPARATION_SAMPLES = 2**16
"""Samples for each row of lam.  The coefficient a of a control variate has a standard error of
order 1 / sqrt(PREPARATION_SAMPLES), and costs E[h^2] (a - a*)^2 of variance: for a quadratic f
about 0.1 % of the optimum, so that the 2 % that are asked of it are many standard errors away."""
STEPS, BATCH = 200, 100
SURROGATE_ROWS = 256
_NUMBERS = 2**20


class Preparation(NamedTuple):
    """What an estimator learns beforehand.

    Attributes
    ----------
    learn : callable
        (family, f, lam, x, rng) -> keyword arguments of the estimator, f the integrand as a
        target and lam (N, P).
    what : str
        What is learned, in words.
    evaluations : int
        Of f, to learn it for one datapoint.
    rows : int
        Equal rows of lam that learn together where there is one datapoint.
    """

    learn: Learn
    what: str
    evaluations: int
    rows: int = 1


def learn_mean(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """A constant baseline b_n, the mean of f over the samples of each datapoint."""
    return {"baseline": constant(_mean(family, f, lam, rng))}


def learn_running_mean(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """A moving-average baseline that starts at the mean of f, where a long run would bring it."""
    return {"baseline": partial(moving_average, start=_mean(family, f, lam, rng))}


def learn_coefficients(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """a_np = sum_s f_sn h_snp^2 / sum_s h_snp^2, the optimum of each datapoint's control variate.

    What is left of the optimal variance is E[h^2] (a - a*)^2; see
    `bbvi.estimators.optimal_coefficients` for the formula.
    """
    weighted, total = np.zeros(lam.shape), np.zeros(lam.shape)
    for z in _samples(family, lam, rng):
        squares = family.score(lam, z) ** 2
        weighted += np.einsum("sn,snp->np", f.value(z), squares)
        total += squares.sum(axis=0)
    a = weighted / np.maximum(total, np.finfo(lam.dtype).tiny)
    return {"coefficients": a.astype(lam.dtype)}


def learn_network(
    family: Family, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """NVIL's baseline: a network of x, learned by least squares; without x, a constant."""
    N = len(lam)
    inputs = np.zeros((N, 1), dtype=lam.dtype) if x is None else x
    num = -(-STEPS * BATCH // N)
    values = np.concatenate([f.value(z) for z in _samples(family, lam, rng, num)])
    state = nvil.begin(rng, MLP((inputs.shape[1], 16, 1)))
    for _ in range(STEPS):
        rows = rng.integers(N, size=BATCH)
        state = nvil.after(state, inputs[rows], values[rng.integers(num, size=BATCH), rows])
    return {"baseline": constant(nvil.predict(state, inputs))}


def learn_surrogate(
    family: Relaxable, f: Target, lam: Array, x: Array | None, rng: np.random.Generator
) -> dict[str, Any]:
    """A surrogate for RELAX, moved down the variance of its own gradient at these rows of lam."""
    f = hold_theta(f)
    state = surrogates.begin(rng, family.num_params)
    for _ in range(STEPS):
        eps = family.noise(rng, 1, len(lam), dtype=lam.dtype)
        state = surrogates.after(state, family, f, lam, eps)
    return {"surrogate": surrogates.learned(state)}


MEAN = Preparation(learn_mean, "mean of f", PREPARATION_SAMPLES)
RUNNING_MEAN = Preparation(learn_running_mean, "mean of f, to start from", PREPARATION_SAMPLES)
COEFFICIENTS = Preparation(
    learn_coefficients, "a coefficient for each parameter", PREPARATION_SAMPLES
)
NETWORK = Preparation(learn_network, "a network of x", STEPS * BATCH)
SURROGATE = Preparation(
    learn_surrogate, "a surrogate of f", 2 * STEPS * SURROGATE_ROWS, SURROGATE_ROWS
)


def _mean(family: Family, f: Target, lam: Array, rng: np.random.Generator) -> Array:
    """The mean of f over the samples of each datapoint: (N,)."""
    total = sum(f.value(z).sum(axis=0, dtype=np.float64) for z in _samples(family, lam, rng))
    return np.asarray(total / PREPARATION_SAMPLES, dtype=lam.dtype)


def _samples(
    family: Any, lam: Array, rng: np.random.Generator, num: int = PREPARATION_SAMPLES
) -> Iterator[Array]:
    """z of ``num`` samples for each row of lam, in parts that fit into memory: (S, N, D)."""
    part = max(1, _NUMBERS // lam.size)
    for start in range(0, num, part):
        eps = family.noise(rng, min(part, num - start), len(lam), dtype=lam.dtype)
        yield family.transform(lam, eps)
