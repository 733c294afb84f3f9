"""Bias, variance and cost of gradient estimators, side by side (floor 6)."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.contracts import find, require
from bbvi.estimators.elbo import elbo_integrand, plain_integrand
from bbvi.estimators.noise import NOISE_SOURCES
from bbvi.estimators.record import Record, draw_noise, prepared
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.gradients import BlockStatistics, GradientStatistics, gradient_statistics
from bbvi.experiments.frozen import DIMENSIONS, MODELS, POINTS, Frozen, freeze
from bbvi.experiments.sweep import Cell, Sweep, cell_rng, run_sweep
from bbvi.types import Array, Target, hold_theta
from bbvi.validation import as_count

FREQUENCIES = (0.5, 1.0, 1.5, 2.0, 3.0)
QUADRATIC_MINIMUM = -3.0
CLOCK = ("seconds", "variance_x_seconds")
"""Columns that a clock made: the only ones that differ between two runs."""


class Grid(NamedTuple):
    """What is measured: all combinations that the estimators' contracts allow.

    Attributes
    ----------
    models : sequence of str
        Of `bbvi.experiments.frozen.MODELS`.
    estimators : sequence of str or None
        Of the table; None is every one that a model can use, where it can use it.
    samples : sequence of int
        S.
    dimensions : sequence of int or None
        D; None is each model's own, `bbvi.experiments.frozen.DIMENSIONS`.
    noise : sequence of str
        Of `bbvi.estimators.noise.NOISE_SOURCES`.
    points : sequence of str
        Of "start", "mid", "converged".
    frequencies : sequence of float
        k of the cosine.
    replicates : int
        R, independent estimates behind every variance.
    training_steps : int
        Of the digits models.
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


FULL = Grid()
QUICK = Grid(
    samples=(1, 4),
    dimensions=(2, 8),
    frequencies=(0.5, 1.5, 3.0),
    replicates=400,
    training_steps=600,
)


def variance(
    grid: Grid = FULL,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    table: Mapping[str, Record] = ESTIMATORS,
    progress: bool | None = None,
) -> Sweep:
    """Measure every estimator of a grid at frozen points along a trajectory.

    Parameters
    ----------
    grid : Grid
        What to measure.
    seed : int
        Root of all random numbers.
    folder, executor, workers, progress
        As for `bbvi.experiments.sweep.run_sweep`.
    table : mapping
        The estimators; add your own beside the package's: ``{**ESTIMATORS, "mine": Record(...)}``.

    Returns
    -------
    Sweep
        One row for each cell and parameter block, with the columns

        * model, k, dimension, point, estimator, samples, noise, replicates; block, parameters;
        * by contract: estimates (the bound), unbiased, uses (values or gradients in z);
        * bias, bias_z: against the exact gradient, empty where none is known;
        * variance per parameter, variance_low, variance_high, and interval, how these were made;
        * snr, the signal-to-noise ratio of the block;
        * evaluations of the log joint, and processor seconds, of one gradient;
        * variance_x_evaluations, variance_x_seconds: variance at equal cost.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, an estimator that was asked for cannot be used with a model or S of
        the grid, R < 2, or the folder holds another experiment.  Nothing is computed then.
    """
    _check(grid, table)
    as_count("seed", seed, minimum=0)
    frozen = _freeze_all(grid, seed)
    return run_sweep(
        partial(measure, frozen, table),
        _legal(_cells(grid, table), frozen, grid, table),
        experiment="variance",
        seed=seed,
        settings=grid._asdict(),
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )


