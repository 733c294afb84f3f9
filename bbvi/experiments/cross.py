"""Inference apart from learning: all methods at one theta, and each at every other's.

What a method learns and how it infers are two things.  At a shared theta all posteriors are the
same, and the gaps can be compared.  The cross table has the model learned by one method in each
row and the inference by another in each column.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.experiments.budget import learn
from bbvi.experiments.compare import evaluate_fit
from bbvi.experiments.compare_seeds import MakeProblem, run_settings
from bbvi.experiments.failures import first_failure
from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import Method, Settings
from bbvi.experiments.sweep import Cell, run_sweep
from bbvi.inference import Fit
from bbvi.nets import astype
from bbvi.types import Theta

KEPT = ("test_elbo", "test_log_evidence", "approximation_gap", "amortization_gap")


@np.errstate(all="ignore")  # the tables tell what is not finite
def learn_shared(
    source: MakeProblem,
    table: Mapping[str, Method],
    methods: Sequence[str],
    settings: Settings,
    seed: int,
) -> Theta:
    """The theta at which all are to infer: learned by `shared_learner`."""
    problem, name = source(), shared_learner(table, methods)
    start_rng, rng = cell_rng(seed, {"theta": "shared"}).spawn(2)
    theta = astype(problem.model.init(start_rng), problem.train.x.dtype)
    return learn(problem, table[name], theta, rng, settings).theta


def shared_learner(table: Mapping[str, Method], methods: Sequence[str]) -> str:
    """The last of the methods, in the table's order, that has an encoder and no Step 1.

    Any theta will do; one that was learned by an encoder's method has posteriors that an encoder
    can follow.
    """
    ordered = [name for name in table if name in methods]
    without_step_1 = [name for name in ordered if table[name].inner_steps is None]
    return (without_step_1 or ordered)[-1]


def cross_table(
    source: MakeProblem,
    fits: Mapping[tuple[str, int], Fit],
    settings: Settings,
    table: Mapping[str, Method],
    *,
    folder: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> list[dict[str, Any]]:
    """Every method's inference at the theta that every method learned, seed by seed.

    Parameters
    ----------
    source
        () -> Problem.
    fits : mapping of (method, seed) to Fit
        As from `bbvi.experiments.compare_seeds.compare_seeds`.
    settings, table, folder, executor, workers, progress
        As there.  An encoder learns anew for every theta, at the same budget.

    Returns
    -------
    list of dict
        ``learned_by``, ``method``, ``seed``; held-out ELBO, log p(x) and gaps.
    """
    thetas = {f"{name}/{seed}": fit.theta for (name, seed), fit in fits.items()}
    methods = list(dict.fromkeys(name for name, _ in fits))
    used = {name: table[name] for name in methods}
    cells = [
        {"learned_by": name, "method": method, "seed": seed}
        for name, seed in fits
        for method in methods
    ]
    sweep = run_sweep(
        partial(_cell, source, thetas, used, settings),
        cells,
        experiment="cross",
        seed=0,
        settings=run_settings(source(), used, settings, thetas),
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    if sweep.failures:
        raise ValueError(first_failure("the cell of", sweep.failures))
    return sweep.rows


@np.errstate(all="ignore")  # the tables tell what is not finite
def _cell(
    source: MakeProblem,
    thetas: Mapping[str, Theta],
    table: Mapping[str, Method],
    settings: Settings,
    cell: Cell,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    theta = thetas[f"{cell['learned_by']}/{cell['seed']}"]
    name = cell["method"]
    problem, method = source(), table[name]
    fit = learn(problem, method, theta, rng, settings, known=True)
    run = evaluate_fit(problem, name, method, fit, rng, settings, 0, False)
    return [{key: run.row[key] for key in KEPT}]
