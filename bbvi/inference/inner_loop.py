"""Step 1: each datapoint's lam at fixed theta, by a solver, with a verdict."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import sticking_the_landing
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference.arguments import check_dimensions, check_lam, check_parts, prepare, progress_bar
from bbvi.inference.counting import Counter
from bbvi.inference.fit import Fit, as_trace
from bbvi.inference.not_converged import warn_unless_converged
from bbvi.inference.solvers import (
    Solver,
    Targets,
    ascend,
    deterministic,
    natural_gradient,
    stochastic,
)
from bbvi.inference.starts import laplace
from bbvi.inference.verdict import Verdict, verdict
from bbvi.models.posterior import Posterior
from bbvi.optimizers import Optimizer
from bbvi.targets import hold_theta
from bbvi.types import Array, Estimator, Family, Model, Target, Theta
from bbvi.validation import check_rng, check_theta

__all__ = ["Start", "ascend", "infer", "step_1"]

Judge = Callable[..., Verdict]

Start = Callable[[Any, Targets, Array, np.random.Generator], Array]
"""(family, targets, lam of the neutral start (N, P), rng) -> lam to start at (N, P)."""


def infer(
    model: Model,
    family: Family,
    theta: Theta | None = None,
    x: Array | None = None,
    rng: np.random.Generator | None = None,
    *,
    lam: Array | None = None,
    start: Start | None = None,
    solver: Solver | None = None,
    estimator: Estimator | None = None,
    num_samples: int | None = None,
    num_steps: int | None = None,
    optimizer: Optimizer | None = None,
    backend: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """Step 1 alone: fit lam to new data at fixed theta, and say whether it has converged.

    Parameters
    ----------
    model, family, theta
        p_theta(x, z), q_lam(z) and the parameters theta, of x's dtype; {} or None for a model
        without parameters.
    x : ndarray (N, Dx)
        New data; left out for a `bbvi.Posterior`: ``infer(posterior, family, rng=rng)``.
    rng : numpy Generator
        For the samples.
    lam : ndarray (N, P), optional
        Start, e.g. an encoder's output; by default ``family.init(N)``.
    start : callable, optional
        A start that is computed: `laplace()`.
    solver : Solver, optional
        `natural_gradient`, `deterministic` or `stochastic`, with their settings.  By default
        ``natural_gradient()`` for the Gaussian families and ``stochastic()`` for others.
    estimator, num_samples, num_steps, optimizer
        Those of `stochastic`, which any of them asks for; not together with ``solver``.
    backend : {"auto", "kernel", "autodiff"}
        ``"auto"`` takes the kernel where it knows the model.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.

    Returns
    -------
    Fit
        ``lam`` is (N, P); ``trace`` has one entry per step; ``verdict`` is a `Verdict`.

    Warns
    -----
    NotConvergedWarning
        If some row has not converged; ``verdict`` tells which.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        If log p or a gradient is not finite where the solver needs it; its ``state`` is the last
        finite lam.
    """
    check_rng(rng)
    assert rng is not None
    if x is None:
        x = _without_data(model)
    fit = step_1(
        model,
        family,
        theta,
        x,
        rng,
        lam=lam,
        start=start,
        solver=solver,
        estimator=estimator,
        num_samples=num_samples,
        num_steps=num_steps,
        optimizer=optimizer,
        backend=backend,
        progress=progress,
    )
    warn_unless_converged(fit.verdict)
    return fit


def step_1(
    model: Model,
    family: Family,
    theta: Theta | None,
    x: Array,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    start: Start | None = None,
    solver: Solver | None = None,
    estimator: Estimator | None = None,
    num_samples: int | None = None,
    num_steps: int | None = None,
    optimizer: Optimizer | None = None,
    backend: str = "auto",
    progress: bool | None = None,
    judge: Judge = verdict,
) -> Fit:
    """`infer` without its warning: for a budget of Step 1 that claims no optimum.

    Parameters
    ----------
    model, family, theta, x, rng, lam, start, solver, estimator, num_samples, num_steps, optimizer,
    backend, progress
        As for `infer`.
    judge : callable
        (family, targets, solution, rng, what is reported of z) -> Verdict: `verdict`, or
        `by_course`, which costs nothing.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError, ValueError, NotFiniteError
        As `infer`.
    """
    used = sticking_the_landing if estimator is None else estimator
    check_parts(family, used, optimizer=optimizer)
    theta = {} if theta is None and _without_theta(model) else theta
    check_theta(theta)
    x, theta = prepare(model, x, theta, rng)
    check_dimensions(model, family)
    solver = _chosen(family, solver, estimator, num_samples, num_steps, optimizer)
    counter = Counter()
    backends.resolve(backend, model)

    def targets(rows: Array) -> Target:
        whole = np.array_equal(rows, np.arange(len(x)))
        some = x if whole else x[rows]
        target = backends.unchecked_target(model, theta, some, backend)
        return counter.watch(hold_theta(target))

    if lam is not None and start is not None:
        raise TypeError("infer got both lam and start; expected one place to start at.")
    lam = check_lam(family, family.init(len(x)).astype(x.dtype) if lam is None else lam, x)
    if start is not None:
        if not callable(start) or start is laplace:
            told = "the function laplace" if start is laplace else repr(start)
            raise TypeError(f"start is {told}; expected a start, e.g. laplace(), with brackets.")
        lam = check_lam(family, start(family, targets, lam, rng), x)
    rows: list[tuple[int, float, float, int]] = []
    begun = time.perf_counter()
    with progress_bar(None, "Step 1", progress) as bar:

        def observe(elbo: Array) -> None:
            seconds = time.perf_counter() - begun
            rows.append((len(rows) + 1, float(elbo.mean()), seconds, counter.evaluations))
            bar.update()

        solution = solver(family, targets, lam, rng, observe)
    reported = model.constrain if isinstance(model, Posterior) else None
    judged = judge(family, targets, solution, rng, reported)
    return Fit(theta, None, solution.lam, as_trace(rows), None, judged)


def _without_data(model: Any) -> Array:
    """The row that stands for no data."""
    if not isinstance(model, Posterior):
        raise TypeError(
            f"infer got no x for {type(model).__name__}; expected data (N, Dx). Only a "
            "bbvi.Posterior has its data inside."
        )
    return model.x


def _without_theta(model: Any) -> bool:
    """Whether the model has no parameters: no ``init``, or one that draws none."""
    return not isinstance(model, Model) or model.init(np.random.Generator(np.random.PCG64(0))) == {}


def _chosen(
    family: Any,
    solver: Solver | None,
    estimator: Estimator | None,
    num_samples: int | None,
    num_steps: int | None,
    optimizer: Optimizer | None,
) -> Solver:
    """The solver that was given, the stochastic one with its settings, or the default."""
    given = {
        "estimator": estimator,
        "num_samples": num_samples,
        "num_steps": num_steps,
        "optimizer": optimizer,
    }
    settings: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if solver is None:
        if not settings and isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
            return natural_gradient()
        return stochastic(**settings)
    if settings:
        raise TypeError(
            f"infer got solver and {', '.join(settings)}; expected the settings inside the "
            "solver: solver=stochastic(num_steps=...)."
        )
    if not callable(solver):
        raise TypeError(
            f"solver is {solver!r}; expected a solver, e.g. bbvi.inference.natural_gradient()."
        )
    if solver in (natural_gradient, deterministic, stochastic):
        name = solver.__name__
        raise TypeError(f"solver is the function {name}; expected what it returns: {name}().")
    return solver