def measure(
    frozen: Mapping[str, Frozen],
    table: Mapping[str, Record],
    cell: Cell,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """The rows of one cell: an estimator at one point, one row for each parameter block."""
    here = frozen[_key(cell)]
    record = table[cell["estimator"]]
    integrand = plain_integrand if here.plain else elbo_integrand
    source, S = NOISE_SOURCES[cell["noise"]], cell["samples"]
    lam = here.points[cell["point"]]
    truth = here.exact.get(cell["point"]) if record.bound == "ELBO" else None

    def learn(target: Target, lam: Array, rng: np.random.Generator) -> Any:
        x = None if here.x is None else np.repeat(here.x, len(lam), axis=0)
        return prepared(record, here.family, hold_theta(target), lam, x, rng, integrand)

    teach = None if record.prepare is None else learn

    def statistics(rows: Any, replicates: int, prepare: Any = None) -> GradientStatistics:
        return gradient_statistics(
            record.expectation if here.plain else record.elbo,  # type: ignore[arg-type]
            here.family,
            rows,
            lam,
            lambda rng, R: draw_noise(record, here.family, rng, S, R, lam.dtype, source),
            rng,
            replicates=replicates,
            prepare=prepare,
            exact=None if truth is None else truth.grad[0],
            exact_theta=None if truth is None else truth.grad_theta,
        )

    R = cell["replicates"]
    found = statistics(lambda num_rows: hold_theta(here.rows(num_rows)), R, teach)
    rows = [_row(block, found, record) for block in found.blocks]
    if here.rows_with_squares is not None:
        # The squares are not part of the gradient's price, so it is timed without them.  What is
        # learned beforehand concerns lam alone.
        timed = statistics(here.rows, max(2, R // 8))
        theta = statistics(here.rows_with_squares, R)
        rows += [_row(block, timed, record) for block in theta.blocks if block.block == "theta"]
    return rows


def _row(block: BlockStatistics, cost: GradientStatistics, record: Record) -> dict[str, Any]:
    return {
        "block": block.block,
        "parameters": len(block.mean),
        "estimates": record.bound,
        "unbiased": record.unbiased,
        "uses": "gradients in z" if record.differentiable else "values",
        "bias": block.bias,
        "bias_z": block.bias_z,
        "variance": block.variance,
        "variance_low": block.interval.low,
        "variance_high": block.interval.high,
        "interval": block.interval.method,
        "snr": block.snr,
        "evaluations": cost.evaluations,
        "variance_x_evaluations": block.variance * cost.evaluations,
        "seconds": cost.seconds,
        "variance_x_seconds": block.variance * cost.seconds,
    }


def without_clock(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the columns of `CLOCK`: the same to the bit whenever they are computed."""
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


def _check(grid: Grid, table: Mapping[str, Record]) -> None:
    as_count("replicates", grid.replicates, minimum=2)
    as_count("training_steps", grid.training_steps)
    for name, values in (("samples", grid.samples), ("dimensions", grid.dimensions or ())):
        for value in values:
            as_count(name, value)
    for name in grid.estimators or ():
        find(name, table)
    legal: dict[str, Iterable[str]] = {"models": MODELS, "noise": NOISE_SOURCES, "points": POINTS}
    for name, known in legal.items():
        for value in getattr(grid, name):
            if value not in set(known):
                raise ValueError(f"{name} has {value!r}; expected some of {', '.join(known)}.")
    for k in grid.frequencies:
        if not (np.isfinite(k) and k > 0):
            raise ValueError(f"frequencies has {k!r}; expected positive numbers.")
    empty = [name for name in Grid._fields if getattr(grid, name) in ((), [])]
    if empty:
        raise ValueError(f"{empty[0]} is empty; expected at least one value.")


def _settings(grid: Grid) -> list[dict[str, Any]]:
    """One record per frozen model: model, k (integrands only), dimension, training steps."""
    return [
        {"model": model, "k": k, "dimension": D, "training_steps": steps}
        for model in dict.fromkeys(grid.models)
        for k in _constants(model, grid)
        for D in dict.fromkeys(grid.dimensions or DIMENSIONS[model])
        for steps in (grid.training_steps if model.startswith("digits") else None,)
    ]


def _constants(model: str, grid: Grid) -> Sequence[float | None]:
    return {"quadratic": (QUADRATIC_MINIMUM,), "cosine": grid.frequencies}.get(model, (None,))


def _key(settings: Mapping[str, Any]) -> str:
    return f"{settings['model']} k={settings['k']} D={settings['dimension']}"


def _freeze_all(grid: Grid, seed: int) -> dict[str, Frozen]:
    frozen = {}
    for settings in _settings(grid):
        k = 1.0 if settings["k"] is None else settings["k"]
        rng = cell_rng(seed, settings)
        name, D = settings["model"], settings["dimension"]
        frozen[_key(settings)] = freeze(name, D, rng, grid.training_steps, k)
    return frozen


def _cells(grid: Grid, table: Mapping[str, Record]) -> list[Cell]:
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
        for settings in _settings(grid)
        for point in dict.fromkeys(grid.points)
        for name in dict.fromkeys(names)
        for S in dict.fromkeys(grid.samples)
        for noise in dict.fromkeys(grid.noise)
    ]


def _legal(
    cells: list[Cell],
    frozen: Mapping[str, Frozen],
    grid: Grid,
    table: Mapping[str, Record],
) -> list[Cell]:
    """The cells whose contracts hold; an estimator that was asked for by name must be legal."""
    legal, trouble = [], None
    for cell in cells:
        try:
            _check_contract(cell, frozen[_key(cell)], table)
            legal.append(cell)
        except (TypeError, ValueError) as error:
            if grid.estimators is not None:
                raise type(error)(f"{cell['model']}: {error}") from None
            trouble = error
    if not legal and trouble is not None:
        raise trouble
    return legal


def _check_contract(cell: Cell, here: Frozen, table: Mapping[str, Record]) -> None:
    name, S = cell["estimator"], cell["samples"]
    record = require(name, here.family, here.rows(1), S, table)
    if here.plain and record.expectation is None:
        usable = [other for other, its in table.items() if its.expectation is not None]
        raise ValueError(
            f"{name} estimates a bound on the evidence, but {cell['model']} is a plain expectation "
            f"E_q[f]; expected one of {', '.join(usable)}."
        )
    # The noise source says itself which S it can serve.
    rng = np.random.Generator(np.random.PCG64(0))
    draw_noise(record, here.family, rng, S, 1, source=NOISE_SOURCES[cell["noise"]])
