"""Whether a fit of theta has settled, by the course of its ELBO and of its parameters.

A minibatch's ELBO is noisy, so means over many steps are compared, with their standard errors; and
the parameters are looked at too, because a slow, steady move may hide in the ELBO's noise.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from bbvi.inference.not_converged import NotConvergedWarning, warn_not_converged
from bbvi.inference.solvers.windows import UNSEEN, mean_and_error
from bbvi.types import Array, Theta

ERRORS = 3.0
"""Standard errors beyond which a change of the ELBO is not noise."""
WINDOWS = 20
"""Of the whole course: the best is compared with the last."""
DIRECTED = 2.5
"""Change between two quarters, in spreads within them, of a directed move.

A straight line has sqrt(12) = 3.5, a random walk 2, noise around a fixed point less than 1.
"""
SMALL_MOVE = 0.01
"""Of the parameters' norm: a change below it is no move."""
SNAPSHOTS = 16
"""Of the parameters, in a quarter."""


class Course(NamedTuple):
    """Whether a fit has converged, and how that was seen; nats per datapoint.

    Attributes
    ----------
    converged : bool
        The ELBO neither rises nor has fallen beyond its noise, and the parameters do not move in
        one direction.
    why : str
        What says otherwise; empty where nothing does.
    seen_by : str
        The criterion, in words.
    trend, trend_error : float
        Mean ELBO of the last quarter of the steps less that of the quarter before; standard error.
        Each step's noise, from its minibatch and its samples, is independent of the others'.
    spread : float
        Standard deviation of the ELBO over the windows, each 1/20 of the steps, of the last half.
    best_elbo, best_error, last_elbo, last_error : float
        Of the window with the highest mean ELBO, and of the last.
    moved : float
        Norm of the change of the parameters' mean between the two quarters, relative to theirs.
    direction : float
        The same change in units of the spread within the quarters: about 3.5 for a straight line,
        2 for a random walk, below 1 for noise around a fixed point.
    """

    converged: bool
    why: str
    seen_by: str
    trend: float
    trend_error: float
    spread: float
    best_elbo: float
    best_error: float
    last_elbo: float
    last_error: float
    moved: float
    direction: float

    @property
    def all_converged(self) -> bool:
        """The same as ``converged``: the word that `Verdict` has."""
        return self.converged

    def __str__(self) -> str:
        """The verdict in a line or two, for a terminal."""
        text = "converged" if self.converged else f"NOT converged: {self.why}"
        text += (
            f"; ELBO {self.last_elbo:.6g} +- {self.last_error:.2g} in the last window, "
            f"{self.best_elbo:.6g} +- {self.best_error:.2g} in the best"
        )
        if np.isfinite(self.trend):
            text += f", {self.trend:+.3g} +- {self.trend_error:.2g} in the last quarter"
        if np.isfinite(self.moved):
            text += f", in which the parameters moved by {self.moved:.1%}"
        return text + "."


