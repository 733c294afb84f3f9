"""What every procedure does around its step: beginning, loop, trace, budget, end.

A ``fit_*`` function writes down its step, with Step 1 and Step 2 in it:

    begun = begin(...)          arguments checked, the starting state drawn
    def step(...): ...          what this procedure is
    return run(begun, step, ...)      the loop, and the `Fit`
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators.arguments import NotFiniteArgument
from bbvi.inference.arguments import (
    begin_with_encoder,
    check_dimensions,
    check_encoder,
    check_parts,
    check_phi,
    prepare,
    progress_bar,
    state_or_start,
)
from bbvi.inference.counting import Counter
from bbvi.inference.course import Iterates, course, warn_unless_settled
from bbvi.inference.fit import Fit, State, as_trace
from bbvi.inference.learning import Learning
from bbvi.inference.step_parts import Step, copy_state, encode_all, next_batch, not_finite
from bbvi.limits import table_shape
from bbvi.optimizers import Optimizer, adam
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimator, Family, Model, Theta
from bbvi.validation import as_count, as_steps

Start = Callable[[Theta, Array, Optimizer], State]
"""(theta, or what Step 2 moves for it, x, its optimizer) -> the state before the first step."""


class Begun(NamedTuple):
    """The arguments of a procedure, checked, and the state to go on from.

    ``encoder`` is None where lam is a table; ``state`` is not the caller's, so that it may be
    moved in place.
    """

    name: str
    model: Model
    x: Array
    rng: np.random.Generator
    learning: Learning
    backend: str
    encoder: Any
    num_samples: int
    optimizer: Optimizer
    state: State


def begin(
    name: str,
    model: Model,
    family: Family,
    x: Array,
    rng: np.random.Generator,
    start: Start,
    *,
    estimator: Estimator,
    num_samples: int,
    optimizer: Optimizer | None,
    theta: Theta | None,
    learning: Learning,
    backend: str,
    state: State | None,
    part: str = "lam",
) -> Begun:
    """Check the arguments of a procedure whose lam is a table, and draw what is not given.

    ``name`` is for messages; ``part`` is what the procedure cannot go on without in a state.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as `bbvi.fit_bbvi` describes it.
    """
    check_parts(family, estimator, optimizer=optimizer)
    if not isinstance(learning, Learning):
        raise TypeError(
            f"learning is {learning!r}; expected how theta is learned: maximum_likelihood, or "
            "maximum_a_posteriori(prior), variational_bayes(prior) or known_theta(theta)."
        )
    theta = state_or_start(state, x, theta, part)
    if state is not None and theta is not None:
        theta = learning.point(theta)
    x, theta = prepare(model, x, theta, rng)
    check_dimensions(model, family)
    S, optimizer = as_count("num_samples", num_samples), optimizer or adam(0.003)
    backends.resolve(backend, model)
    state = start(learning.start(theta), x, optimizer) if state is None else copy_state(state)
    return Begun(name, model, x, rng, learning, backend, None, S, optimizer, state)


def begin_encoded(
    name: str,
    model: Model,
    family: Family,
    x: Array,
    rng: np.random.Generator,
    encoder: EncoderLike | None,
    **shared: Any,
) -> Begun:
    """The same for a procedure whose lam comes from an encoder.

    Raises
    ------
    TypeError, ValueError
        As `begin`; if the encoder does not map x's rows to lam's, or is not the state's.
    """

    def checked(x: Array) -> EncoderLike:
        return check_encoder(encoder, x, family.num_params, "P, the family's parameters")

    def start(theta: Theta, x: Array, optimizer: Optimizer) -> State:
        table_shape(len(x), family.num_params)
        return begin_with_encoder(checked(x), theta, x, rng, optimizer)

    begun = begin(name, model, family, x, rng, start, part="phi", **shared)
    known = checked(begun.x)
    check_phi(known, begun.state.phi or {})
    return begun._replace(encoder=known)


def run(
    begun: Begun,
    step: Step,
    num_steps: int,
    max_evaluations: int | None,
    batch_size: int,
    progress: bool | None,
    callback: Callable[[State], Any] | None,
) -> Fit:
    """Take ``num_steps`` steps, or fewer when ``max_evaluations`` is reached before: a `Fit`.

    Warns
    -----
    NotConvergedWarning
        If the ELBO or the parameters have not settled; ``verdict`` is a `Course`.

    Raises
    ------
    TypeError, ValueError
        If a number of steps, evaluations or rows is not a whole number of at least 1.
    NotFiniteError
        If the step raises it.
    """
    name, model, x, rng, learning, backend, encoder, *_, state = begun
    target_of = learning.wrap(backends.resolve(backend, model).unchecked_target, len(x), rng)
    batch_size, num_steps = as_count("batch_size", batch_size), as_steps("num_steps", num_steps)
    budget = np.inf if max_evaluations is None else as_count("max_evaluations", max_evaluations)
    done, _, earlier, evaluations = state.trace[-1] if state.trace else (0, 0.0, 0.0, 0)
    counter = Counter(evaluations)
    start, iterates = time.perf_counter() - earlier, None
    for number in progress_bar(range(done + 1, done + 1 + num_steps), name, progress):
        if counter.evaluations >= budget:
            break
        batch, order, position = next_batch(rng, state.order, state.position, batch_size)
        x_batch = x[batch]
        target = counter.watch(target_of(model, state.theta, x_batch))
        try:
            state, estimate = step(state, batch, x_batch, target)
        except NotFiniteArgument as error:
            raise not_finite(name, "lam", state) from error
        seconds = time.perf_counter() - start
        state.trace.append((number, float(estimate.elbo.mean()), seconds, counter.evaluations))
        state = state._replace(order=order, position=position)
        if iterates is None:
            each = max(1, counter.evaluations - evaluations)
            iterates = Iterates(int(min(num_steps, np.ceil((budget - evaluations) / each))))
        iterates.note(number - done, state.theta, state.phi)
        if callback is not None:
            callback(state)
    lam = state.lam if encoder is None else encode_all(encoder, state.phi, x, backend)
    trace = as_trace(state.trace)
    judged = course(trace.elbo, iterates)
    warn_unless_settled(name, judged)
    return Fit(learning.point(state.theta), state.phi, lam, trace, state, judged)
