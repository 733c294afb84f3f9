"""Bias, variance and cost of gradient estimators, side by side."""

import inspect
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.estimators.noise import NOISE_SOURCES
from bbvi.estimators.specification import (
    Specification,
    draw_noise,
    prepared,
    prepared_expectation,
)
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.gradients import BlockStatistics, GradientStatistics, gradient_statistics
from bbvi.evaluation.tail_index import InfiniteVarianceWarning
from bbvi.experiments.feasibility import worker_count
from bbvi.experiments.identity import cell_rng, described
from bbvi.experiments.sources import source_digest
from bbvi.experiments.sweep import Cell, CellFunction, PerCell, Sweep, run_sweep
from bbvi.experiments.trajectory import Trajectory, trajectory
from bbvi.experiments.user_files import is_from_file, sha256_of
from bbvi.experiments.variance_grid import (
    FULL,
    Grid,
    check_grid,
    check_variance,
    legal_cells,
    model_key,
    model_settings,
)
from bbvi.limits import DAY
from bbvi.targets import hold_theta
from bbvi.types import Array, Target
from bbvi.validation import as_count

SPREAD_OVER = 1_000_000
"""Gradients over which the evaluations of what is learned beforehand are spread: some dozen passes
over MNIST, one gradient for each image."""
CLOCK = ("seconds", "variance_x_seconds")
"""Columns that a clock made: the only ones that differ between two runs."""


