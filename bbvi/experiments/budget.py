"""Learning by one method within a budget of evaluations or seconds."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import Method, Settings, estimator_of
from bbvi.experiments.problem import Problem
from bbvi.experiments.user_errors import user_error
from bbvi.experiments.user_integrand import check_entropy
from bbvi.inference import Fit, fixed_budget, known_theta, maximum_likelihood
from bbvi.nets import astype
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Theta
from bbvi.validation import as_count

PILOT_STEPS = 4
"""Steps that tell what one costs."""
PILOT_SHARE = 0.05
"""Of a budget of seconds: so long the steps take at least that tell what one costs."""


def checked(settings: Settings) -> Settings:
    """The settings with whole numbers where counts are expected.

    Raises
    ------
    ValueError
        If a count is below 1, or a step size or time not positive.
    """
    values = settings._asdict()
    for key, value in values.items():
        if key in ("rate", "local_rate", "new_rate", "optimum_rate", "seconds"):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{key} is {value}; expected a positive number.")
        elif value is not None:
            values[key] = as_count(key, value)
    return Settings(**values)


@fixed_budget()
@np.errstate(all="ignore")  # the tables tell what is not finite
def try_methods(problem: Problem, table: Mapping[str, Method], settings: Settings) -> None:
    """Take one step of each method, so that what cannot work is told before the work begins.

    Raises
    ------
    TypeError, ValueError
        As the procedure does, with the method's name: an estimator that the family or S does not
        suit, say.  Of what is raised in a user's file the line is told.
    """
    for name, method in table.items():
        rng = cell_rng(0, {"try": 0})
        theta = astype(problem.model.init(rng), problem.train.x.dtype)
        try:
            fit = _procedure(problem, method, theta, settings, False, False, 1, None)(rng)
            if not isinstance(fit, Fit):
                raise TypeError(
                    f"its procedure returned {type(fit).__name__}; expected the bbvi.Fit that "
                    "bbvi.fit_amortized returns."
                )
            if callable(method.estimator):
                check_entropy(method.estimator, problem.family, settings.num_samples)
        except Exception as error:
            told = user_error(error)
            if told is not None:
                raise ValueError(f"method {name}: {told}") from error
            if type(error) in (TypeError, ValueError):
                raise type(error)(f"method {name}: {error}") from error
            raise


@fixed_budget()
def learn(
    problem: Problem,
    method: Method,
    theta: Theta,
    rng: np.random.Generator,
    settings: Settings,
    progress: bool | None = False,
    known: bool = False,
) -> Fit:
    """Run one procedure until its budget is used up.

    A falling step size has to know how many steps the budget will buy: a few steps beforehand,
    with random numbers of their own, tell what one costs.
    """
    procedure = partial(_procedure, problem, method, theta, settings, known)
    steps, trial_rng = PILOT_STEPS, rng.spawn(1)[0]
    trial = procedure(False, steps, None)(trial_rng).trace
    while settings.seconds is not None and trial.seconds[-1] < PILOT_SHARE * settings.seconds:
        steps *= 2
        trial = procedure(False, steps, None)(trial_rng).trace
    if settings.seconds is not None:
        # The first steps are slower: memory is touched for the first time.
        half = len(trial.step) // 2
        each = (trial.seconds[-1] - trial.seconds[half - 1]) / (len(trial.step) - half)
        return procedure(progress, max(1, round(settings.seconds / each)), None)(rng)
    full = trial.evaluations[0] * _rows_per_batch(len(problem.train.x), settings.batch_size)
    num_steps = max(1, round(settings.evaluations / full))
    return procedure(progress, num_steps, settings.evaluations)(rng)


def _procedure(
    problem: Problem,
    method: Method,
    theta: Theta,
    settings: Settings,
    known: bool,
    progress: bool | None,
    num_steps: int,
    budget: int | None,
) -> Callable[[np.random.Generator], Fit]:
    """The method's procedure, which awaits the rng, with its step sizes or the settings'."""
    rate = method.rate
    if rate is not None and settings.rate is not None:
        rate = settings.rate
    local_rate = method.local_rate if settings.local_rate is None else settings.local_rate
    inner_steps = method.inner_steps if settings.inner_steps is None else settings.inner_steps
    return partial(
        method.procedure,
        problem.model,
        problem.family,
        problem.train.x,
        encoder=problem.encoder,
        estimator=estimator_of(method),
        num_samples=settings.num_samples,
        # One more than the schedule has: the budget ends the run, not the count.
        num_steps=num_steps + (budget is not None),
        max_evaluations=budget,
        batch_size=settings.batch_size,
        inner_steps=inner_steps or 1,
        optimizer=None if rate is None else adam(cosine_decay(rate, num_steps)),
        local_optimizer=adam(local_rate),
        learning=known_theta(theta) if known else maximum_likelihood,
        theta=theta,
        progress=progress,
    )


def _rows_per_batch(num_data: int, batch_size: int) -> float:
    """Mean size of a minibatch, as a share of the first: the last one of an epoch is smaller."""
    return num_data / (min(batch_size, num_data) * -(-num_data // batch_size))
