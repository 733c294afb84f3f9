"""How long an experiment takes at least: counts of evaluations, at a rate measured beforehand."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import (
    Method,
    Settings,
    by_encoder,
    by_encoder_and_step_1,
    by_step_1,
)
from bbvi.experiments.problem import Problem
from bbvi.experiments.sweep import BYTES_PER_CELL
from bbvi.limits import DAY, check_memory, check_time, product, seconds_of
from bbvi.nets import MLP, ConvNet, astype
from bbvi.types import Array, Family, Model, Target, Theta
from bbvi.validation import as_count

AT_ONCE = 2**14
"""Evaluations by which a rate is measured."""
NOISE_COPIES = 4
"""Of eps (S, N, D) in a gradient: eps, z, the gradient in z, and a product of two of them."""
COPIES = 4
"""Of all parameters in training: themselves, their gradient, Adam's two moments."""


def seconds_per_evaluation(
    family: Family, target: Target, lam: Array, num_samples: int = 1
) -> float:
    """Of log p(x_n, z) at draws of q, without its gradient: the least that an estimator pays."""
    S = max(1, min(num_samples, AT_ONCE // len(lam)))
    rng = cell_rng(0, {"rate": 0})
    z = family.transform(lam, family.noise(rng, S, len(lam), lam.dtype))
    return seconds_of(lambda: target.value(z)) / (S * len(lam))


def check_training(
    model: Model,
    family: Family,
    theta: Theta,
    x: Array,
    what: str,
    evaluations: int,
    longest: float,
) -> None:
    """Raise TooMuchError if so many evaluations of minibatches like x do not fit into the time."""
    rate = seconds_per_evaluation_of(model, family, theta, x)
    check_time(what, product(evaluations, rate), longest)


def seconds_per_evaluation_of(
    model: Model, family: Family, theta: Theta, x: Array, num_samples: int = 1
) -> float:
    """`seconds_per_evaluation` of a model's minibatch x."""
    lam = family.init(len(x)).astype(x.dtype)
    target = backends.unchecked_target(model, theta, x)
    return seconds_per_evaluation(family, target, lam, num_samples)


def check_network(what: str, networks: Iterable[MLP | ConvNet], dtype: Any) -> None:
    """Raise TooMuchError if the parameters of networks do not fit the memory in training."""
    numbers = sum(network.num_weights for network in networks)
    held = COPIES * numbers * np.dtype(dtype).itemsize
    advice = "Ask for fewer units or latent dimensions."
    check_memory(f"{what}: weights, gradient and moments", held, advice)


def check_cells(what: str, count: int) -> None:
    """Raise TooMuchError if a sweep of so many cells does not fit the memory."""
    check_memory(f"{what}: {count} cells", BYTES_PER_CELL * count, "Ask for fewer.")


def check_comparison(
    problem: Problem,
    table: Mapping[str, Method],
    settings: Settings,
    runs_of_each: int,
    workers: int | None,
    longest: float = DAY,
) -> None:
    """Raise TooMuchError if a comparison does not fit this machine, or not the time.

    ``runs_of_each`` is how often each method runs: once a seed, or once a trial of a step size;
    ``workers`` is the number of processes; None where it is not known, on a cluster: then each
    run has a worker for itself.
    """
    S, runs = settings.num_samples, runs_of_each * len(table)
    check_cells(f"{runs_of_each} runs of each of {len(table)} methods", runs)
    x, D = problem.train.x, problem.model.latent_dim
    differentiated = 200 * min(50, settings.test_rows, len(problem.test.x))
    held = NOISE_COPIES * S * differentiated * D * x.itemsize
    what = f"samples is {S}, latent_dim {D}: the gradients of 200 replicates of 50 rows"
    check_memory(what, held, "Ask for fewer.")
    rows = min(settings.batch_size, len(x))
    rate = _rate_of(problem, rows, S)
    test_rows = min(settings.test_rows, len(problem.test.x))
    each = {
        name: _seconds_of_run(method, settings, rows, test_rows, rate)
        for name, method in table.items()
    }
    at_once = runs if workers is None else min(workers, runs)
    told = f"evaluations is {settings.evaluations}, samples {S}, inner_steps "
    told += f"{settings.inner_steps or 'of each method'}, "
    told += f"in {runs_of_each} runs of each of {len(table)} methods"
    check_time(told, max(each.values()), longest)
    check_time(told, product(runs_of_each, sum(each.values()), 1 / at_once), longest)


def _seconds_of_run(
    method: Method, settings: Settings, rows: int, test_rows: int, rate: float
) -> float:
    """Learning by one method, and its inference of new data, three times."""
    S = settings.num_samples
    inner_steps = settings.inner_steps if method.inner_steps is not None else None
    one_step = product(S, rows, 1 + (inner_steps or method.inner_steps or 0))
    learning = product(max(float(min(settings.evaluations, 10**300)), one_step), rate)
    if settings.seconds is not None:
        learning = max(settings.seconds, one_step * rate)
    steps = {by_step_1: settings.new_steps, by_encoder_and_step_1: settings.refine_steps}
    steps |= {by_encoder: 0}
    new = product(3, steps.get(method.infer_new, 0), S, test_rows, rate)
    return learning + new


def check_decomposition(
    problem: Problem,
    table: Mapping[str, Method],
    plan: Any,
    workers: int | None,
    longest: float = DAY,
) -> None:
    """Raise TooMuchError if a `bbvi.experiments.decomposition.Plan` does not fit.

    A cell learns up to its step and then draws M (R + 1) gradients, all of which are held.
    ``workers`` is as for `check_comparison`.
    """
    runs = plan.num_seeds * len(plan.methods) * len(plan.samples) * len(plan.steps)
    check_cells(f"num_seeds is {plan.num_seeds}", runs)
    theta = problem.model.init(cell_rng(0, {"try": 0}))
    gradients = plan.minibatches * (plan.replicates + 1)
    told = f"minibatches (--replicates) is {plan.minibatches}, replicates {plan.replicates}"
    numbers = sum(np.size(value) for value in theta.values())
    check_memory(f"{told}: the gradients in theta", 8 * gradients * numbers, "Ask for fewer.")
    rows = min(plan.batch_size, len(problem.train.x))
    rate = _rate_of(problem, rows, max(plan.samples))
    each = [
        product(step + gradients, rows, S, 1 + (table[name].inner_steps or 0), rate)
        for name in plan.methods
        for S in plan.samples
        for step in plan.steps
    ]
    told += f", batch_size {plan.batch_size}, steps up to {max(plan.steps)}, in {runs} cells"
    at_once = runs if workers is None else min(workers, runs)
    check_time(told, max(each), longest)
    check_time(told, product(plan.num_seeds, sum(each), 1 / at_once), longest)


def _rate_of(problem: Problem, rows: int, num_samples: int) -> float:
    """Seconds of an evaluation of the problem's first rows, at an untrained theta."""
    x, rng = problem.train.x[:rows], cell_rng(0, {"try": 0})
    target = backends.unchecked_target(problem.model, astype(problem.model.init(rng), x.dtype), x)
    lam = problem.family.init(rows).astype(x.dtype)
    return seconds_per_evaluation(problem.family, target, lam, num_samples)


def worker_count(executor: Any, workers: int | None) -> int | None:
    """The number of processes of a sweep, None where an executor does not tell."""
    if executor is not None:
        return None
    return (os.cpu_count() or 1) if workers is None else as_count("workers", workers)
