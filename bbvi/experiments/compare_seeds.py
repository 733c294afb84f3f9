"""The comparison over several seeds: means with intervals, differences in pairs.

A run of one method at one seed is one cell of a sweep, so that a comparison is resumed, runs in
processes or on a cluster, and gives the same table to the bit wherever it runs.  Seed k has one
start of theta and one stream of random numbers, the same for all methods.  The split of the data
has a seed of its own and is the same for all: intervals are over starts, minibatches, noise and
held-out datapoints.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.evaluation.paired import Difference, mean_interval, paired_differences
from bbvi.experiments.budget import checked, learn, try_methods
from bbvi.experiments.compare import (
    MethodRun,
    PosteriorOnGrid,
    check_methods,
    evaluate_fit,
)
from bbvi.experiments.feasibility import check_comparison, worker_count
from bbvi.experiments.identity import cell_rng, described, digest
from bbvi.experiments.methods import DEFAULT, METHODS, Method, Settings
from bbvi.experiments.problem import Problem
from bbvi.experiments.sweep import Cell, run_sweep
from bbvi.inference import Fit
from bbvi.limits import DAY
from bbvi.nets import astype
from bbvi.types import Theta
from bbvi.validation import as_count

MakeProblem = Callable[[], Problem]
"""Makes the problem, the same one wherever it is called; plain enough to be sent to a worker."""

LEVEL = 0.95
CURVE_POINTS = 60
"""Of each learning curve, means of as many stretches of steps."""
IN_CELL = ("curve", "posteriors", "test_elbo_each", "fit")
CLOCK = ("seconds", "seconds_per_new")
"""What a clock measured: the only numbers that differ between two runs."""
SCORES = (
    "train_elbo",
    "test_elbo",
    "test_log_evidence",
    "approximation_gap",
    "amortization_gap",
    "gradient_variance",
    "seconds",
    "seconds_per_new",
    "evaluations",
    "unconverged_fits",
    "unconverged_rows",
)


class SeedComparison(NamedTuple):
    """Several methods over several seeds.

    Attributes
    ----------
    rows : list of dict
        One for each method and seed.
    summary : list of dict
        One for each method: the mean over seeds of each score, with ``_low`` and ``_high``.
    differences : list of Difference
        Held-out ELBO of every pair of methods.
    curves : list of dict
        Training ELBO along each run.
    posteriors : list of PosteriorOnGrid
        Of the first seed.
    fits : dict
        (method, seed) -> Fit.
    failures : list of dict
        Method, seed and error of the runs that ended in one.
    """

    rows: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    differences: list[Difference]
    curves: list[dict[str, Any]]
    posteriors: list[PosteriorOnGrid]
    fits: dict[tuple[str, int], Fit]
    failures: list[dict[str, Any]]


def compare_seeds(
    source: MakeProblem,
    *,
    seed: int = 0,
    num_seeds: int = 5,
    methods: Sequence[str] = DEFAULT,
    settings: Settings | None = None,
    table: Mapping[str, Method] = METHODS,
    theta: Theta | None = None,
    folder: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    max_seconds: float = DAY,
) -> SeedComparison:
    """Learn by every method at every seed, then compare on held-out data in pairs.

    Parameters
    ----------
    source : callable
        () -> Problem.
    seed, num_seeds : int
        Root of all random numbers, and K.
    methods : sequence of str
        Names in ``table``.
    settings : Settings, optional
        Budget; step sizes, where they are not to be each method's.
    table : mapping
        Methods by name.
    theta : dict, optional
        A known theta, at which all methods infer; by default each learns one.
    folder, executor, workers, progress
        As for `bbvi.experiments.sweep.run_sweep`.
    max_seconds : float
        What would take longer is refused.

    Returns
    -------
    SeedComparison

    Raises
    ------
    ValueError
        If a method is unknown, a count below 1, the folder holds another experiment, or the
        machine's memory or ``max_seconds`` are too little (`bbvi.limits.TooMuchError`).
    """
    check_methods(methods, table)
    settings, K = checked(settings or Settings()), as_count("num_seeds", num_seeds)
    chosen = {name: table[name] for name in methods}
    problem = source()
    at_once = worker_count(executor, workers)
    check_comparison(problem, chosen, settings, K, at_once, max_seconds)
    try_methods(problem, chosen, settings)
    sweep = run_sweep(
        partial(run_cell, source, chosen, settings, seed, theta),
        [{"method": name, "seed": k} for k in range(K) for name in methods],
        experiment="compare",
        seed=seed,
        settings=run_settings(problem, chosen, settings, theta),
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    return _collect(sweep.rows, sweep.failures)


def run_settings(
    problem: Problem, table: Mapping[str, Method], settings: Settings, theta: Any = None
) -> dict[str, Any]:
    """All beside the seed that a comparison's numbers depend on, data included."""
    return {
        **settings._asdict(),
        "problem": digest(described(problem)),
        "methods": described(table),
        "theta": None if theta is None else digest(described(theta)),
    }


