"""Step sizes for each method from one grid, chosen on validation rows.

Every method is tried at equally many points, at the same budget and seeds, and learns from the
same rows; the rows that choose are a part of the training data that it does not learn from.  The
test data are never looked at.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.evaluation import elbo
from bbvi.experiments.budget import checked, learn
from bbvi.experiments.compare import check_methods
from bbvi.experiments.compare_seeds import MakeProblem, run_settings
from bbvi.experiments.failures import first_failure
from bbvi.experiments.feasibility import check_comparison, worker_count
from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import DEFAULT, METHODS, Learned, Method, Settings
from bbvi.experiments.problem import Problem
from bbvi.experiments.sweep import Cell, run_sweep
from bbvi.inference import NotFiniteError
from bbvi.limits import DAY
from bbvi.nets import astype

WITH_STEP_1 = tuple(
    {"rate": rate, "local_rate": local_rate, "inner_steps": inner_steps}
    for rate, local_rate, inner_steps in product((0.01, 0.03, 0.1), (0.1, 0.3), (1, 5))
)
"""Tried for a method that has a Step 1: 12 points."""
WITHOUT_STEP_1 = tuple(
    {"rate": float(rate), "local_rate": None, "inner_steps": None}
    for rate in np.geomspace(0.001, 0.1, 12).round(5)
)
"""Tried for a method that has none: as many, closer together."""
WITHOUT_STEP_SIZES = tuple(
    {"rate": None, "local_rate": None, "inner_steps": inner_steps} for inner_steps in (1, 5)
)
"""Tried for a method whose steps have closed forms."""
VALIDATION = 0.2
"""Share of the training rows that choose."""


class Tuned(NamedTuple):
    """The methods with their chosen step sizes, and all that was tried.

    Attributes
    ----------
    table : dict
        Name -> `Method`.
    rows : list of dict
        One a trial: method, seed, step sizes, ``validation_elbo`` (None where the run diverged)
        and whether its point was ``chosen``.
    """

    table: dict[str, Method]
    rows: list[dict[str, Any]]


def tune(
    source: MakeProblem,
    *,
    seed: int = 0,
    num_seeds: int = 2,
    methods: Sequence[str] = DEFAULT,
    settings: Settings | None = None,
    table: Mapping[str, Method] = METHODS,
    folder: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    max_seconds: float = DAY,
) -> Tuned:
    """Choose each method's step sizes by the mean ELBO of validation rows.

    Parameters
    ----------
    source, seed, num_seeds, methods, table, folder, executor, workers, progress
        As for `bbvi.experiments.compare_seeds.compare_seeds`.  The seeds are not those of the
        comparison.
    settings : Settings, optional
        Budget of every trial.
    max_seconds : float
        What would take longer is refused.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        If a method is unknown, a count below 1, the folder holds another experiment, the
        machine's memory or ``max_seconds`` are too little (`bbvi.limits.TooMuchError`), or all
        trials of a method diverged.
    """
    check_methods(methods, table)
    settings = checked(settings or Settings(evaluations=1_000_000))
    chosen = {name: table[name] for name in methods}
    trials = num_seeds * max(len(grid_of(method)) for method in chosen.values())
    at_once = worker_count(executor, workers)
    check_comparison(source(), chosen, settings, trials, at_once, max_seconds)
    cells = [
        {"method": name, **point, "seed": k}
        for name in methods
        for point in grid_of(table[name])
        for k in range(num_seeds)
    ]
    sweep = run_sweep(
        partial(_trial, source, chosen, settings, seed),
        cells,
        experiment="tune",
        seed=seed,
        settings=run_settings(source(), chosen, settings),
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    if sweep.failures:
        raise ValueError(first_failure("a trial of", sweep.failures))
    return choose(sweep.rows, chosen)


def grid_of(method: Method) -> tuple[dict[str, Any], ...]:
    """The step sizes tried for a method."""
    if method.rate is None:
        return WITHOUT_STEP_SIZES
    return WITHOUT_STEP_1 if method.inner_steps is None else WITH_STEP_1


def choose(rows: Sequence[Mapping[str, Any]], table: Mapping[str, Method]) -> Tuned:
    """The point of each method with the highest mean over seeds.

    Raises
    ------
    ValueError
        If all trials of a method diverged.
    """
    marked, tuned = [], {}
    for name, method in table.items():
        points: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["method"] == name:
                key = (row["rate"], row["local_rate"], row["inner_steps"])
                points.setdefault(key, []).append(row)
        means = {
            key: float(np.mean([_or_lowest(row["validation_elbo"]) for row in trials]))
            for key, trials in points.items()
        }
        best = max(means, key=lambda key: means[key])
        if means[best] == -np.inf:
            raise ValueError(f"all trials of {name} diverged; expected one that does not.")
        rate, local_rate, inner_steps = best
        tuned[name] = method._replace(
            rate=rate, local_rate=local_rate or method.local_rate, inner_steps=inner_steps
        )
        for key, trials in points.items():
            marked += [{**row, "chosen": key == best} for row in trials]
    return Tuned(tuned, marked)


def validation_split(problem: Problem) -> Problem:
    """The problem whose test data are the last part of its training data."""
    cut = round(len(problem.train.x) * (1 - VALIDATION))
    if not 0 < cut < len(problem.train.x):
        raise ValueError(
            f"the training data have {len(problem.train.x)} row; expected at least 2, so that some "
            "can be kept for validation. Leave --tune out."
        )
    parts = [
        problem.train._replace(
            x=problem.train.x[rows],
            labels=None if problem.train.labels is None else problem.train.labels[rows],
        )
        for rows in (slice(None, cut), slice(cut, None))
    ]
    return problem._replace(train=parts[0], test=parts[1])


@np.errstate(all="ignore")  # the tables tell what is not finite
def _trial(
    source: MakeProblem,
    table: Mapping[str, Method],
    settings: Settings,
    seed: int,
    cell: Cell,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """One method with some step sizes at one seed: its ELBO on the validation rows."""
    problem, method = validation_split(source()), table[cell["method"]]
    start_rng, method_rng = cell_rng(seed, {"tune": cell["seed"]}).spawn(2)
    theta = astype(problem.model.init(start_rng), problem.train.x.dtype)
    sizes = {key: cell[key] for key in ("rate", "local_rate", "inner_steps")}
    try:
        fit = learn(problem, method, theta, method_rng, settings._replace(**sizes))
        x = problem.test.x[: settings.test_rows]
        learned = Learned(method, fit.theta, fit.phi)
        lam = method.infer_new(problem, learned, x, method_rng, settings)
        target = backends.target(problem.model, fit.theta, x)
        each = elbo(problem.family, target, lam, method_rng, num_samples=100).value
        bound = each.mean() - problem.log_scale
    except NotFiniteError:
        return [{"validation_elbo": None}]
    return [{"validation_elbo": float(bound) if np.isfinite(bound) else None}]


def _or_lowest(value: float | None) -> float:
    return -np.inf if value is None else value
