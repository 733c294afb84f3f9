"""SGD and Adam as init/update pairs; all *ascend*.

A parameter is an array or a flat dict of arrays.  With ``rows=True`` every row of a table has
its own step count beside its own moments, so that the rows of a minibatch can be moved while
all others keep both their values and their moments:

>>> import numpy as np
>>> optimizer = adam(0.1)
>>> lam = np.zeros((5, 2))
>>> state = optimizer.init(lam, rows=True)
>>> batch = np.array([1, 3])
>>> moved, moved_state = optimizer.update(np.ones((2, 2)), take_rows(state, batch), lam[batch])
>>> lam[batch] = moved
>>> put_rows(state, batch, moved_state)
>>> lam[:, 0].round(3).tolist()
[0.0, 0.1, 0.0, 0.1, 0.0]
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi.threads import cut, run_shares, thread_count
from bbvi.types import Array
from bbvi.validation import as_steps

Params = Any
"""An array or a flat dict of arrays."""


class Optimizer(NamedTuple):
    """Functions that move parameters.

    Attributes
    ----------
    init : callable
        (params, rows=False) -> state.
    update : callable
        (grad, state, params) -> params, state, as new arrays.
    overwrite : callable or None
        As ``update``, but the moved params and state overwrite the arrays that came in: for
        loops that own them.  See `advance`.
    """

    init: Callable[..., Any]
    update: Callable[[Params, Any, Params], tuple[Params, Any]]
    overwrite: Callable[[Params, Any, Params], tuple[Params, Any]] | None = None


def advance(optimizer: Optimizer, grad: Params, state: Any, params: Params) -> tuple[Params, Any]:
    """``optimizer.update`` where params and state may be overwritten; faster if it offers that."""
    return (optimizer.overwrite or optimizer.update)(grad, state, params)


class AdamState(NamedTuple):
    """What Adam remembers of the gradients g_1 ... g_t so far.

    Attributes
    ----------
    first, second : array or dict of arrays
        The decayed *sums* sum_k beta^(t - k) g_k and g_k^2.  Divided by the sum of their weights,
        sum_k beta^(t - k) = (1 - beta^t) / (1 - beta), they are Adam's bias-corrected moments.
        The second grows to 1 / (1 - beta2) times g^2, and overflows that much earlier.
    steps : ndarray of int
        t; one per row with ``rows=True``.
    """

    first: Params
    second: Params
    steps: Array


def tree_map(function: Callable[..., Any], *trees: Params) -> Params:
    """Apply a function to arrays, or entry by entry to dicts of arrays."""
    if isinstance(trees[0], dict):
        return {key: function(*(tree[key] for tree in trees)) for key in trees[0]}
    return function(*trees)


def check_gradient(grad: Params, params: Params) -> None:
    """Raise unless a gradient has the names and shapes of what it is to move.

    A shorter one would be broadcast, or leave part of the parameters unwritten.

    Raises
    ------
    ValueError
        If names or shapes differ.
    """
    if type(grad) is type(params) is np.ndarray and grad.shape == params.shape:  # in every step
        return
    if isinstance(params, dict) != isinstance(grad, dict) or (
        isinstance(params, dict) and grad.keys() != params.keys()
    ):
        names = [list(tree) if isinstance(tree, dict) else "one array" for tree in (grad, params)]
        raise ValueError(
            f"the gradient has {names[0]} but the parameters are {names[1]}; expected the same "
            "names. An estimator's grad_theta has one entry for each of theta."
        )
    for key in params if isinstance(params, dict) else [None]:
        g, p = (grad, params) if key is None else (grad[key], params[key])
        if np.shape(g) != np.shape(p):
            where = "" if key is None else f"[{key!r}]"
            raise ValueError(
                f"the gradient{where} has shape {np.shape(g)} but the parameter has shape "
                f"{np.shape(p)}; expected the same. An estimator's grad is (N, P), a row for each "
                "of lam, and grad_theta has theta's shapes."
            )


Rate = float | Callable[[Array], Array]
"""A step size, or a function from the number of the step (1, 2, ...) to the step size."""


def cosine_decay(rate: float, num_steps: int) -> Callable[[Array], Array]:
    """A step size that falls from ``rate`` to 0 over ``num_steps`` along half a cosine.

    A constant step size leaves lam shaking in gradient noise; a falling one lets it settle.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a positive number, or ``num_steps`` not a whole number of at least 1.

    Notes
    -----
    Loshchilov and Hutter (2017), equation 5, without restarts.
    """
    check_rate(rate)
    as_steps("num_steps", num_steps)

    def decayed(count: Array) -> Array:
        return 0.5 * rate * (1 + np.cos(np.pi * np.minimum((count - 1) / num_steps, 1)))

    return decayed


def sgd(rate: float) -> Optimizer:
    """Stochastic gradient ascent: params + rate * grad.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a positive, finite number.
    """
    check_rate(rate)

    def init(params: Params, rows: bool = False) -> tuple[()]:
        return ()

    def update(grad: Params, state: tuple[()], params: Params) -> tuple[Params, tuple[()]]:
        check_gradient(grad, params)
        return tree_map(lambda p, g: p + np.asarray(rate, dtype=p.dtype) * g, params, grad), state

    return Optimizer(init, update)


def adam(rate: Rate, beta1: float = 0.9, beta2: float = 0.999, tiny: float = 1e-8) -> Optimizer:
    """Adam, ascending: params + rate * m_hat / (sqrt(v_hat) + tiny).

    Parameters
    ----------
    rate : float or callable
        The step size, or a function of the step's number such as ``cosine_decay(0.1, 200)``.
    beta1, beta2, tiny : float
        Decay of the first and second moment; guard against division by zero.

    Raises
    ------
    TypeError, ValueError
        If the rate is neither a positive, finite number nor a function, if a decay is outside
        [0, 1), or if ``tiny`` is not positive.

    Notes
    -----
    Kingma and Ba (2015), Algorithm 1.
    """
    if isinstance(rate, type) or not callable(rate):
        check_rate(rate)
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= beta < 1:
            raise ValueError(f"{name} is {beta}; expected a decay in [0, 1), e.g. 0.9.")
    if not tiny > 0:
        raise ValueError(f"tiny is {tiny}; expected a small positive number, e.g. 1e-8.")

    def init(params: Params, rows: bool = False) -> AdamState:
        steps = np.zeros((len(params), 1) if rows else (), dtype=np.int64)
        return AdamState(tree_map(np.zeros_like, params), tree_map(np.zeros_like, params), steps)

    def into(
        moved: tuple[Params, Params, Params], grad: Params, state: AdamState, params: Params
    ) -> tuple[Params, AdamState]:
        """Write the moved first and second sums and parameters into ``moved``."""
        check_gradient(grad, params)
        steps = state.steps + 1
        size = rate(steps) if callable(rate) else rate
        weight1, weight2 = (1 - beta1**steps) / (1 - beta1), (1 - beta2**steps) / (1 - beta2)
        # rate (m / w1) / (sqrt(v / w2) + tiny), with all that is the same for every number apart.
        scale, guard = size * np.sqrt(weight2) / weight1, tiny * np.sqrt(weight2)

        def move(leaf: Leaf, rows: slice) -> None:
            """One chunk, while it is in the cache, through all passes."""
            g, m, v, p, new_m, new_v, new_p = (array[rows] for array in leaf)
            np.multiply(m, beta1, out=new_m)
            new_m += g
            np.multiply(v, beta2, out=new_v)
            step = np.multiply(g, g)
            new_v += step
            np.sqrt(new_v, out=step)
            step += _rows_of(guard, rows, p.dtype)
            np.divide(new_m, step, out=step)
            step *= _rows_of(scale, rows, p.dtype)
            np.add(p, step, out=new_p)

        trees = (grad, state.first, state.second, params, *moved)
        in_chunks(move, leaves_of(trees, by_rows=steps.ndim > 0))
        return moved[2], AdamState(moved[0], moved[1], steps)

    def update(grad: Params, state: AdamState, params: Params) -> tuple[Params, AdamState]:
        new = (tree_map(np.empty_like, tree) for tree in (state.first, state.second, params))
        return into(tuple(new), grad, state, params)

    def overwrite(grad: Params, state: AdamState, params: Params) -> tuple[Params, AdamState]:
        return into((state.first, state.second, params), grad, state, params)

    return Optimizer(init, update, overwrite)


Leaf = tuple[Array, ...]
CHUNK = 2**17
"""Numbers in a chunk: shorter passes are dominated by their calls, longer ones leave the cache."""
BYTES_EACH = 2**19
"""Of parameters in a thread's share, below which waking it costs more than it brings."""