@np.errstate(all="ignore")  # the tables tell what is not finite
def run_cell(
    source: MakeProblem,
    table: Mapping[str, Method],
    settings: Settings,
    seed: int,
    theta: Theta | None,
    cell: Cell,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """One method at one seed, as a row of plain values."""
    problem, name = source(), cell["method"]
    # Not the cell's own rng: all methods of a seed have one start and one stream.
    start_rng, method_rng = cell_rng(seed, {"seed": cell["seed"]}).spawn(2)
    dtype = problem.train.x.dtype
    start = astype(problem.model.init(start_rng) if theta is None else theta, dtype)
    drawn = 2 if cell["seed"] == 0 else 0
    method = table[name]
    fit = learn(problem, method, start, method_rng, settings, known=theta is not None)
    run = evaluate_fit(problem, name, method, fit, method_rng, settings, drawn, progress=False)
    return [
        {
            **run.row,
            "curve": _thinned(run),
            "posteriors": [plain_posterior(posterior) for posterior in run.posteriors],
            "test_elbo_each": run.test_elbo.tolist(),
            "fit": pack_fit(run.fit),
        }
    ]


def _thinned(run: MethodRun) -> list[list[float]]:
    """[evaluations, seconds, ELBO] at the ends of stretches of steps, with the stretch's mean."""
    columns = ("evaluations", "seconds", "elbo")
    table = np.array([[line[key] for key in columns] for line in run.curve], np.float64)
    ends = np.geomspace(1, len(table), CURVE_POINTS).round().astype(int)
    ends = np.unique(ends)
    starts = np.concatenate([[0], ends[:-1]])
    means = [table[a:b, 2].mean() for a, b in zip(starts, ends)]
    return [[*table[b - 1, :2].tolist(), float(mean)] for b, mean in zip(ends, means)]


def plain_posterior(posterior: PosteriorOnGrid) -> dict[str, Any]:
    """A posterior as JSON can hold it."""
    parts = posterior._asdict()
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in parts.items()}


def posterior_from(parts: Mapping[str, Any]) -> PosteriorOnGrid:
    """The posterior that `plain_posterior` made plain."""
    arrays = {key: np.array(parts[key]) for key in PosteriorOnGrid._fields[2:]}
    return PosteriorOnGrid(parts["method"], parts["row"], **arrays)


def _collect(cells: list[dict[str, Any]], failures: list[dict[str, Any]]) -> SeedComparison:
    rows = [{k: v for k, v in cell.items() if k not in IN_CELL} for cell in cells]
    curves = [
        {
            "method": cell["method"],
            "seed": cell["seed"],
            "evaluations": evaluations,
            "seconds": seconds,
            "elbo": elbo,
        }
        for cell in cells
        for evaluations, seconds, elbo in cell["curve"]
    ]
    posteriors = [posterior_from(part) for cell in cells for part in cell["posteriors"]]
    fits = {(cell["method"], cell["seed"]): unpack_fit(cell["fit"]) for cell in cells}
    return SeedComparison(
        rows, summarize(rows), _differences(cells), curves, posteriors, fits, failures
    )


def summarize(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each method's mean over seeds with its 95 % interval, and its number of seeds."""
    summary = []
    for name in dict.fromkeys(row["method"] for row in rows):
        of_method = [row for row in rows if row["method"] == name]
        line: dict[str, Any] = {"method": name, "seeds": len(of_method)}
        for key in ("gradient", "evidence_by", "test_rows"):
            line[key] = of_method[0][key]
        for key in SCORES:
            interval = mean_interval(np.array([row[key] for row in of_method]), LEVEL)
            line |= {key: interval.mean, f"{key}_low": interval.low, f"{key}_high": interval.high}
        summary.append(line)
    return summary


def _differences(cells: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Of the seeds that all methods have finished."""
    each: dict[str, dict[int, Any]] = {}
    for cell in cells:
        each.setdefault(cell["method"], {})[cell["seed"]] = cell["test_elbo_each"]
    common = sorted(set.intersection(*(set(runs) for runs in each.values()))) if each else []
    if not common or len(each) < 2:
        return []
    scores = {name: np.array([runs[k] for k in common]) for name, runs in each.items()}
    return paired_differences(scores, LEVEL)


def pack_fit(fit: Fit) -> str:
    """A fit's theta, phi, lam and trace as text: an .npz archive in base64."""
    file = io.BytesIO()
    fit.save(file)
    return base64.b64encode(file.getvalue()).decode("ascii")


def unpack_fit(text: str) -> Fit:
    """The fit that `pack_fit` packed."""
    return Fit.load(io.BytesIO(base64.b64decode(text)))
