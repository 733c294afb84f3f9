"""NVIL: a baseline that a network predicts from x, learned beside the gradient.

    b_n = network(x_n),    learned by least squares on the ELBOs that were seen.

The prediction is made before a call and the network moves after it:

    estimate = score_function(family, target, lam, eps, baseline=constant(predict(state, x)))
    state = after(state, x, estimate.elbo)
"""

from typing import NamedTuple

import numpy as np

from bbvi.backends.autodiff import encode
from bbvi.nets import MLP, astype
from bbvi.optimizers import Optimizer, adam
from bbvi.types import Array, Theta
from bbvi.validation import check_width


class NvilState(NamedTuple):
    """What is learned: a network in standardized units, and those units.

    Attributes
    ----------
    network : MLP
        From Dx inputs to one output.
    params : dict
        Its parameters.
    optimizer : Optimizer
        How they move.
    moments : object
        The optimizer's state.
    center, scale : float
        Running mean and standard deviation of the ELBO: the network's output is
        (ELBO - center) / scale, so that one learning rate serves ELBOs of any size.
    updates : int
        Updates so far.
    """

    network: MLP
    params: Theta
    optimizer: Optimizer
    moments: object
    center: float
    scale: float
    updates: int


def begin(rng: np.random.Generator, network: MLP, optimizer: Optimizer | None = None) -> NvilState:
    """A baseline that predicts 0 for every x until it has seen an ELBO.

    Parameters
    ----------
    rng : Generator
        Draws the network's starting weights.
    network : MLP
        E.g. ``MLP((Dx, 32, 1))``.
    optimizer : Optimizer
        By default ``adam(0.01)``.

    Raises
    ------
    ValueError
        If the network has not one output.
    """
    if network.sizes[-1] != 1:
        raise ValueError(
            f"network.sizes is {network.sizes}; expected one output, the predicted ELBO."
        )
    optimizer = adam(0.01) if optimizer is None else optimizer
    params = network.init(rng)
    return NvilState(network, params, optimizer, optimizer.init(params), 0.0, 0.0, 0)


def predict(state: NvilState, x: Array) -> Array:
    """b = center + scale network(x): x (N, Dx) -> (N,), nats.

    Raises
    ------
    ValueError
        If x has not the network's input width.
    """
    check_width("x", x, state.network.sizes[0], "the baseline network's inputs")
    output = state.network(astype(state.params, x.dtype), x)[:, 0]
    return state.center + state.scale * output


def after(state: NvilState, x: Array, elbo: Array, decay: float = 0.95) -> NvilState:
    """The state once an estimate has been used: one least-squares step towards its ELBOs.

    Parameters
    ----------
    state : NvilState
        It is not changed.
    x : ndarray (N, Dx)
        The data of that call.
    elbo : ndarray (N,)
        ``Estimate.elbo`` of that call.
    decay : float
        Of the running mean and standard deviation.

    Raises
    ------
    ValueError
        If x has not the network's input width.

    Notes
    -----
    Mnih and Gregor (2014), sections 2.3.1-2.3.2.
    """
    check_width("x", x, state.network.sizes[0], "the baseline network's inputs")
    keep = decay if state.updates else 0.0
    center = float(keep * state.center + (1 - keep) * elbo.mean())
    spread = float(np.sqrt(np.mean((elbo - center) ** 2)))
    scale = keep * state.scale + (1 - keep) * spread or 1.0
    x, wanted = x.astype(np.float64), (elbo.astype(np.float64) - center) / scale
    output, pullback = encode(state.network, state.params, x)
    residual = wanted[:, None] - output
    params, moments = state.optimizer.update(
        pullback(residual / len(x)), state.moments, state.params
    )
    return state._replace(
        params=params, moments=moments, center=center, scale=scale, updates=state.updates + 1
    )
