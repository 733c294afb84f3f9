"""The ELBO's optimum over lam, from more than one start: the better end counts.

From lam alone, an encoder's output, Step 1 may end in an optimum that is not the best, and the
family would be blamed for what is lost.  The starts are few: where the posterior has modes far from
each other, an optimum at another of them may still be better.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import MonteCarlo, elbo
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference import Fit, NotFiniteError, Verdict, laplace
from bbvi.inference.inner_loop import Judge
from bbvi.inference.nats_left import NATS_LEFT
from bbvi.inference.solvers.solution import Solution, Targets
from bbvi.inference.verdict import by_course, verdict
from bbvi.types import Array, Family, Target

NUM_DRAWS = 64
"""Of each row's q, of which the best leads to a mode."""


class End(NamedTuple):
    """Where Step 1 ends.

    Attributes
    ----------
    lam : ndarray (N, P)
    verdict : Verdict
    elbo : MonteCarlo
        Of the N rows.
    """

    lam: Array
    verdict: Verdict
    elbo: MonteCarlo


def optimum_from_several_starts(
    climb: Callable[[Array, Array, Judge], Fit],
    family: Family,
    targets: Targets,
    lam: Array,
    rng: np.random.Generator,
    num_samples: int,
) -> tuple[MonteCarlo, End]:
    """The ELBOs at lam, and where Step 1 ends, under common noise.

    Every row is climbed from lam.  Rows that are better at ``family.init`` are climbed from there
    too; with a Gaussian family, rows that have not converged, or are better by 0.1 nats at
    Laplace's approximation of a mode, are climbed from this.  Where Step 1 ends nowhere finite, lam
    is its end, and has not converged.

    Parameters
    ----------
    climb : callable
        (rows, start, judge) -> Fit: Step 1 of some rows.
    family, targets, lam, rng
        q of N rows, and log p.
    num_samples : int
        Of each ELBO.

    Returns
    -------
    at_lam : MonteCarlo
    end : End
    """
    everything = np.arange(len(lam))
    target, (neutral, of_elbo) = targets(everything), rng.integers(2**63, size=2)

    def at(start: Array) -> MonteCarlo:
        return _elbo(family, target, start, of_elbo, num_samples)

    def again(end: End, rows: Array, start: Array) -> End:
        """The end, or in some rows that of another start, which may lead nowhere."""
        with suppress(NotFiniteError):
            return _better_end(end, rows, climb(rows, start[rows], by_course), at)
        return end

    first = climb(everything, lam, verdict)
    assert first.verdict is not None
    at_lam, end = at(lam), End(first.lam, first.verdict, at(first.lam))
    poor = _better_at_the_neutral_start(family, target, lam, neutral)
    if len(poor):
        end = again(end, poor, family.init(len(lam)))
    if isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        modes = _at_modes(family, targets, end.lam, rng)
        higher = _or_lowest(at(modes)) > _or_lowest(end.elbo) + NATS_LEFT
        lost = np.flatnonzero(higher | ~end.verdict.converged)
        if len(lost):
            end = again(end, lost, modes)
    if end.verdict is not first.verdict:
        end = end._replace(verdict=verdict(family, targets, _solution(end), rng))
    ended = np.isfinite(end.elbo.value)
    converged = end.verdict.converged & ended
    return at_lam, End(
        np.where(ended[:, None], end.lam, lam),
        end.verdict._replace(converged=converged),
        MonteCarlo(*(np.where(ended, *pair) for pair in zip(end.elbo, at_lam))),
    )


def _better_end(end: End, rows: Array, other: Fit, at: Callable[[Array], MonteCarlo]) -> End:
    """The end, or in some rows the other where its ELBO is higher."""
    assert other.verdict is not None
    lam = end.lam.copy()
    lam[rows] = other.lam
    there = at(lam)
    better = _or_lowest(there) > _or_lowest(end.elbo)
    chosen = {}
    for name in ("converged", "best_elbo", "last_elbo", "rival"):
        chosen[name] = getattr(end.verdict, name).copy()
        chosen[name][rows] = getattr(other.verdict, name)
        chosen[name] = np.where(better, chosen[name], getattr(end.verdict, name))
    return End(
        np.where(better[:, None], lam, end.lam),
        end.verdict._replace(**chosen),
        MonteCarlo(*(np.where(better, *pair) for pair in zip(there, end.elbo))),
    )


def _or_lowest(at: MonteCarlo) -> Array:
    """The ELBO; where it is no number, lower than any."""
    return np.where(np.isnan(at.value), -np.inf, at.value)


def _solution(end: End) -> Solution:
    """What a solver would have said of this end."""
    seen = end.verdict
    return Solution(
        end.lam, seen.converged, seen.seen_by, seen.best_elbo, seen.last_elbo, seen.rival
    )


def _better_at_the_neutral_start(family: Family, target: Target, lam: Array, seed: int) -> Array:
    """The rows where even the neutral start is better than lam.

    Step 1 may not recover from a very poor lam.  Where the posterior has several modes the neutral
    start may lead to a worse one, so both are tried.
    """
    at_lam, at_neutral = (
        _or_lowest(_elbo(family, target, start, seed, 100))
        for start in (lam, family.init(len(lam)))
    )
    return np.flatnonzero(at_neutral > at_lam)


def _at_modes(
    family: DiagonalGaussian | FullCovarianceGaussian,
    targets: Targets,
    lam: Array,
    rng: np.random.Generator,
) -> Array:
    """Laplace approximations of the modes that are climbed to from each row's best draw of q.

    A q that lies across two modes may be an optimum, and a poor one: much of its mass is where the
    posterior has none.
    """
    rows = np.arange(len(lam))
    z = family.transform(lam, family.noise(rng, NUM_DRAWS, len(lam), lam.dtype))
    log_p = targets(rows).value(z)
    best = z[np.where(np.isnan(log_p), -np.inf, log_p).argmax(axis=0), rows]
    start = family.from_moments(best, family.moments(lam).covariance)
    at_modes: Array = laplace()(family, targets, start, rng)
    return at_modes


def _elbo(family: Family, target: Target, lam: Array, seed: int, num_samples: int) -> MonteCarlo:
    """The ELBO under noise that is the same for the same seed."""
    return elbo(family, target, lam, np.random.Generator(np.random.PCG64(seed)), num_samples)
