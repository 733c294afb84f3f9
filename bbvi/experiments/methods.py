"""The methods that `bbvi.experiments.compare_seeds` sets side by side."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.contracts import find
from bbvi.estimators.reweighted import reweighted_wake
from bbvi.experiments.problem import Problem
from bbvi.inference import (
    Fit,
    by_course,
    fit_amortized,
    fit_bbvi,
    fit_importance_weighted,
    fit_mean_field_em,
    fit_monte_carlo_em,
    fit_semi_amortized,
    fit_wake_sleep,
    known_theta,
    step_1,
)
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array, Estimator, Theta


class Settings(NamedTuple):
    """What every method is given alike.

    Attributes
    ----------
    evaluations : int
        Budget of log p(x_n, z) evaluations for learning.
    num_samples, batch_size : int
        S; datapoints per theta step.
    inner_steps : int or None
        Step 1's steps per theta step; None is each method's.
    rate, local_rate : float or None
        Adam's step size for theta and phi, falling to 0 by a cosine; and for lam.  None is each
        method's.
    new_steps, refine_steps : int
        Step 1's steps for a new datapoint: from a cold start, and from the encoder's answer.
    new_rate : float
        Their step size.
    optimum_steps, optimum_rate
        Step 1's steps to the optimum that splits the gap, and their step size.
    test_rows : int
        Held-out rows evaluated, at most.
    seconds : float or None
        Budget of time for learning instead of evaluations.
    """

    evaluations: int = 3_000_000
    num_samples: int = 8
    batch_size: int = 100
    inner_steps: int | None = None
    rate: float | None = None
    local_rate: float | None = None
    new_steps: int = 300
    refine_steps: int = 20
    new_rate: float = 0.1
    optimum_steps: int = 300
    optimum_rate: float = 0.2
    test_rows: int = 10_000
    seconds: float | None = None


QUICK = Settings(evaluations=300_000, new_steps=150, optimum_steps=150, test_rows=60)


class Method(NamedTuple):
    """One way to infer.

    Attributes
    ----------
    procedure : callable
        With the signature of `bbvi.fit_amortized`.
    estimator : str, callable or None
        Of the ELBO's gradient: a name in `ESTIMATORS`, or ``(family, target, lam, eps)``; None
        where learning uses none: a Step 1 of new data is then by "reparameterized".
    infer_new : callable
        (problem, learned, x, rng, settings) -> lam of new data.
    rate, local_rate : float
        Step sizes of theta and phi (None: it has none), and of lam, chosen on the digits'
        validation rows by ``bbvi compare --tune``, for every method from equally many.
    inner_steps : int or None
        Step 1's steps per theta step; None where there is no Step 1.
    """

    procedure: Callable[..., Fit]
    estimator: str | Estimator | None
    infer_new: Callable[..., Array]
    rate: float | None = 0.03
    local_rate: float = 0.1
    inner_steps: int | None = None


class Learned(NamedTuple):
    """A method's model and how it infers: all that evaluation needs."""

    method: Method
    theta: Theta
    phi: Theta | None


def by_step_1(
    problem: Problem, learned: Learned, x: Array, rng: np.random.Generator, settings: Settings
) -> Array:
    """lam of new data by Step 1 from a cold start."""
    return _step_1(problem, learned, x, rng, settings, None, settings.new_steps)


def by_encoder(
    problem: Problem, learned: Learned, x: Array, rng: np.random.Generator, settings: Settings
) -> Array:
    """lam of new data by one pass through the encoder."""
    if learned.phi is None:
        raise ValueError(
            "the procedure has learned no encoder (phi is None), so it cannot infer new data by "
            "one; expected a Method that says how it does: from bbvi.experiments.methods, e.g. "
            'Method(bbvi.fit_bbvi, "reparameterized", by_step_1).'
        )
    return backends.encode(problem.encoder, learned.phi, x)[0]


def by_encoder_and_step_1(
    problem: Problem, learned: Learned, x: Array, rng: np.random.Generator, settings: Settings
) -> Array:
    """lam of new data by the encoder, then a few steps of Step 1."""
    start = by_encoder(problem, learned, x, rng, settings)
    return _step_1(problem, learned, x, rng, settings, start, settings.refine_steps)


