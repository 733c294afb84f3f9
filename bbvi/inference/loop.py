"""The one loop of the three procedures: minibatches, trace, budget, finiteness (floor 4).

A procedure hands over ``step(state, batch, x_batch, target) -> state, estimate``, its Step 1 and
Step 2 on one minibatch; everything else about a run is here.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators.arguments import NotFiniteArgument
from bbvi.inference.counting import Counter
from bbvi.inference.records import NotFiniteError, State
from bbvi.inference.settings import progress_bar
from bbvi.nets import MLP
from bbvi.optimizers import Optimizer, advance, tree_map
from bbvi.threads import cut
from bbvi.types import Array, Estimate, Model, Target, Theta
from bbvi.validation import as_count

Step = Callable[[State, Array, Array, Target], tuple[State, Estimate]]
"""(state, batch (B,) of row numbers, x[batch], its target) -> moved state, the estimate used."""
ENCODED_ROWS = 1024
"""Of a whole data set, encoded at a time."""


def run(
    step: Step,
    state: State,
    model: Model,
    x: Array,
    rng: np.random.Generator,
    *,
    target_of: Callable[[Model, Theta, Array], Target],
    name: str,
    num_steps: int,
    max_evaluations: int | None,
    batch_size: int,
    progress: bool | None,
    callback: Callable[[State], Any] | None,
) -> State:
    """Take ``num_steps`` steps, or fewer when ``max_evaluations`` is reached before."""
    batch_size, num_steps = as_count("batch_size", batch_size), as_count("num_steps", num_steps)
    budget = np.inf if max_evaluations is None else as_count("max_evaluations", max_evaluations)
    done, _, earlier, evaluations = state.trace[-1] if state.trace else (0, 0.0, 0.0, 0)
    counter = Counter(evaluations)
    start = time.perf_counter() - earlier
    for number in progress_bar(range(done + 1, done + 1 + num_steps), name, progress):
        if counter.evaluations >= budget:
            break
        batch, order, position = next_batch(rng, state.order, state.position, batch_size)
        x_batch = x[batch]
        target = counter.watch(target_of(model, state.theta, x_batch))
        try:
            state, estimate = step(state, batch, x_batch, target)
        except NotFiniteArgument as error:
            raise _not_finite(name, "lam", state) from error
        seconds = time.perf_counter() - start
        state.trace.append((number, float(estimate.elbo.mean()), seconds, counter.evaluations))
        state = state._replace(order=order, position=position)
        if callback is not None:
            callback(state)
    return state


def next_batch(
    rng: np.random.Generator, order: Array, position: int, batch_size: int
) -> tuple[Array, Array, int]:
    """The next rows of the running epoch; a new permutation when it is used up."""
    if position >= len(order):
        order, position = rng.permutation(len(order)), 0
    end = min(position + batch_size, len(order))
    return order[position:end], order, end


def copy_state(state: State) -> State:
    """A state that can be moved in place without touching the caller's."""

    def copy(part: Any) -> Any:
        if isinstance(part, tuple):
            return type(part)(*map(copy, part)) if part else part
        return None if part is None else tree_map(np.array, part)

    copied = {name: copy(part) for name, part in state._asdict().items() if name not in _PLAIN}
    return state._replace(**copied, trace=list(state.trace))


_PLAIN = ("position", "trace")


def move_both(
    optimizer: Optimizer, theta_gradient: Theta, phi_gradient: Theta, state: State
) -> State:
    """One step of theta and of phi, each with moments of its own; their arrays are overwritten."""
    theta, theta_moments = advance(optimizer, theta_gradient, state.theta_moments, state.theta)
    phi, phi_moments = advance(optimizer, phi_gradient, state.phi_moments, state.phi)
    return state._replace(
        theta=theta, theta_moments=theta_moments, phi=phi, phi_moments=phi_moments
    )


def mean_gradient(gradient: Theta | None, batch: Array) -> Theta:
    """Per-datapoint mean of a gradient that was summed over a minibatch."""
    return tree_map(lambda g: g / len(batch), gradient or {})


def check_finite(estimate: Estimate, state: State, name: str) -> None:
    """Raise NotFiniteError, holding the state before this step, unless the estimate is finite."""
    found = {"the ELBO": estimate.elbo, "its gradient in lam": estimate.grad}
    found |= {f"its gradient in theta[{k!r}]": v for k, v in (estimate.grad_theta or {}).items()}
    for what, array in found.items():
        # Sums instead of a mask: NaN and infinity survive them, and nothing large is allocated.
        # Sums over the first axis of a matrix are twice as fast as over all of it.
        if not np.isfinite(np.sum(np.sum(array, axis=0))):
            raise _not_finite(name, what, state)


def _not_finite(name: str, what: str, state: State) -> NotFiniteError:
    return NotFiniteError(
        f"{name}: {what} is not finite at step {len(state.trace) + 1}; expected finite numbers. "
        "Try a smaller step size or more samples; .state is the last finite one.",
        state=state,
    )


def encode_all(encoder: MLP, phi: Theta, x: Array, backend: str) -> Array:
    """f_phi(x) of a whole data set, in blocks of rows."""
    blocks = cut(len(x), -(-len(x) // ENCODED_ROWS))
    return np.concatenate([backends.encode(encoder, phi, x[rows], backend)[0] for rows in blocks])
