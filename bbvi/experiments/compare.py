"""What one method has learned at one seed, held against the test data."""

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation import elbo, inference_gap
from bbvi.evaluation.grid_sums import moments_of
from bbvi.evaluation.paired import mean_over_data
from bbvi.evaluation.quadrature import find_boxes, grid
from bbvi.experiments.methods import (
    Learned,
    Method,
    Settings,
    estimator_name,
    estimator_of,
)
from bbvi.experiments.problem import Problem
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian, LabelAndGaussian
from bbvi.inference import (
    Fit,
    NotConvergedWarning,
    Solver,
    natural_gradient,
    stochastic,
)
from bbvi.nets import astype
from bbvi.optimizers import adam, cosine_decay
from bbvi.suggestions import did_you_mean
from bbvi.types import Array, Reparameterizable


class PosteriorOnGrid(NamedTuple):
    """One datapoint's log joint on a grid (nodes, nodes) of z, and q's moments beside it."""

    method: str
    row: int
    z1: Array
    z2: Array
    log_joint: Array
    mean: Array
    covariance: Array


class MethodRun(NamedTuple):
    """One method at one seed.

    Attributes
    ----------
    row : dict
        Its line of the table, means over datapoints in nats.
    curve : list of dict
        Training ELBO along the run.
    posteriors : list of PosteriorOnGrid
        Of some test datapoints, for D = 2.
    test_elbo : ndarray (N,)
        Held-out ELBO of each test datapoint.
    fit : Fit
        theta, phi and lam.
    """

    row: dict[str, Any]
    curve: list[dict[str, Any]]
    posteriors: list[PosteriorOnGrid]
    test_elbo: Array
    fit: Fit


def check_methods(methods: Sequence[str], table: Mapping[str, Method]) -> None:
    """Raise ValueError unless there are methods, all in the table."""
    unknown = [name for name in methods if name not in table]
    if unknown or not methods:
        meant = did_you_mean(unknown[0], table) if unknown else ""
        raise ValueError(
            f"methods is {list(methods)}; expected some of: {', '.join(table)}.{meant}"
        )


def evaluate_fit(
    problem: Problem,
    name: str,
    method: Method,
    fit: Fit,
    rng: np.random.Generator,
    settings: Settings,
    drawn: int = 2,
    progress: bool | None = None,
) -> MethodRun:
    """What one method has learned, held against the test data."""
    learned = Learned(method, fit.theta, fit.phi)
    row, lam, each = _evaluate(problem, name, learned, fit, rng, settings, progress)
    curve = [
        {
            "method": name,
            "step": step,
            "elbo": value - problem.log_scale,
            "seconds": seconds,
            "evaluations": count,
        }
        for step, value, seconds, count in zip(*fit.trace)
    ]
    posteriors = []
    if problem.model.latent_dim == 2:
        rows = range(min(drawn, len(lam)))
        posteriors = [_posterior(problem, name, learned, lam, number) for number in rows]
    return MethodRun(row, curve, posteriors, each, fit)