def by_coordinate_updates(
    problem: Problem, learned: Learned, x: Array, rng: np.random.Generator, settings: Settings
) -> Array:
    """lam of new data by closed-form updates of q's factors in turn, from a cold start."""
    fit = fit_mean_field_em(
        problem.model,
        problem.family,
        x,
        rng,
        num_steps=settings.new_steps,
        theta=learned.theta,
        learning=known_theta(learned.theta),
        progress=False,
    )
    assert fit.lam is not None
    return fit.lam


METHODS: dict[str, Method] = {
    "bbvi-score": Method(fit_bbvi, "score-function", by_step_1, 0.01, 0.1, 1),
    "bbvi-leave-one-out": Method(fit_bbvi, "leave-one-out", by_step_1, 0.03, 0.1, 1),
    "bbvi-reparameterized": Method(fit_bbvi, "reparameterized", by_step_1, 0.03, 0.1, 1),
    "amortized-score": Method(fit_amortized, "score-function", by_encoder, 0.01),
    "amortized-reparameterized": Method(fit_amortized, "reparameterized", by_encoder, 0.01),
    "semi-amortized": Method(
        fit_semi_amortized, "reparameterized", by_encoder_and_step_1, 0.03, 0.1, 1
    ),
    "importance-weighted": Method(fit_importance_weighted, "dreg", by_encoder, 0.01),
    "reweighted-wake-sleep": Method(fit_amortized, reweighted_wake, by_encoder, 0.03),
    "wake-sleep": Method(fit_wake_sleep, None, by_encoder, 0.03),
    "monte-carlo-em": Method(fit_monte_carlo_em, None, by_step_1, 0.03, 0.1, 1),
    "mean-field-em": Method(fit_mean_field_em, None, by_coordinate_updates, None, 0.1, 1),
}
"""The methods of ``bbvi compare``; add a line to compare your own."""

DEFAULT = tuple(METHODS)[:6]
"""The methods compared unless others are named: the lectures' three procedures."""

DISCRETE_METHODS: dict[str, Method] = {
    "bbvi-score": METHODS["bbvi-score"],
    "bbvi-leave-one-out": METHODS["bbvi-leave-one-out"],
    "amortized-leave-one-out": Method(fit_amortized, "leave-one-out", by_encoder),
    "semi-amortized-leave-one-out": Method(
        fit_semi_amortized, "leave-one-out", by_encoder_and_step_1, inner_steps=1
    ),
    "reweighted-wake-sleep": METHODS["reweighted-wake-sleep"],
    "wake-sleep": METHODS["wake-sleep"],
}
"""The methods for a family that is not reparameterizable."""

LABEL_METHODS: dict[str, Method] = {
    "bbvi-summed-label": Method(fit_bbvi, "summed-label", by_step_1, inner_steps=2),
    "amortized-summed-label": Method(fit_amortized, "summed-label", by_encoder),
    "semi-amortized-summed-label": Method(
        fit_semi_amortized, "summed-label", by_encoder_and_step_1, inner_steps=2
    ),
    "amortized-sampled-label": Method(fit_amortized, "leave-one-out", by_encoder),
}
"""The methods for a label that can be summed out."""


def estimator_of(method: Method) -> Estimator:
    """The method's estimator of the ELBO's gradient; of one without, that of Step 1 on new data.

    Raises
    ------
    ValueError
        If it is a name that is not in `ESTIMATORS`; an own estimator is given as a function.
    """
    estimator = "reparameterized" if method.estimator is None else method.estimator
    return find(estimator).elbo if isinstance(estimator, str) else estimator


def estimator_name(method: Method) -> str:
    """The name of the estimator that learning uses, for a table."""
    if method.estimator is None:
        return "none"
    if isinstance(method.estimator, str):
        return method.estimator
    return getattr(method.estimator, "__name__", repr(method.estimator)).replace("_", "-")


def _step_1(
    problem: Problem,
    learned: Learned,
    x: Array,
    rng: np.random.Generator,
    settings: Settings,
    lam: Array | None,
    num_steps: int,
) -> Array:
    return step_1(
        problem.model,
        problem.family,
        learned.theta,
        x,
        rng,
        lam=lam,
        estimator=estimator_of(learned.method),
        num_samples=settings.num_samples,
        num_steps=num_steps,
        optimizer=adam(cosine_decay(settings.new_rate, num_steps)),
        progress=False,
        judge=by_course,
    ).lam
