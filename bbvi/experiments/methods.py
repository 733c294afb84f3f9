"""The methods that `bbvi.experiments.compare` sets side by side (floor 6)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.problem import Problem
from bbvi.inference import Fit, by_course, fit_amortized, fit_bbvi, fit_semi_amortized, step_1
from bbvi.optimizers import adam, cosine_decay
from bbvi.protocols import HasLabels
from bbvi.types import Array, Estimator, Family, Theta


class Settings(NamedTuple):
    """What every method is given alike.

    Attributes
    ----------
    evaluations : int
        Budget of log p(x_n, z) evaluations for learning.
    num_samples, batch_size, inner_steps : int
        S; datapoints per theta step; Step 1's steps per theta step.
    rate, local_rate : float
        Adam's step size for theta and phi, falling to 0 by a cosine; and for lam.
    new_steps, refine_steps : int
        Step 1's steps for a new datapoint: from a cold start, and from the encoder's answer.
    optimum_steps, optimum_rate
        Step 1's steps to the optimum that splits the gap, and their step size.
    test_rows : int
        Held-out rows evaluated, at most.
    """

    evaluations: int = 3_000_000
    num_samples: int = 8
    batch_size: int = 100
    inner_steps: int = 5
    rate: float = 0.01
    local_rate: float = 0.1
    new_steps: int = 300
    refine_steps: int = 20
    optimum_steps: int = 300
    optimum_rate: float = 0.2
    test_rows: int = 10_000


QUICK = Settings(evaluations=400_000, new_steps=200, optimum_steps=200, test_rows=80)


class Method(NamedTuple):
    """One way to infer: a procedure, an estimator's name, and how new data are inferred."""

    procedure: Callable[..., Fit]
    estimator: str
    infer_new: Callable[..., Array]


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
    assert learned.phi is not None
    return backends.encode(problem.encoder, learned.phi, x)[0]


def by_encoder_and_step_1(
    problem: Problem, learned: Learned, x: Array, rng: np.random.Generator, settings: Settings
) -> Array:
    """lam of new data by the encoder, then a few steps of Step 1."""
    start = by_encoder(problem, learned, x, rng, settings)
    return _step_1(problem, learned, x, rng, settings, start, settings.refine_steps)


METHODS: dict[str, Method] = {
    "bbvi-score": Method(fit_bbvi, "score-function", by_step_1),
    "bbvi-leave-one-out": Method(fit_bbvi, "leave-one-out", by_step_1),
    "bbvi-reparameterized": Method(fit_bbvi, "reparameterized", by_step_1),
    "amortized-score": Method(fit_amortized, "score-function", by_encoder),
    "amortized-reparameterized": Method(fit_amortized, "reparameterized", by_encoder),
    "semi-amortized": Method(fit_semi_amortized, "reparameterized", by_encoder_and_step_1),
}
"""The methods of ``bbvi compare``; add a line to compare your own."""

DISCRETE_METHODS: dict[str, Method] = {
    "bbvi-score": METHODS["bbvi-score"],
    "bbvi-leave-one-out": METHODS["bbvi-leave-one-out"],
    "amortized-leave-one-out": Method(fit_amortized, "leave-one-out", by_encoder),
    "semi-amortized-leave-one-out": Method(
        fit_semi_amortized, "leave-one-out", by_encoder_and_step_1
    ),
}
"""The methods for a family that is not reparameterizable."""

LABEL_METHODS: dict[str, Method] = {
    **{
        name: Method(procedure, "summed-label", infer_new)
        for name, procedure, infer_new in (
            ("bbvi-summed-label", fit_bbvi, by_step_1),
            ("amortized-summed-label", fit_amortized, by_encoder),
            ("semi-amortized-summed-label", fit_semi_amortized, by_encoder_and_step_1),
        )
    },
    "amortized-sampled-label": Method(fit_amortized, "leave-one-out", by_encoder),
}
"""The methods for a label that can be summed out."""


def estimator_of(method: Method) -> Estimator:
    """The method's estimator of the ELBO's gradient."""
    return ESTIMATORS[method.estimator].elbo


def evaluations_of(method: Method, family: Family, num_samples: int) -> int:
    """Log-joint evaluations of one gradient of one datapoint."""
    cost, K = (
        ESTIMATORS[method.estimator].cost,
        family.num_labels if isinstance(family, HasLabels) else 1,
    )
    return cost(num_samples, family.latent_dim, family.num_params, K)


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
        optimizer=adam(cosine_decay(settings.local_rate, num_steps)),
        progress=False,
        judge=by_course,
    ).local
