"""Parts of a procedure's step: minibatches, states, both moves, finiteness."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.inference.arguments import check_estimate
from bbvi.inference.fit import NotFiniteError, State
from bbvi.optimizers import Optimizer, advance, tree_map
from bbvi.protocols import EncoderLike
from bbvi.threads import cut
from bbvi.types import Array, Estimate, Target, Theta

Step = Callable[[State, Array, Array, Target], tuple[State, Estimate]]
"""(state, batch (B,) of row numbers, x[batch], its target) -> moved state, the estimate used."""
ENCODED_ROWS = 1024
"""Of a whole data set, encoded at a time."""


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
    """Raise NotFiniteError, holding the state before this step, unless the estimate is finite.

    TypeError if it is no estimate.
    """
    check_estimate(estimate)
    values = {"the ELBO": estimate.elbo, "its gradient in lam": estimate.grad}
    values |= {f"its gradient in theta[{k!r}]": v for k, v in (estimate.grad_theta or {}).items()}
    for what, array in values.items():
        # Sums instead of a mask: NaN and infinity survive them, and nothing large is allocated.
        # Sums over the first axis of a matrix are twice as fast as over all of it.
        if not np.isfinite(np.sum(np.sum(array, axis=0))):
            raise not_finite(name, what, state)


def not_finite(name: str, what: str, state: State) -> NotFiniteError:
    """The error of a procedure's step, with the state before it."""
    return NotFiniteError(
        f"{name}: {what} is not finite at step {len(state.trace) + 1}; expected finite numbers. "
        "Try a smaller step size or more samples; .state is the last finite one.",
        state=state,
    )


def encode_all(encoder: EncoderLike, phi: Theta, x: Array, backend: str) -> Array:
    """f_phi(x) of a whole data set, in blocks of rows."""
    blocks = cut(len(x), -(-len(x) // ENCODED_ROWS))
    return np.concatenate([backends.encode(encoder, phi, x[rows], backend)[0] for rows in blocks])
