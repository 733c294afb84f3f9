"""What the variance experiment measures: its grid, and which cells of it make sense."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.contracts import find, require
from bbvi.estimators.noise import NOISE_SOURCES
from bbvi.estimators.specification import Specification, draw_noise
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.catalogue import ALIASES, CATALOGUE
from bbvi.experiments.feasibility import seconds_per_evaluation
from bbvi.experiments.sweep import Cell
from bbvi.experiments.trajectory import (
    INTEGRANDS,
    POINTS,
    UNTRAINED,
    Trajectory,
    dimensions_of,
)
from bbvi.experiments.user_files import is_from_file
from bbvi.experiments.user_integrand import try_estimator
from bbvi.limits import DAY, TooMuchError, check_time, product
from bbvi.suggestions import did_you_mean
from bbvi.validation import as_count

FREQUENCIES = (0.5, 1.0, 1.5, 2.0, 3.0)
QUADRATIC_MINIMUM = -3.0


class Grid(NamedTuple):
    """What is measured: all combinations that the estimators' contracts allow.

    Attributes
    ----------
    models : sequence of str
        Of `bbvi.experiments.catalogue.CATALOGUE`, or a textbook integrand: quadratic, cosine.
    estimators : sequence of str or None
        Of the table; None is every one that a model can use, where it can use it.
    samples : sequence of int
        S.
    dimensions : sequence of int or None
        D; None is each model's own, `bbvi.experiments.trajectory.dimensions_of`.
    noise : sequence of str
        Of `bbvi.estimators.noise.NOISE_SOURCES`.
    points : sequence of str
        Of "start", "mid", "converged", and the names in ``lam``.
    frequencies : sequence of float
        k of the cosine.
    replicates : int
        R, independent estimates behind every variance.
    training_steps : int
        Where theta is trained.
    lam : mapping of name to P numbers
        Points of one's own.
    """

    models: Sequence[str] = ("digits",)
    estimators: Sequence[str] | None = None
    samples: Sequence[int] = (1, 4, 16)
    dimensions: Sequence[int] | None = None
    noise: Sequence[str] = ("independent",)
    points: Sequence[str] = POINTS
    frequencies: Sequence[float] = FREQUENCIES
    replicates: int = 2000
    training_steps: int = 1500
    lam: Mapping[str, Sequence[float]] = {}


FULL = Grid()
QUICK = Grid(
    samples=(1, 4),
    dimensions=(2, 8),
    frequencies=(0.5, 1.5, 3.0),
    replicates=400,
    training_steps=600,
)


def check_grid(grid: Grid, table: Mapping[str, Specification]) -> None:
    """Raise unless every name is known and every number is possible.

    Raises
    ------
    TypeError, ValueError
        Naming the entry, and listing the legal ones.
    """
    as_count("replicates", grid.replicates, minimum=2)
    as_count("training_steps", grid.training_steps)
    for name, values in (("samples", grid.samples), ("dimensions", grid.dimensions or ())):
        for value in values:
            as_count(name, value)
    for name in grid.estimators or ():
        find(name, table)
    legal: dict[str, Iterable[str]] = {
        "models": [*INTEGRANDS, *CATALOGUE, *ALIASES],
        "noise": NOISE_SOURCES,
        "points": [*POINTS, *grid.lam],
    }
    for name, known in legal.items():
        for value in getattr(grid, name):
            if value not in set(known) and not (name == "models" and is_from_file(value)):
                raise ValueError(
                    f"{name} has {value!r}; expected some of {', '.join(known)}."
                    f"{did_you_mean(value, known)}"
                )
    for k in grid.frequencies:
        if not 1e-9 <= k <= 1e9:
            raise ValueError(f"frequencies has {k!r}; expected numbers between 1e-9 and 1e9.")
    empty = [name for name in Grid._fields if getattr(grid, name) in ((), [])]
    if empty:
        raise ValueError(f"{empty[0]} is empty; expected at least one value.")


def model_settings(grid: Grid) -> list[dict[str, Any]]:
    """One record per trajectory: model, k (integrands only), dimension, training steps."""
    return [
        {"model": model, "k": k, "dimension": D, "training_steps": steps}
        for model in dict.fromkeys(ALIASES.get(name, name) for name in grid.models)
        for k in _constants(model, grid)
        for D in dict.fromkeys(grid.dimensions or dimensions_of(model))
        for steps in (None if model in UNTRAINED else grid.training_steps,)
    ]


def _constants(model: str, grid: Grid) -> Sequence[float | None]:
    return {"quadratic": (QUADRATIC_MINIMUM,), "cosine": grid.frequencies}.get(model, (None,))


def model_key(settings: Mapping[str, Any]) -> str:
    """What tells one trajectory from another."""
    return f"{settings['model']} k={settings['k']} D={settings['dimension']}"


def _all_cells(grid: Grid, table: Mapping[str, Specification]) -> list[Cell]:
    names = table if grid.estimators is None else grid.estimators
    return [
        {
            **settings,
            "point": point,
            "estimator": name,
            "samples": S,
            "noise": noise,
            "replicates": grid.replicates,
        }
        for settings in model_settings(grid)
        for point in dict.fromkeys(grid.points)
        for name in dict.fromkeys(names)
        for S in dict.fromkeys(grid.samples)
        for noise in dict.fromkeys(grid.noise)
    ]


def legal_cells(
    grid: Grid, trajectories: Mapping[str, Trajectory], table: Mapping[str, Specification]
) -> list[Cell]:
    """The cells of the grid whose contracts hold.

    Raises
    ------
    TypeError, ValueError
        If an estimator that was asked for by name cannot be used at some cell, or none can.
    """
    legal, trouble = [], None
    for cell in _all_cells(grid, table):
        try:
            _check_contract(cell, trajectories[model_key(cell)], table)
            legal.append(cell)
        except TooMuchError:
            raise
        except (TypeError, ValueError) as error:
            if grid.estimators is not None:
                raise type(error)(f"{cell['model']}: {error}") from None
            trouble = error
    if not legal and trouble is not None:
        raise trouble
    return legal


def _check_contract(cell: Cell, trajectory: Trajectory, table: Mapping[str, Specification]) -> None:
    name, S = cell["estimator"], cell["samples"]
    specification = require(name, trajectory.family, trajectory.rows(1), S, table)
    if trajectory.plain and specification.expectation is None:
        usable = [other for other, its in table.items() if its.expectation is not None]
        raise ValueError(
            f"{name} estimates a bound on the evidence, but {cell['model']} is a plain expectation "
            f"E_q[f]; expected one of {', '.join(usable)}."
        )
    if specification is not ESTIMATORS.get(name):
        try_estimator(
            name, specification, trajectory.plain, trajectory.family, trajectory.rows(1), S
        )
    # The noise source says itself which S it can serve.
    rng = np.random.Generator(np.random.PCG64(0))
    draw_noise(specification, trajectory.family, rng, S, 1, source=NOISE_SOURCES[cell["noise"]])


def check_variance(
    cells: list[Cell],
    trajectories: Mapping[str, Trajectory],
    workers: int | None,
    longest: float = DAY,
) -> None:
    """Raise TooMuchError if the replicates of all cells do not fit into the time.

    ``workers`` is as for `bbvi.experiments.feasibility.check_comparison`.
    """
    rates = {
        key: _rate_of(each, max(cell["samples"] for cell in cells if model_key(cell) == key))
        for key, each in trajectories.items()
    }
    each = [product(cell["replicates"], cell["samples"], rates[model_key(cell)]) for cell in cells]
    at_once = len(cells) if workers is None else min(workers, len(cells))
    told = f"replicates is {cells[0]['replicates']}, in {len(cells)} cells"
    check_time(told, max(each), longest)
    check_time(told, sum(each) / at_once, longest)


def _rate_of(trajectory: Trajectory, num_samples: int) -> float:
    rows = 256
    lam = np.repeat(next(iter(trajectory.points.values())), rows, axis=0)
    return seconds_per_evaluation(trajectory.family, trajectory.rows(rows), lam, num_samples)