def _evaluate(
    problem: Problem,
    name: str,
    learned: Learned,
    fit: Fit,
    rng: np.random.Generator,
    settings: Settings,
    progress: bool | None,
) -> tuple[dict[str, Any], Array, Array]:
    """One row of the table, and lam and the ELBO of each row of the test data."""
    model, family = problem.model, problem.family
    train, test = problem.train.x, problem.test.x[: settings.test_rows]
    lam, seconds_new = _infer_timed(problem, learned, rng, settings)
    target = backends.target(model, fit.theta, train)
    train_elbo = elbo(family, target, fit.lam, rng, num_samples=100).value
    with warnings.catch_warnings():
        # The row counts them, and the report says so once for all runs.
        warnings.simplefilter("ignore", NotConvergedWarning)
        gap = inference_gap(
            model,
            family,
            fit.theta,
            lam,
            test,
            rng,
            solver=best_solver(problem, settings),
            exact_log_evidence=problem.exact_log_evidence,
            progress=progress,
        )
    columns = {
        "train_elbo": train_elbo - problem.log_scale,
        "test_elbo": gap.elbo - problem.log_scale,
        "test_log_evidence": gap.log_evidence - problem.log_scale,
        "approximation_gap": gap.approximation,
        "amortization_gap": gap.amortization,
    }
    row: dict[str, Any] = {"method": name, "gradient": estimator_name(learned.method)}
    for key, values in columns.items():
        row |= mean_over_data(key, values)
    row["test_rows"] = len(test)
    row["unconverged_fits"] = int(not fit.verdict.converged)
    row["unconverged_rows"] = int(np.sum(~gap.verdict.converged))
    row["evidence_by"] = gap.evidence_by
    row["gradient_variance"] = _gradient_variance(problem, learned, lam, rng, settings)
    row["seconds"] = float(fit.trace.seconds[-1])
    row["seconds_per_new"] = seconds_new
    row["evaluations"] = int(fit.trace.evaluations[-1])
    return row, lam, gap.elbo - problem.log_scale


def best_solver(problem: Problem, settings: Settings) -> Solver:
    """What finds the family's optimum: natural gradients of a Gaussian, else little noise."""
    family = problem.family
    if isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        return natural_gradient()
    name = "summed-label" if isinstance(family, LabelAndGaussian) else "leave-one-out"
    if isinstance(family, Reparameterizable):
        name = "sticking-the-landing"
    return stochastic(
        estimator=ESTIMATORS[name].elbo,
        num_samples=16,
        num_steps=settings.optimum_steps,
        optimizer=adam(cosine_decay(settings.optimum_rate, settings.optimum_steps)),
    )


def _infer_timed(
    problem: Problem, learned: Learned, rng: np.random.Generator, settings: Settings
) -> tuple[Array, float]:
    """lam of the test data, and the median seconds per datapoint of three runs."""
    test, seconds = problem.test.x[: settings.test_rows], []
    for _ in range(3):
        start = time.perf_counter()
        lam = learned.method.infer_new(problem, learned, test, rng, settings)
        seconds.append((time.perf_counter() - start) / len(test))
    return lam, float(np.median(seconds))


def _gradient_variance(
    problem: Problem,
    learned: Learned,
    lam: Array,
    rng: np.random.Generator,
    settings: Settings,
    rows: int = 50,
    replicates: int = 200,
) -> float:
    """Variance of the S-sample gradient, summed over P, averaged over some test datapoints.

    Replicates are rows: each copy of a datapoint has its own noise.  NaN without an estimator.
    """
    if learned.method.estimator is None:
        return np.nan
    lam = lam[:rows]
    x = problem.test.x[: len(lam)]
    tiled = np.tile(x, (replicates, 1))
    target = backends.target(problem.model, learned.theta, tiled)
    many = np.tile(lam, (replicates, 1))
    eps = problem.family.noise(rng, settings.num_samples, len(many), many.dtype)
    grad = estimator_of(learned.method)(problem.family, target, many, eps).grad
    return float(grad.reshape(replicates, *lam.shape).var(axis=0, ddof=1).sum(axis=-1).mean())


def _posterior(
    problem: Problem, name: str, learned: Learned, lam: Array, row: int, nodes: int = 80
) -> PosteriorOnGrid:
    """The log joint of one test datapoint over its box, and q's moments."""
    model, theta = problem.model, astype(learned.theta, np.float64)
    x = problem.test.x[row : row + 1].astype(np.float64)
    low, high = find_boxes(model, theta, x)
    z = grid(low, high, nodes)
    log_joint = backends.target(model, theta, x).value(z).reshape(nodes, nodes)
    z1, z2 = (z[:, 0, d].reshape(nodes, nodes) for d in (0, 1))
    moments = moments_of(problem.family, lam[row : row + 1].astype(np.float64))
    return PosteriorOnGrid(name, row, z1, z2, log_joint, moments.mean[0], moments.covariance[0])
