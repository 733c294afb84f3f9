"""Whether a fit has converged, and whether q is near the posterior."""

import warnings
from typing import Any, NamedTuple

import numpy as np

from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.importance_weights import psis
from bbvi.inference.solvers.climb import run_away
from bbvi.inference.solvers.quadratic import (
    FLAT,
    Gaussians,
    Quadratic,
    matched_noise,
    quadratic,
    usable,
    way,
)
from bbvi.inference.solvers.solution import Solution, Targets
from bbvi.types import Array, Target

CHECKED_ROWS, CHECK_SAMPLES = 50, 1000
"""Rows whose q is looked at under fresh noise, and the samples for each."""
MANY = 8000
"""Samples of all rows together, where the rows are few: k-hat is noisy."""
DOUBT_SAMPLES = 64
"""For each row beyond these that the solver's criterion leaves in doubt."""
NATS_LEFT = 0.1
"""Nats that a converged row may seem to gain under fresh noise."""
RIVAL = 5.0
"""Nats below a row's end, from where another optimum has less than 1 per cent of its mass."""
BELIEVED = 0.7
"""k-hat up to which importance weights, and so q's tails, can be trusted."""


class NotConvergedWarning(UserWarning):
    """The result claims an optimum that has not been reached everywhere."""


class Verdict(NamedTuple):
    """Whether Step 1 has converged, row by row, how that was seen, and how near q is.

    Attributes
    ----------
    converged : ndarray of bool (N,)
        Whether fresh noise promises at most 0.1 nats more, or, where the family does not tell
        that, the solver's criterion is met; and no optimum of comparable mass was seen elsewhere.
    seen_by : str
        The solver's criterion, in words.
    best_elbo, last_elbo : ndarray (N,)
        The highest ELBO that the solver saw and the last, by its few samples, nats.
    rival : ndarray (N,)
        Nats by which another optimum of the row is worse; infinite where none was seen.
    rows : ndarray of int (R,)
        The rows looked at under fresh noise, 1000 samples each or 8000 together: all up to 50,
        else 50 evenly spread.
    elbo, elbo_error : ndarray (R,)
        Under the fresh noise, nats.
    nats_left : ndarray (R,)
        What the fresh noise promises beyond q, nats; NaN where the family does not tell.
    gradient_norm : ndarray (R,)
        Of d ELBO / d(q's mean), in the units of q; NaN where the family does not tell.
    khat : ndarray (R,)
        Shape of the tail of p / q: above 0.7 q misses what matters of the posterior.
    effective_samples : ndarray (R,)
        (sum w)^2 / sum w^2 of the weights w = p / q.
    evaluations : int
        Of log p, for this verdict.
    """

    converged: Array
    seen_by: str
    best_elbo: Array
    last_elbo: Array
    rival: Array
    rows: Array
    elbo: Array
    elbo_error: Array
    nats_left: Array
    gradient_norm: Array
    khat: Array
    effective_samples: Array
    evaluations: int

    @property
    def all_converged(self) -> bool:
        """Whether every row has converged."""
        return bool(self.converged.all())

    def __str__(self) -> str:
        """The verdict in a line or two, for a terminal."""
        N, bad = len(self.converged), int((~self.converged).sum())
        text = (
            f"converged in all {N} rows"
            if bad == 0
            else f"NOT converged in {bad} of {N} rows (the first: row {self.converged.argmin()})"
        )
        text = f"Step 1 has {text}, by the {self.seen_by}"
        if np.isfinite(self.nats_left).any():
            text += f"; at most {np.nanmax(self.nats_left):.2g} nats are left"
        beyond = int((self.khat > BELIEVED).sum())
        if np.isfinite(self.khat).any():
            text += f".  k-hat up to {np.nanmax(self.khat):.2f}"
            if beyond:
                text += f", above {BELIEVED} in {beyond} of {len(self.rows)} rows (q lacks tails)"
            fewest = self.effective_samples.min() / max(CHECK_SAMPLES, MANY // len(self.rows))
            text += f"; at least {fewest:.0%} of the samples are effective"
        near = self.rival < RIVAL
        if near.any():
            text += (
                f".  Another optimum within {RIVAL:g} nats in {int(near.sum())} rows: the "
                "posterior has several modes, and q covers one"
            )
        return text + "."


def by_course(
    family: Any, targets: Targets, solution: Solution, rng: np.random.Generator
) -> Verdict:
    """The solver's criterion alone, without a look under fresh noise: it costs nothing."""
    nothing = np.zeros(0)
    return Verdict(
        converged=solution.settled & ~(solution.rival < RIVAL),
        seen_by=solution.criterion,
        best_elbo=solution.best_elbo,
        last_elbo=solution.last_elbo,
        rival=solution.rival,
        rows=np.zeros(0, dtype=np.int64),
        elbo=nothing,
        elbo_error=nothing,
        nats_left=nothing,
        gradient_norm=nothing,
        khat=nothing,
        effective_samples=nothing,
        evaluations=0,
    )


def verdict(family: Any, targets: Targets, solution: Solution, rng: np.random.Generator) -> Verdict:
    """Look at a solution under fresh noise, and judge.

    The rng is not advanced: the noise comes from a child of it.
    """
    fresh = rng.spawn(1)[0]
    N = len(solution.lam)
    rows = np.unique(np.linspace(0, N - 1, min(N, CHECKED_ROWS)).astype(np.int64))
    lam, target = solution.lam[rows], targets(rows)
    many = max(CHECK_SAMPLES, MANY // len(rows))
    z = family.transform(lam, family.noise(fresh, many, len(rows), target.dtype))
    # Infinite values are part of what is judged.
    with np.errstate(all="ignore"):
        log_w = (target.value(z) - family.log_prob(lam, z)).astype(np.float64)
        error = log_w.std(axis=0) / np.sqrt(len(log_w))
    left, norm, cost = _left(family, target, lam, fresh, many)
    converged = solution.settled.copy()
    converged[rows] = np.where(np.isnan(left), converged[rows], left <= NATS_LEFT)
    # Where fresh noise contradicts the solver in some rows, it is asked in all others too.
    doubted_rows = ~converged | bool((solution.settled[rows] & ~converged[rows]).any())
    unsettled = np.setdiff1d(np.flatnonzero(doubted_rows), rows)
    if len(unsettled):
        some = family, targets(unsettled), solution.lam[unsettled], fresh, DOUBT_SAMPLES
        doubted, _, more = _left(*some)
        known = ~np.isnan(doubted)
        converged[unsettled[known]] = doubted[known] <= NATS_LEFT
        cost += more
    converged &= ~(solution.rival < RIVAL)
    return Verdict(
        converged=converged,
        seen_by=solution.criterion,
        best_elbo=solution.best_elbo,
        last_elbo=solution.last_elbo,
        rival=solution.rival,
        rows=rows,
        elbo=log_w.mean(axis=0),
        elbo_error=error,
        nats_left=left,
        gradient_norm=norm,
        khat=_khat(log_w, float(np.finfo(lam.dtype).eps)),
        effective_samples=_effective(log_w),
        evaluations=log_w.size + cost,
    )


def _left(
    family: Any, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> tuple[Array, Array, int]:
    """Nats left and the gradient's norm of a Gaussian q, and the evaluations spent.

    Noise seems to promise c / S nats at the optimum: twice as much in each half of the samples as
    in both, which tells c.
    """
    if not isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        nothing = np.full(len(lam), np.nan)
        return nothing, nothing, 0
    D, diagonal = family.latent_dim, isinstance(family, DiagonalGaussian)
    mean, covariance = family.moments(lam.astype(np.float64))
    q = Gaussians(mean, np.linalg.cholesky(covariance))
    S = max(num_samples // 2, 4 * D)
    halves = [quadratic(target, q, matched_noise(rng, S, len(lam), D)) for _ in range(2)]
    # The ELBO of a heavy improper tail grows for ever, by little in each step.
    ok = np.logical_and(*map(usable, halves)) & ~run_away(q)
    first, second = (Quadratic(*(part[ok] for part in half)) for half in halves)
    both = Quadratic(*(0.5 * (a + b) for a, b in zip(first, second)))
    gains = [way(look, diagonal, np.full(ok.sum(), FLAT)).gain for look in (first, second, both)]
    # An infinite gain stays one: NaN would say that the family does not tell.
    bounded = np.isfinite(gains).all(axis=0)
    gains = [np.where(bounded, gain, 0) for gain in gains]
    noise = np.maximum(0.5 * (gains[0] + gains[1]) - gains[2], 0)
    left, norm = np.full(len(lam), np.inf), np.full(len(lam), np.inf)
    left[ok] = np.where(bounded, np.maximum(gains[2] - noise, 0), np.inf)
    norm[ok] = np.linalg.norm(both.gradient, axis=1)
    return left, norm, 2 * S * len(lam)


def _khat(log_w: Array, rounding: float) -> Array:
    """k-hat of each row (R,); infinite where a weight is not a number."""
    known = ~np.isnan(log_w).any(axis=0) & (log_w < np.inf).all(axis=0)
    khat = np.full(log_w.shape[1], np.inf)
    if known.any():
        khat[known] = psis(log_w[:, known]).khat
    # Weights that differ by rounding alone have no tail.
    with np.errstate(invalid="ignore", over="ignore"):
        same = np.ptp(log_w, axis=0) <= 1000 * rounding * np.maximum(1, np.abs(log_w[0]))
    return np.where(known & same, -np.inf, khat)


def _effective(log_w: Array) -> Array:
    """(sum w)^2 / sum w^2 over the samples: (S, R) -> (R,)."""
    w = np.exp(log_w - np.nan_to_num(log_w.max(axis=0), posinf=0, neginf=0))
    return w.sum(axis=0) ** 2 / np.maximum((w**2).sum(axis=0), np.finfo(np.float64).tiny)


def advice(verdict: Verdict) -> str:
    """What to do about rows that have not converged."""
    if (verdict.rival < RIVAL).any():
        return (
            "Start at each mode (lam=...) and compare the ELBOs, or take a family of several modes."
        )
    if not np.isfinite(verdict.elbo).all():
        return (
            "log p is not finite somewhere under q: check log_joint, and give constrained "
            "parameters a transform (bbvi.models.transforms)."
        )
    return (
        "Give it more steps or samples (solver=natural_gradient(max_steps=...), "
        "solver=stochastic(num_steps=..., num_samples=...)), or another start (start=laplace()). "
        "Where the ELBO grows without end, log_joint is no proper density. .verdict has the rows."
    )


def warn_unless_converged(verdict: Verdict, stacklevel: int) -> None:
    """A NotConvergedWarning with what to do, where some row has not converged."""
    if not verdict.all_converged:
        warnings.warn(f"{verdict} {advice(verdict)}", NotConvergedWarning, stacklevel=stacklevel)