def leaves_of(trees: tuple[Params, ...], by_rows: bool) -> list[Leaf]:
    """The arrays of several trees side by side, as flat views where that can be.

    Not where each row has its own step count, nor where flattening would copy.
    """
    keys = list(trees[-1]) if isinstance(trees[-1], dict) else [None]
    leaves = [tuple(tree if key is None else tree[key] for tree in trees) for key in keys]
    return [
        leaf
        if by_rows or not all(array.flags.c_contiguous for array in leaf)
        else tuple(array.reshape(-1) for array in leaf)
        for leaf in leaves
    ]


def in_chunks(move: Callable[[Leaf, slice], None], leaves: list[Leaf]) -> None:
    """Apply ``move`` to all chunks of all leaves, where they are many on several threads."""
    chunks = [
        (leaf, rows)
        for leaf in leaves
        for rows in cut(len(leaf[0]), max(1, -(-leaf[0].size // CHUNK)))
    ]

    def work(share: Sequence[tuple[Leaf, slice]]) -> None:
        for leaf, rows in share:
            move(leaf, rows)

    threads = sum(leaf[0].nbytes for leaf in leaves) // BYTES_EACH
    if threads < 2:
        work(chunks)
    else:
        threads = min(threads, thread_count(None))
        run_shares(work, [chunks[share::threads] for share in range(threads)])


def _rows_of(factor: Any, rows: slice, dtype: Any) -> Array:
    """A factor of all rows, or the part of one factor per row, in this dtype."""
    return np.asarray(factor[rows] if np.ndim(factor) else factor, dtype=dtype)


def take_rows(state: Any, rows: Array) -> Any:
    """The optimizer state of some rows of a table."""
    return type(state)(*(leaf[rows] for leaf in state)) if state else state


def put_rows(state: Any, rows: Array, moved: Any) -> None:
    """Write the state of some rows back into the table's state."""
    for leaf, value in zip(state, moved):
        leaf[rows] = value


def check_rate(rate: Any) -> None:
    """Raise unless a step size is a positive, finite number."""
    if not isinstance(rate, int | float | np.number):
        raise TypeError(
            f"rate is {rate!r} ({type(rate).__name__}); expected a positive step size, e.g. 0.01."
        )
    if not 0 < rate < np.inf:
        raise ValueError(f"rate is {rate}; expected a positive step size, e.g. 0.01.")
