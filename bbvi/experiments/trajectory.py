"""Problems at fixed theta and datapoint, and the points lam of a trajectory.

A trajectory is Step 1's: lam moves at fixed theta from the family's neutral start to its optimum.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bbvi import backends
from bbvi.backends.kernel import second_moments
from bbvi.datasets import digits
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.exact_sums import enumeration, gauss_hermite
from bbvi.experiments.catalogue import ALIASES, entry_of
from bbvi.experiments.feasibility import check_training
from bbvi.experiments.integrand_trajectories import (
    DIMENSIONS,
    INTEGRANDS,
    of_cosine,
    of_quadratic,
    of_user_integrand,
)
from bbvi.experiments.points import POINTS, Points, Trajectory
from bbvi.experiments.problem import Problem
from bbvi.experiments.user_files import is_from_file
from bbvi.experiments.user_integrand import integrand_of_file, points_for
from bbvi.families import Bernoulli, DiagonalGaussian, LabelAndGaussian
from bbvi.inference import by_course, fit_amortized, fixed_budget, step_1
from bbvi.limits import DAY, table_shape
from bbvi.optimizers import adam
from bbvi.types import Array, Estimate, Family, Model, Reparameterizable, Target, Theta

BATCH = 100
"""Datapoints of a training step."""
MID_STEPS = 10
LARGEST_EXACT: dict[type, int] = {DiagonalGaussian: 2, Bernoulli: 12}
"""Largest D for which a sum over nodes gives the exact gradient."""
EXACT_NODES = 256
"""Per dimension.  At the start q is wide, and a trained decoder steep: 64 nodes leave an error of
2e-3 in the gradient, which 10^6 replicates would take for a bias; 256 leave 2e-6."""


UNTRAINED = (*DIMENSIONS, "linear-gaussian", "linear-gaussian-digits")
"""Names whose theta is not trained: integrands, or maximum likelihood in closed form."""


def dimensions_of(name: str) -> tuple[int | None, ...]:
    """The latent dimensions to look at by default; (None,) is the problem's one D."""
    return DIMENSIONS[name] if name in INTEGRANDS else entry_of(name).dimensions or (None,)


def trajectory(
    name: str,
    dimension: int | None,
    rng: np.random.Generator,
    num_steps: int = 1500,
    k: float = 1.0,
    lam: Mapping[str, Sequence[float]] | None = None,
    max_seconds: float = DAY,
    learned: bool = True,
) -> Trajectory:
    """The trajectory on the problem, or textbook integrand, of that name.

    Parameters
    ----------
    name : str
        Of the catalogue, of `INTEGRANDS`, or FILE.py:NAME of an own model or integrand.
    dimension : int or None
        D; None is the problem's one D.
    rng : numpy Generator
        For training.
    num_steps : int
        Training steps, where theta is trained.
    k : float
        Constant of the integrands.
    lam : mapping of name to P numbers, optional
        Points of one's own, beside those of the trajectory.
    max_seconds : float
        Longer training is refused.
    learned : bool
        If False, what the trajectory will be about before anything is learned: theta and lam as
        they start.  Sizes, contracts and the time of an evaluation are those of the trajectory.

    Raises
    ------
    ValueError
        If the name is unknown, the problem has another D, or training would take too long.
    """
    with threadpool_limits(1):
        if name in INTEGRANDS:
            return _textbook(name, dimension, k, lam)
        integrand = integrand_of_file(name) if is_from_file(name) else None
        if integrand is not None:
            return of_user_integrand(integrand, dimension, rng, lam or {}, learned)
        problem, x = _problem(name, dimension, rng, num_steps, max_seconds)
        if learned and name in UNTRAINED:
            return maximum_likelihood(problem, x, rng, lam)
        if learned:
            return trained(problem, x, rng, num_steps, lam)
        model, family = problem.model, problem.family
        points = {"start": family.init(1)} | points_for(family, lam or {})
        return _model(model, family, model.init(copy.deepcopy(rng)), x[:1], points, {})


def _textbook(name: str, dimension: int | None, k: float, lam: Points | None) -> Trajectory:
    flow = {"quadratic": of_quadratic, "cosine": of_cosine}[name]
    return flow(1 if dimension is None else dimension, k, lam or {})


