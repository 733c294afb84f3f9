"""Along a training run: how much of a gradient's error is Monte Carlo, minibatch, and Step 1.

At some steps of a run the gradients in theta and phi are drawn many times over, for nested
minibatches, and split by `bbvi.evaluation.gradient_parts`.  The reference of theta's gradient is
the ELBO's gradient at the optimum of Step 1: what the run would follow if Step 1 had converged for
every datapoint.  For an encoder's lam it is the bias that amortization leaves.  phi's gradient is
taken at the encoder's own lam, so that no Step 1 can bias it.

A cell is one method at one step of one run; it learns up to that step anew, which costs little
where the steps are spaced geometrically, and so every cell can be computed anywhere.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.gradient_parts import Part, Parts, gradient_parts
from bbvi.experiments.compare import best_solver, check_methods
from bbvi.experiments.compare_seeds import MakeProblem
from bbvi.experiments.exact_parts import exact_parts
from bbvi.experiments.feasibility import check_decomposition, worker_count
from bbvi.experiments.identity import cell_rng, described, digest
from bbvi.experiments.methods import METHODS, Method, Settings, estimator_name
from bbvi.experiments.one_gradient import Gradient, flat, gradient_of_step, train_until
from bbvi.experiments.problem import Problem
from bbvi.experiments.sweep import Cell, Sweep, run_sweep
from bbvi.inference import (
    by_course,
    fit_importance_weighted,
    fit_mean_field_em,
    fit_monte_carlo_em,
    fit_wake_sleep,
    fixed_budget,
    step_1,
)
from bbvi.limits import DAY
from bbvi.models import LinearGaussian
from bbvi.protocols import Gaussian
from bbvi.types import Array, Theta
from bbvi.validation import as_count

DEFAULT = ("bbvi-reparameterized", "amortized-reparameterized", "semi-amortized")
REFERENCE_SAMPLES = 64
"""Of z behind each datapoint's reference, where no closed form is known."""
OTHER_OBJECTIVES = (fit_importance_weighted, fit_monte_carlo_em, fit_wake_sleep)
"""Procedures that do not follow the ELBO's gradient in theta: they have no reference."""


class Plan(NamedTuple):
    """What is measured.

    Attributes
    ----------
    methods : sequence of str
        Names in the table.
    samples : sequence of int
        S.
    steps : sequence of int
        Where the run is looked at; the largest is its length.
    batch_size : int
        B, for learning and for the gradients.
    minibatches : int
        M, and as many single draws for the total.
    replicates : int
        R >= 2 of each.
    num_seeds : int
        Runs.
    """

    methods: Sequence[str] = DEFAULT
    samples: Sequence[int] = (8,)
    steps: Sequence[int] = (1, 10, 100, 1000)
    batch_size: int = 30
    minibatches: int = 300
    replicates: int = 2
    num_seeds: int = 3


QUICK = Plan(steps=(1, 10, 100), minibatches=100, num_seeds=1)


def decompose(
    source: MakeProblem,
    plan: Plan | None = None,
    *,
    seed: int = 0,
    table: Mapping[str, Method] = METHODS,
    folder: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    max_seconds: float = DAY,
) -> Sweep:
    """Split the gradient's variance at every method, S and step of a plan.

    Parameters
    ----------
    source : callable
        () -> Problem, in float64: a gradient is a difference of parameters.
    plan : Plan, optional
    seed, table, folder, executor, workers, progress
        As for `bbvi.experiments.compare_seeds.compare_seeds`.
    max_seconds : float
        What would take longer is refused.

    Returns
    -------
    Sweep
        One row for each cell and block ("theta", "phi"), with the columns

        * method, samples, step, seed; gradient, batch_size, block, parameters;
        * monte_carlo, minibatch, bias_squared (None where there is no reference): the parts, per
          parameter, each with its standard error ``_se``;
        * variance: Monte Carlo and minibatch together; total, from single draws of their own;
          sum_z, their difference in standard errors;
        * mean_squared_error: total and bias_squared; gradient_squared, the signal;
        * exact_monte_carlo, exact_minibatch, exact_bias_squared: in closed form for the
          linear-Gaussian model with an encoder; None elsewhere.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, a number is not possible, the data are not float64, a method moves
        theta by no gradient, or the machine's memory or ``max_seconds`` are too little
        (`bbvi.limits.TooMuchError`).  Nothing is learned then.
    """
    problem = source()
    plan = _checked(plan or Plan(), problem, table)
    chosen = {name: table[name] for name in plan.methods}
    check_decomposition(problem, chosen, plan, worker_count(executor, workers), max_seconds)
    cells = [
        {"method": name, "samples": S, "step": step, "seed": k}
        for k in range(plan.num_seeds)
        for name in plan.methods
        for S in plan.samples
        for step in plan.steps
    ]
    settings = plan._asdict() | {
        "problem": digest(described(problem)),
        "table": described(chosen),
    }
    return run_sweep(
        partial(measure, source, chosen, plan, seed),
        cells,
        experiment="decompose",
        seed=seed,
        settings=settings,
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )


@fixed_budget()
def measure(
    source: MakeProblem,
    table: Mapping[str, Method],
    plan: Plan,
    seed: int,
    cell: Cell,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """The rows of one cell: theta's, and phi's where there is an encoder."""
    problem, method, S = source(), table[cell["method"]], cell["samples"]
    # All methods and steps of a seed have one start; all steps of a method are of one run.
    start_rng, run_rng = cell_rng(seed, {"seed": cell["seed"]}).spawn(2)
    start = problem.model.init(start_rng)
    last, B = max(plan.steps), min(plan.batch_size, len(problem.train.x))
    fit = train_until(problem, method, start, run_rng, cell["step"], last, S, B)
    batches = [rng.choice(len(problem.train.x), B, replace=False) for _ in range(plan.minibatches)]
    others = [rng.choice(len(problem.train.x), B, replace=False) for _ in range(plan.minibatches)]

    def draw(batch: Array) -> Gradient:
        return gradient_of_step(problem, method, fit.state, batch, rng, S)  # type: ignore[arg-type]

    nested = [[draw(batch) for _ in range(plan.replicates)] for batch in batches]
    single = [draw(batch) for batch in others]
    optimum = optimum_of_step_1(problem, fit.theta, rng) if has_reference(method) else None
    references = None
    if optimum is not None:
        references = np.array(
            [reference_gradient(problem, fit.theta, optimum, batch, rng) for batch in batches]
        )
    exact = exact_parts(problem, method, fit, optimum, S, B)
    parts = {
        "theta": gradient_parts(
            np.array([[g.theta for g in line] for line in nested]),
            np.array([g.theta for g in single]),
            references,
        )
    }
    if fit.phi is not None:
        phi: Any = np.array([[g.phi for g in line] for line in nested])
        parts["phi"] = gradient_parts(phi, np.array([g.phi for g in single]))
    sizes = {"theta": fit.theta, "phi": fit.phi or {}}
    return [
        {
            "gradient": estimator_name(method),
            "batch_size": B,
            "block": block,
            "parameters": sum(np.size(value) for value in sizes[block].values()),
            **_columns(split),
            **exact.get(block, dict.fromkeys(EXACT)),
        }
        for block, split in parts.items()
    ]


EXACT = ("exact_monte_carlo", "exact_minibatch", "exact_bias_squared")


def has_reference(method: Method) -> bool:
    """Whether the gradient in theta is meant to be the ELBO's at Step 1's optimum."""
    if method.procedure in OTHER_OBJECTIVES:
        return False
    named = ESTIMATORS.get(method.estimator) if isinstance(method.estimator, str) else None
    return named is None or named.bound == "ELBO"


def optimum_of_step_1(problem: Problem, theta: Theta, rng: np.random.Generator) -> Array:
    """lam of every training datapoint where Step 1 converges: (N, P)."""
    model: Any = problem.model
    family: Any = problem.family
    x = problem.train.x
    if isinstance(model, LinearGaussian) and isinstance(family, Gaussian):
        exact: Array = family.from_moments(*model.posterior(theta, x))  # type: ignore[attr-defined]
        return exact
    solver = best_solver(problem, Settings())
    return step_1(model, family, theta, x, rng, solver=solver, progress=False, judge=by_course).lam


def reference_gradient(
    problem: Problem, theta: Theta, lam: Array, batch: Array, rng: np.random.Generator
) -> Array:
    """d/dtheta of the minibatch's mean ELBO at lam, as a vector; exact where that is known."""
    x, lam, family = problem.train.x[batch], lam[batch], problem.family
    if isinstance(problem.model, LinearGaussian) and isinstance(family, Gaussian):
        exact = linear_gaussian_elbo(problem.model, theta, x, family, lam).grad_theta
        return flat(exact or {}) / len(batch)
    eps = family.noise(rng, REFERENCE_SAMPLES, len(batch), lam.dtype)
    target = backends.unchecked_target(problem.model, theta, x)
    return flat(target.value_and_dtheta(family.transform(lam, eps))[1] or {}) / len(batch)


def _columns(parts: Parts) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    names = ("monte_carlo", "minibatch", "bias_squared", "variance", "total", "gradient_squared")
    for name in names:
        part: Part | None = getattr(parts, name)
        value, error = (None, None) if part is None else part
        columns |= {name: value, f"{name}_se": error}
    columns["sum_z"] = parts.z
    bias = 0.0 if parts.bias_squared is None else parts.bias_squared.value
    return columns | {"mean_squared_error": parts.total.value + bias}


def _checked(plan: Plan, problem: Problem, table: Mapping[str, Method]) -> Plan:
    check_methods(plan.methods, table)
    for name in plan.methods:
        if table[name].procedure is fit_mean_field_em:
            raise ValueError(
                f"methods has {name!r}, which moves theta to an optimum in closed form and follows "
                "no gradient; expected methods that do. Leave it out."
            )
    if problem.train.x.dtype != np.float64:
        raise TypeError(
            f"the data are {problem.train.x.dtype}; expected float64: small differences count."
        )
    if len(problem.train.x) < 2:
        raise ValueError(
            "the data set is one datapoint, of which no minibatch can be drawn; expected a model "
            "with several rows."
        )
    for name in ("samples", "steps"):
        if not getattr(plan, name):
            raise ValueError(f"{name} is empty; expected at least one value.")
        for value in getattr(plan, name):
            as_count(name, value)
    for name, least in (("batch_size", 1), ("minibatches", 2), ("replicates", 2), ("num_seeds", 1)):
        as_count(name, getattr(plan, name), minimum=least)
    return plan._replace(
        methods=tuple(dict.fromkeys(plan.methods)),
        samples=tuple(dict.fromkeys(plan.samples)),
        steps=tuple(dict.fromkeys(plan.steps)),
    )