def variance(
    grid: Grid = FULL,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    table: Mapping[str, Specification] = ESTIMATORS,
    progress: bool | None = None,
    max_seconds: float = DAY,
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
        The estimators; add your own beside the package's:
        ``{**ESTIMATORS, "mine": Specification(...)}``.
    max_seconds : float
        What would take longer is refused.

    Returns
    -------
    Sweep
        One row for each cell and parameter block, with the columns

        * model, k, dimension, point, estimator, samples, noise, replicates; block, parameters;
        * by contract: estimates (the bound), unbiased, bias_declared (its order), uses (values or
          gradients in z);
        * bias, bias_z: against the exact gradient, empty where none is known;
        * variance per parameter, variance_low, variance_high, and interval, how these were made;
        * tail_index k, and variance_exists: False where k says that the variance is infinite, and
          ``variance`` a number that means nothing; None where nothing can be told;
        * not_finite, the replicates whose gradient is not finite: with any, there is no variance;
        * snr, the signal-to-noise ratio of the block;
        * evaluations of the log joint, and processor seconds, of one gradient;
        * evaluations_beforehand, for what is learned once, before the first gradient;
        * variance_x_evaluations, variance_x_seconds: variance at equal cost;
        * variance_x_evaluations_in_all: the same with the evaluations beforehand spread over
          `SPREAD_OVER` gradients.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, an estimator that was asked for cannot be used with a model or S of
        the grid, R < 2, the folder holds another experiment, or the machine's memory or
        ``max_seconds`` are too little (`bbvi.limits.TooMuchError`).  Nothing is learned then.
    """
    check_grid(grid, table)
    as_count("seed", seed, minimum=0)
    # What cannot be is told before anything is learned.
    with warnings.catch_warnings():
        # Of an integrand or estimator that is not finite everywhere; its rows say so.
        warnings.simplefilter("ignore", RuntimeWarning)
        begun = _trajectories(grid, seed, max_seconds, learned=False)
        cells = legal_cells(grid, begun, table)
        check_variance(cells, begun, worker_count(executor, workers), max_seconds)
        trajectories = _trajectories(grid, seed, max_seconds)
    return run_sweep(
        PerCell(partial(_of_cell, trajectories, table)),
        cells,
        experiment="variance",
        seed=seed,
        settings=grid._asdict() | _file_digests(grid, table),
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )


def _of_cell(
    trajectories: Mapping[str, Trajectory], table: Mapping[str, Specification], cell: Cell
) -> CellFunction:
    """What one cell needs: its own point of its own trajectory, and its own estimator."""
    trajectory, point = trajectories[model_key(cell)], cell["point"]
    exact = {name: truth for name, truth in trajectory.exact.items() if name == point}
    trajectory = trajectory._replace(points={point: trajectory.points[point]}, exact=exact)
    return partial(measure, trajectory, table[cell["estimator"]])


def measure(
    trajectory: Trajectory, specification: Specification, cell: Cell, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The rows of one cell: an estimator at one point, one row for each parameter block."""
    learned = prepared_expectation if trajectory.plain else prepared
    source, S = NOISE_SOURCES[cell["noise"]], cell["samples"]
    lam = trajectory.points[cell["point"]]
    truth = trajectory.exact.get(cell["point"]) if specification.bound == "ELBO" else None

    def learn(target: Target, lam: Array, rng: np.random.Generator) -> Any:
        x = None if trajectory.x is None else np.repeat(trajectory.x, len(lam), axis=0)
        return learned(specification, trajectory.family, hold_theta(target), lam, x, rng)

    teach = None if specification.prepare is None else learn

    def statistics(rows: Any, replicates: int, prepare: Any = None) -> GradientStatistics:
        with warnings.catch_warnings():
            # Its row says so, and of a gradient that is not finite, too.
            warnings.simplefilter("ignore", InfiniteVarianceWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            return gradient_statistics(
                specification.expectation if trajectory.plain else specification.elbo,  # type: ignore[arg-type]
                trajectory.family,
                rows,
                lam,
                lambda rng, R: draw_noise(
                    specification, trajectory.family, rng, S, R, lam.dtype, source
                ),
                rng,
                replicates=replicates,
                prepare=prepare,
                learning_rows=1 if specification.prepare is None else specification.prepare.rows,
                exact=None if truth is None else truth.grad[0],
                exact_theta=None if truth is None else truth.grad_theta,
            )

    R = cell["replicates"]
    measured = statistics(lambda num_rows: hold_theta(trajectory.rows(num_rows)), R, teach)
    rows = [_row(block, measured, specification) for block in measured.blocks]
    if trajectory.rows_with_squares is not None:
        # The squares are not part of the gradient's price, so it is timed without them.  What is
        # learned beforehand concerns lam alone.
        timed = statistics(trajectory.rows, max(2, R // 8))
        theta = statistics(trajectory.rows_with_squares, R)
        rows += [
            _row(block, timed, specification) for block in theta.blocks if block.block == "theta"
        ]
    return rows


def _row(
    block: BlockStatistics, cost: GradientStatistics, specification: Specification
) -> dict[str, Any]:
    return {
        "block": block.block,
        "parameters": len(block.mean),
        "estimates": specification.bound,
        "unbiased": specification.unbiased,
        "bias_declared": str(specification.bias),
        "uses": "gradients in z" if specification.differentiable else "values",
        "bias": block.bias,
        "bias_z": block.bias_z,
        "variance": block.variance,
        "variance_low": block.interval.low,
        "variance_high": block.interval.high,
        "interval": block.interval.method,
        "tail_index": block.tail_index,
        "variance_exists": block.variance_exists,
        "not_finite": block.not_finite,
        "snr": block.snr,
        "evaluations": cost.evaluations,
        "evaluations_beforehand": cost.evaluations_beforehand,
        "variance_x_evaluations": block.variance * cost.evaluations,
        "variance_x_evaluations_in_all": block.variance
        * (cost.evaluations + cost.evaluations_beforehand / SPREAD_OVER),
        "seconds": cost.seconds,
        "variance_x_seconds": block.variance * cost.seconds,
    }


def without_clock(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the columns of `CLOCK`: the same to the bit whenever they are computed."""
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


def _file_digests(grid: Grid, table: Mapping[str, Specification]) -> dict[str, Any]:
    """What tells own models and estimators from others of the same names: the files' contents."""
    models = {name: sha256_of(name) for name in grid.models if is_from_file(name)}
    estimators = {
        name: [described(table[name]), _source_of(table[name].estimator)]
        for name in grid.estimators or ()
        if table[name] is not ESTIMATORS.get(name)
    }
    digests = {"own_models": models, "own_estimators": estimators}
    return {key: value for key, value in digests.items() if value}


def _source_of(estimator: Any) -> str | None:
    """SHA-256 of the file that an estimator is written in, where there is one."""
    inner = estimator.func if isinstance(estimator, partial) else estimator
    path = inspect.getsourcefile(inner) if inspect.isroutine(inner) else None
    if path is None or not Path(path).is_file():
        return None
    return source_digest(Path(path))


def _trajectories(
    grid: Grid, seed: int, max_seconds: float, learned: bool = True
) -> dict[str, Trajectory]:
    made = {}
    for settings in model_settings(grid):
        k = 1.0 if settings["k"] is None else settings["k"]
        rng = cell_rng(seed, settings)
        name, D = settings["model"], settings["dimension"]
        made[model_key(settings)] = trajectory(
            name, D, rng, grid.training_steps, k, grid.lam, max_seconds, learned=learned
        )
    return made