def _problem(
    name: str, dimension: int | None, rng: np.random.Generator, num_steps: int, max_seconds: float
) -> tuple[Problem, Array]:
    """The problem of that name and its training rows, once its training fits into the time."""
    # A copy draws the split, so that training sees the generator as it came.
    problem = entry_of(name).problem(copy.deepcopy(rng), np.float64, dimension)
    whole = WHOLE.get(ALIASES.get(name, name))
    x = problem.train.x if whole is None else whole()
    table_shape(len(x), problem.family.num_params)
    if name not in UNTRAINED:
        check_training(
            problem.model,
            problem.family,
            problem.model.init(copy.deepcopy(rng)),
            x[:BATCH],
            f"dimension is {problem.model.latent_dim}, training_steps {num_steps}",
            num_steps * BATCH,
            max_seconds,
        )
    return problem, x


def _grey() -> Array:
    return digits(binarize=False).x


def _binarized() -> Array:
    return digits().x


# No row is held out where nothing is compared on new data.
WHOLE: dict[str, Callable[[], Array]] = {
    "linear-gaussian-digits": _grey,
    "digits": _binarized,
    "digits-discrete": _binarized,
}


def maximum_likelihood(
    problem: Problem, x: Array, rng: np.random.Generator, lam: Points | None = None
) -> Trajectory:
    """Probabilistic PCA of x, at the first datapoint.

    Its maximum-likelihood loadings are orthogonal, hence the posterior's covariance is diagonal
    and "converged" is the exact posterior.
    """
    model: Any = problem.model
    family: Any = problem.family
    theta, one = model.fit_ml(x), x[:1]
    points = _climb(model, family, theta, one, rng, ESTIMATORS["sticking-the-landing"].elbo)
    points["converged"] = family.from_moments(*model.posterior(theta, one))
    points |= points_for(family, lam or {})
    truth = {
        name: linear_gaussian_elbo(model, theta, one, family, lam) for name, lam in points.items()
    }
    return _model(model, family, theta, one, points, truth)


@fixed_budget()
def trained(
    problem: Problem,
    x: Array,
    rng: np.random.Generator,
    num_steps: int,
    lam: Points | None = None,
) -> Trajectory:
    """The problem's model trained on x with its encoder, as a VAE, at the first datapoint."""
    model, family = problem.model, problem.family
    name, num_samples = _gradient_for(family)
    gradient: Any = ESTIMATORS[name].elbo
    fit = fit_amortized(
        model,
        family,
        x,
        rng,
        encoder=problem.encoder,
        estimator=gradient,
        num_samples=num_samples,
        num_steps=num_steps,
        batch_size=BATCH,
        progress=False,
    )
    points = _climb(model, family, fit.theta, x[:1], rng, gradient)
    points |= points_for(family, lam or {})
    truth: dict[str, Estimate] = {}
    if family.latent_dim <= LARGEST_EXACT.get(type(family), 0):
        target = backends.autodiff.unchecked_target(model, fit.theta, x[:1])
        summed: Any = partial(gauss_hermite, num_nodes=EXACT_NODES)
        if isinstance(family, Bernoulli):
            summed = enumeration
        truth = {name: summed(family, target, lam) for name, lam in points.items()}
    return _model(model, family, fit.theta, x[:1], points, truth)


def _gradient_for(family: Family) -> tuple[str, int]:
    """An estimator that suits q, and its S."""
    if isinstance(family, Reparameterizable):
        return "reparameterized", 1
    return ("summed-label", 2) if isinstance(family, LabelAndGaussian) else ("leave-one-out", 4)


def _climb(
    model: Model, family: Family, theta: Theta, x: Array, rng: np.random.Generator, estimator: Any
) -> dict[str, Array]:
    """Step 1 from the neutral start: there, after a few steps, and at its end."""

    def after(num_steps: int, **settings: Any) -> Array:
        fit = step_1(
            model,
            family,
            theta,
            x,
            rng,
            estimator=estimator,
            num_samples=32,
            num_steps=num_steps,
            progress=False,
            judge=by_course,
            **settings,
        )
        return fit.lam

    lams = (family.init(1), after(MID_STEPS, optimizer=adam(0.1)), after(400))
    return dict(zip(POINTS, lams))


def _model(
    model: Any,
    family: Any,
    theta: Theta,
    x: Array,
    points: dict[str, Array],
    truth: dict[str, Estimate],
) -> Trajectory:
    known = second_moments.supports(model)
    return Trajectory(
        family,
        partial(_model_rows, model, theta, x),
        partial(_model_rows_with_squares, model, theta, x) if known else None,
        points,
        truth,
        False,
        x,
    )


def _model_rows(model: Any, theta: Theta, x: Array, num_rows: int) -> Target:
    return backends.unchecked_target(model, theta, np.repeat(x, num_rows, axis=0))


def _model_rows_with_squares(model: Any, theta: Theta, x: Array, num_rows: int) -> Target:
    return second_moments.unchecked_target(model, theta, np.repeat(x, num_rows, axis=0))
