"""Whether a fit has converged, and whether q is near the posterior."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.inference.importance_check import weigh
from bbvi.inference.nats_left import NATS_LEFT, look, near_optimum
from bbvi.inference.other_modes import Modes, other_modes
from bbvi.inference.solvers.solution import Solution, Targets
from bbvi.inference.tails import tail_ratio
from bbvi.types import Array

CHECKED_ROWS, CHECK_SAMPLES = 50, 1000
"""Rows whose q is looked at under fresh noise, and the samples for each."""
MANY = 8000
"""Samples of all rows together, where the rows are few: k-hat is noisy."""
RIVAL = 5.0
"""An optimum this many nats lower holds less than 1 per cent of the mass."""
FELT = 0.15
"""Part of q's variance that a mode of mass w at d standard deviations may add, w d^2."""
BELIEVED = 0.7
"""k-hat up to which importance weights, and so q's tails, can be trusted."""
MOVED = 0.07
"""Standard deviations by which weights may move a mean, and part by which they may change a
standard deviation: of 0.1, what their noise leaves."""

NARROW = 0.9
"""Part of the posterior's width along rays, below which q is too narrow."""


class Verdict(NamedTuple):
    """Whether Step 1 has converged, row by row, how that was seen, and how near q is.

    Attributes
    ----------
    converged : ndarray of bool (N,)
        Whether fresh noise promises at most 0.1 nats more (64 samples in the rows beyond ``rows``,
        256 and 1000 where these leave doubt), or, where the family does not tell that, the solver's
        criterion is met; and no optimum of comparable mass was seen elsewhere.
    seen_by : str
        The solver's criterion, in words.
    best_elbo, last_elbo : ndarray (N,)
        The highest ELBO that the solver saw and the last, by its few samples, nats.
    rival : ndarray (N,)
        Nats by which another optimum of the row is worse; infinite where none was seen.
    rival_distance : ndarray (N,)
        How far it is, in q's standard deviations; 0 where the solver, which does not tell, saw it.
    rows : ndarray of int (R,)
        The rows looked at under fresh noise, 1000 samples each or 8000 together: all up to 50,
        else 50 evenly spread.
    elbo, elbo_error : ndarray (R,)
        Under the fresh noise, nats.
    nats_left : ndarray (R,)
        What the fresh noise promises beyond q, nats; NaN where the family does not tell.
    gradient_norm : ndarray (R,)
        Of d ELBO / d(q's mean), in the units of q; NaN where the family does not tell.
    response_ratio : ndarray (R, D)
        Standard deviations of a diagonal Gaussian q of z, as parts of those by linear response to
        second order; NaN for other families.
    khat : ndarray (R,)
        Shape of the tail of p / q: above 0.7 q misses what matters of the posterior.
    effective_samples : ndarray (R,)
        (sum w)^2 / sum w^2 of the weights w = p / q.
    mean_error : ndarray (R, K)
        Mean of the K numbers reported of z, or of z itself, under q less that under the
        Pareto-smoothed weights p / q, in standard deviations under the weights; K = 0 for families
        without a path.  As far as k-hat is below 0.7 this is q's error.
    sd_ratio : ndarray (R, K)
        Standard deviation under q, as a part of that under the weights.
    tail_ratio : ndarray (R,)
        Standard deviation under q, as a part of that of the posterior along rays from q's mean:
        1 where these do not tell, and in more than 16 rows.
    evaluations : int
        Of log p, for this verdict.
    """

    converged: Array
    seen_by: str
    best_elbo: Array
    last_elbo: Array
    rival: Array
    rival_distance: Array
    rows: Array
    elbo: Array
    elbo_error: Array
    nats_left: Array
    gradient_norm: Array
    response_ratio: Array
    khat: Array
    effective_samples: Array
    mean_error: Array
    sd_ratio: Array
    tail_ratio: Array
    evaluations: int

    @property
    def flagged(self) -> Array:
        """Rows, of those looked at, where something says that q is not near the posterior: (R,).

        The row has not converged, k-hat is above 0.7, the weights move a mean by more than 0.07
        standard deviations or change one by more than 7 per cent, linear response raises one by
        as much, or along rays the posterior is wider than q by more than a tenth.
        """
        narrow = (self.response_ratio < 1 - MOVED).any(axis=1) | (self.tail_ratio < NARROW)
        return ~self.converged[self.rows] | ~(self.khat <= BELIEVED) | self._moved() | narrow

    def _moved(self) -> Array:
        """Rows whose moments the weights change: (R,).  What is no number counts as changed."""
        near = (np.abs(self.mean_error) <= MOVED) & (np.abs(self.sd_ratio - 1) <= MOVED)
        return ~near.all(axis=1)

    @property
    def several_modes(self) -> Array:
        """Rows with another optimum of 1 per cent of the mass, or of less so far away that it
        changes the posterior's variance by 15 per cent: (N,).
        """
        with np.errstate(divide="ignore"):
            felt = 2 * np.log(self.rival_distance) - np.log(FELT)
        return self.rival < np.maximum(RIVAL, felt)

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
        moved = self._moved() & (self.khat <= BELIEVED)
        if moved.any():
            far, ratio = np.abs(self.mean_error[moved]).max(), self.sd_ratio[moved]
            text += (
                f".  Weighted by p / q, means move by up to {far:.2g} sd, and q's sd are "
                f"{ratio.min():.2f} to {ratio.max():.2f} of the weighted ones"
            )
        if (self.response_ratio < 1 - MOVED).any():
            lowest = np.nanmin(self.response_ratio)
            text += (
                f".  By linear response q's sd are as low as {lowest:.2f} of what they should be"
            )
        if (self.tail_ratio < NARROW).any():
            text += f".  Along rays q's sd are {self.tail_ratio.min():.2f} of the posterior's"
        near = self.several_modes
        if near.any():
            text += (
                f".  Another optimum, {self.rival[near].min():.2g} nats below q or more, in "
                f"{int(near.sum())} rows: the posterior has several modes, and q covers one"
            )
        return text + "."


