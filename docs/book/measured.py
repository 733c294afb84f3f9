"""Bias and variance of every estimator on the three problems, from fixed seeds."""

import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators import ESTIMATORS, draw_noise, prepared
from bbvi.targets import hold_theta
from book.problems import SAMPLES, Posed, kind_for, problems

REPLICATES = 4000


class Measured(NamedTuple):
    """One estimator on one problem: P parameters, over `REPLICATES` gradients."""

    exact: Any
    mean: Any
    variance: Any

    @property
    def bias(self) -> Any:
        """Mean less exact, as a share of the exact gradient's root mean square."""
        return (self.mean - self.exact) / self.scale

    @property
    def error(self) -> Any:
        """Its standard error."""
        return np.sqrt(self.variance / REPLICATES) / self.scale

    @property
    def noise(self) -> float:
        """Variance over squared gradient, both means over parameters."""
        return float(self.variance.mean() / self.scale**2)

    @property
    def scale(self) -> float:
        """Root mean square of the exact gradient."""
        return float(np.sqrt(np.mean(self.exact**2)))


@cache
def measured(name: str) -> tuple[Measured, ...]:
    """An estimator of the table on its three problems."""
    specification = ESTIMATORS[name]
    seed = int.from_bytes(name.encode(), "little") % 2**32
    rng = np.random.Generator(np.random.PCG64(seed))
    return tuple(_measure(specification, posed, rng) for posed in problems(kind_for(specification)))


def _measure(specification: Any, posed: Posed, rng: np.random.Generator) -> Measured:
    rows = 1 if specification.prepare is None else specification.prepare.rows
    repeated = (np.repeat(posed.lam, rows, axis=0), np.repeat(posed.x, rows, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = prepared(
            specification, posed.family, hold_theta(posed.rows(rows)), *repeated, rng
        )
    eps = draw_noise(specification, posed.family, rng, SAMPLES, REPLICATES)
    lam = np.repeat(posed.lam, REPLICATES, axis=0)
    grad = estimator(posed.family, hold_theta(posed.rows(REPLICATES)), lam, eps).grad
    return Measured(posed.exact(specification.bound), grad.mean(axis=0), grad.var(axis=0, ddof=1))