class Iterates:
    """Means and spreads of the parameters over the two last quarters of a run's steps.

    Parameters
    ----------
    num_steps : int
        Of the run.
    """

    def __init__(self, num_steps: int) -> None:
        self.quarter = num_steps // 4
        self.begin = num_steps - 2 * self.quarter
        self.every = max(1, self.quarter // SNAPSHOTS)
        self.quarters: list[_Quarter] = []

    def note(self, number: int, *parts: Theta | None) -> None:
        """Look at the parameters after step ``number`` = 1, 2, ... of the run."""
        number -= self.begin + 1
        if self.quarter < 5 or number < 0 or number % self.every:
            return
        arrays = [value for part in parts if part for value in part.values()]
        if len(self.quarters) == number // self.quarter:
            self.quarters.append(_Quarter(arrays))
        self.quarters[-1].add(arrays)

    def change(self) -> tuple[float, float]:
        """``moved`` and ``direction`` of `Course`; NaN where there was nothing to look at."""
        if len(self.quarters) != 2 or not self.quarters[0].start:
            return np.nan, np.nan
        (before, spread_before), (after, spread_after) = (part.moments() for part in self.quarters)
        change = np.sqrt(sum(_square(b - a) for a, b in zip(before, after)))
        size = np.sqrt(sum(map(_square, after)))
        spread = np.sqrt(0.5 * (spread_before + spread_after))
        tiny = np.finfo(np.float64).tiny
        return float(change / max(size, tiny)), float(change / max(spread, tiny))


class _Quarter:
    """Sums over snapshots, from the first on: differences lose no digits."""

    def __init__(self, arrays: list[Array]) -> None:
        self.start = [value.copy() for value in arrays]
        self.sums = [np.zeros_like(value) for value in arrays]
        self.squares, self.count = 0.0, 0

    def add(self, arrays: list[Array]) -> None:
        self.count += 1
        for value, start, total in zip(arrays, self.start, self.sums):
            difference = value - start
            total += difference
            self.squares += _square(difference)

    def moments(self) -> tuple[list[Array], float]:
        """The mean, and the variance summed over all parameters."""
        means = [total / self.count for total in self.sums]
        variance = self.squares / self.count - sum(map(_square, means))
        return [a + b for a, b in zip(self.start, means)], max(variance, 0.0)


def _square(values: Array) -> float:
    flat = values.ravel()
    return float(flat @ flat)


def course(elbos: Any, iterates: Iterates | None = None) -> Course:
    """Judge a run by its steps' ELBOs (steps,), and its parameters.

    Too few steps to tell count as not converged.
    """
    elbos = np.asarray(elbos, dtype=np.float64)
    if len(elbos) == 0:
        elbos = np.array([np.nan])
    quarter, length = len(elbos) // 4, max(1, len(elbos) // WINDOWS)
    whole = elbos[len(elbos) % length :].reshape(-1, length)
    means, errors = mean_and_error(whole.T)
    best = int(means.argmax())
    moved, direction = (np.nan, np.nan) if iterates is None else iterates.change()
    trend: Any = np.nan
    trend_error: Any = np.nan
    if quarter >= 5:
        before, after = elbos[-2 * quarter : -quarter], elbos[-quarter:]
        trend = after.mean() - before.mean()
        trend_error = np.hypot(mean_and_error(before)[1], mean_and_error(after)[1])
    fall, noise = means[best] - means[-1], np.hypot(errors[best], errors[-1])
    why = ""
    if quarter < 5:
        why = f"{len(elbos)} steps are too few to tell"
    elif not abs(trend) <= ERRORS * trend_error + UNSEEN:
        why = "the ELBO still rises" if trend > 0 else "the ELBO falls"
    elif not fall <= (ERRORS + 1) * noise + UNSEEN:
        why = f"the ELBO has fallen by {fall:.3g} nats from its best"
    elif direction > DIRECTED and moved > SMALL_MOVE:
        why = "the parameters still move in one direction"
    return Course(
        converged=why == "",
        why=why,
        seen_by="means over windows of the steps' ELBOs, and of the parameters",
        trend=float(trend),
        trend_error=float(trend_error),
        spread=float(means[len(means) // 2 :].std()),
        best_elbo=float(means[best]),
        best_error=float(errors[best]),
        last_elbo=float(means[-1]),
        last_error=float(errors[-1]),
        moved=moved,
        direction=direction,
    )


def warn_unless_settled(name: str, judged: Course) -> None:
    """A NotConvergedWarning with what to do, where a fit has not settled."""
    if judged.converged:
        return
    advice = "Take more steps (num_steps=..., or go on: state=fit.state)"
    if "fall" in judged.why:
        advice = "Take smaller steps (optimizer=adam(cosine_decay(...))) or more samples"
    warn_not_converged(
        f"{name} has {judged} {advice}; where the number of steps is a budget and no optimum is "
        "claimed: with bbvi.fixed_budget(): .... The fit's .verdict has the numbers."
    )


@contextmanager
def fixed_budget() -> Iterator[None]:
    """Inside, no fit warns that it has not converged: its steps are a budget, not a claim.

    ``fit.verdict`` says it all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import bbvi
    >>> model, q = bbvi.LinearGaussian(1, 2), bbvi.DiagonalGaussian(1)
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((10, 2))
    >>> with bbvi.fixed_budget():
    ...     fit = bbvi.fit_bbvi(model, q, x, rng, num_steps=3)
    >>> fit.verdict.converged
    False
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?!Step 1 )", NotConvergedWarning)
        yield