def by_course(
    family: Any,
    targets: Targets,
    solution: Solution,
    rng: np.random.Generator,
    of: Callable[[Array], Array] | None = None,
) -> Verdict:
    """The solver's criterion alone, without a look under fresh noise: it costs nothing."""
    nothing = np.zeros(0)
    return Verdict(
        converged=solution.settled & ~(solution.rival < RIVAL),
        seen_by=solution.criterion,
        best_elbo=solution.best_elbo,
        last_elbo=solution.last_elbo,
        rival=solution.rival,
        rival_distance=np.zeros(len(solution.lam)),
        rows=np.zeros(0, dtype=np.int64),
        elbo=nothing,
        elbo_error=nothing,
        nats_left=nothing,
        gradient_norm=nothing,
        response_ratio=np.zeros((0, 0)),
        khat=nothing,
        effective_samples=nothing,
        mean_error=np.zeros((0, 0)),
        sd_ratio=np.zeros((0, 0)),
        tail_ratio=nothing,
        evaluations=0,
    )


def verdict(
    family: Any,
    targets: Targets,
    solution: Solution,
    rng: np.random.Generator,
    of: Callable[[Array], Array] | None = None,
) -> Verdict:
    """Look at a solution under fresh noise, and judge.

    The rng is not advanced: the noise comes from a child of it.  ``of`` is what is reported of z.
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
    seen = look(family, target, lam, fresh, many)
    converged = solution.settled.copy()
    converged[rows] = np.where(np.isnan(seen.left), converged[rows], seen.left <= NATS_LEFT)
    others = np.setdiff1d(np.arange(N), rows)
    near, of_others = near_optimum(family, targets, solution.lam, others, fresh)
    converged[others] = np.where(np.isnan(near), converged[others], near > 0)
    modes = _modes(family, targets, solution, rows, z, log_w, fresh)
    weighed = weigh(family, z, log_w, of, lam.dtype)
    tails, along = tail_ratio(family, target, z, fresh)
    judged = by_course(family, targets, solution, rng)._replace(
        rival=modes.rival,
        rival_distance=modes.distance,
        rows=rows,
        elbo=log_w.mean(axis=0),
        elbo_error=error,
        nats_left=seen.left,
        gradient_norm=seen.gradient_norm,
        response_ratio=seen.response_ratio,
        **weighed._asdict(),
        tail_ratio=tails,
        evaluations=log_w.size + seen.evaluations + of_others + modes.evaluations + along,
    )
    return judged._replace(converged=converged & ~judged.several_modes)


def _modes(
    family: Any, targets: Targets, solution: Solution, rows: Array, z: Array, log_w: Array, rng: Any
) -> Modes:
    """The solver's rivals, or where it saw none those of a search."""
    N = len(solution.lam)
    if len(rows) < N:
        return Modes(solution.rival, np.zeros(N), 0)
    searched = other_modes(family, targets, solution.lam, z, log_w, rng)
    known = solution.rival < RIVAL
    return searched._replace(
        rival=np.where(known, solution.rival, searched.rival),
        distance=np.where(known, 0, searched.distance),
    )
