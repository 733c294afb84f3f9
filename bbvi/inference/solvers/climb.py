"""Rows of a Gaussian q climb their ELBO under held noise, each at its pace."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi.inference.solvers.quadratic import (
    FLAT,
    LEAST,
    Gaussians,
    Quadratic,
    Way,
    along,
    quadratic,
    usable,
    way,
)
from bbvi.inference.solvers.solution import Targets
from bbvi.optimizers import put_rows, take_rows
from bbvi.types import Array, Target

SHORTEST = 1e-7
"""Part of the way, below which a row is stuck."""
FAR = 1e20
"""Of a mean or a standard deviation, beyond which q has run away."""
NARROWED = 4
"""Times that q is made narrower to find log p finite."""


class _Climb(NamedTuple):
    """All that the next step of n rows needs: q, the way from it, its ELBO, and the part to go.

    The fields are those of `Gaussians` and `Way`; ``rho`` is the part of the way, ``floor`` the
    least curvature along a shift of the mean.
    """

    mean: Array
    A: Array
    shift: Array
    axes: Array
    precisions: Array
    slope: Array
    gain: Array
    elbo: Array
    rho: Array
    floor: Array


def climb(
    targets: Targets,
    q: Gaussians,
    eps: Array,
    diagonal: bool,
    enough: tuple[float, float],
    max_steps: int,
    seen: Callable[[Array, Array], None],
) -> tuple[Gaussians, Array]:
    """Climb under held noise until a step promises at most ``enough[0]`` nats.

    Where the first look promises at most ``enough[1]``, its step is taken and is the last.

    Returns
    -------
    q : Gaussians
        Moved.
    gain : ndarray (n,)
        What the first look promised; infinite where that was no last step.
    """
    n = len(q.mean)
    target = targets(np.arange(n))
    q, first = _finite_look(target, q, eps)
    rho, floor = np.ones(n), np.full(n, LEAST)
    parts = (*q, *way(first, diagonal, floor), first.elbo, rho, floor)
    state = _Climb(*map(np.array, parts))
    seen(np.arange(n), state.elbo)
    finite = usable(first)
    last = finite & (state.gain <= enough[1])
    gain = np.where(last, state.gain, np.inf)
    put_rows(state, last, _stepped(take_rows(state, last)))
    rows = np.flatnonzero(finite & ~last & (state.gain > enough[0]))
    noise = 8 * np.finfo(target.dtype).eps
    for step in range(max_steps):
        if len(rows) == 0:
            break
        if step == 0 or target.num_data > len(rows):
            target = targets(rows)
        moved, up = _step(target, take_rows(state, rows), eps[:, rows], diagonal, noise)
        put_rows(state, rows, moved)
        seen(rows[up], state.elbo[rows[up]])
        on = (state.gain > enough[0]) & (state.rho > SHORTEST)
        rows = rows[on[rows] & ~run_away(take_rows(Gaussians(state.mean, state.A), rows))]
    return Gaussians(state.mean, state.A), gain


def run_away(q: Gaussians) -> Array:
    """Whether a row has left every scale of a posterior: (n,)."""
    return (np.abs(q.mean).max(axis=1) > FAR) | (np.abs(q.A).max(axis=(1, 2)) > FAR)


def _step(
    target: Target, climb: _Climb, eps: Array, diagonal: bool, noise: float
) -> tuple[_Climb, Array]:
    """The rows after one step, and which of them rose: the others try a shorter one next.

    ``noise`` is the rounding of the ELBO, relative to it.
    """
    trial = _trial(climb)
    look = quadratic(target, trial, eps)
    rise = 1e-4 * climb.rho * climb.slope - noise * np.maximum(1, np.abs(climb.elbo))
    with np.errstate(invalid="ignore"):
        up = usable(look) & (look.elbo >= climb.elbo + rise)
    whole = up & (climb.rho == 1)
    floor = np.where(whole, np.maximum(climb.floor / 100, FLAT), climb.floor)
    floor = np.where(up, floor, np.minimum(10 * floor, LEAST))
    moved = climb._replace(rho=np.where(up, np.minimum(4 * climb.rho, 1), climb.rho / 4))
    new = way(take_rows(look, up), diagonal, floor[up])
    risen = (*take_rows(trial, up), *new, look.elbo[up], moved.rho[up], floor[up])
    moved = moved._replace(floor=floor)
    put_rows(moved, up, risen)
    return moved, up


def _trial(climb: _Climb) -> Gaussians:
    to = Way(climb.shift, climb.axes, climb.precisions, climb.slope, climb.gain)
    return along(Gaussians(climb.mean, climb.A), to, climb.rho)


def _stepped(climb: _Climb) -> _Climb:
    """The rows after their step, without another look."""
    trial = _trial(climb)
    return climb._replace(mean=trial.mean, A=trial.A)


def _finite_look(target: Target, q: Gaussians, eps: Array) -> tuple[Gaussians, Quadratic]:
    """The first look; q is narrowed where log p is not finite at some sample."""
    look = quadratic(target, q, eps)
    for _ in range(NARROWED):
        bad = ~usable(look)
        if not bad.any():
            break
        q = q._replace(A=np.where(bad[:, None, None], 0.1 * q.A, q.A))
        look = quadratic(target, q, eps)
    # What never is finite is not climbed; zeros stand in for it.
    ok = usable(look)
    return q, Quadratic(
        np.where(ok, look.elbo, -np.inf),
        np.where(ok[:, None], look.gradient, 0.0),
        np.where(ok[:, None, None], look.curvature, 0.0),
    )
