"""Learned surrogates for RELAX.

c(zeta) = scale f(soften(zeta, temperature)) + v . tanh(W zeta + b) + a, moved down the gradient
of the estimator's own variance.  Its mean is fixed, so that this is the gradient of E[g^2]:

    d/dphi E[g^2] = E[2 g . dg/dphi].

The state is explicit; a call uses what was learned before, and the caller keeps what is learned
after:

    estimate = relax(family, target, lam, eps, surrogate=learned(state))
    state = after(state, family, elbo_integrand(family, target, lam), lam, eps)
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.arguments import check_arguments, check_relaxable
from bbvi.estimators.rebar import Surrogate, softened
from bbvi.optimizers import Optimizer, adam
from bbvi.types import Array, Estimate, Relaxable, Target, Theta
from bbvi.validation import as_count


class SurrogateState(NamedTuple):
    """What RELAX has learned.

    Attributes
    ----------
    params : dict
        scale (), W (P, H), b (H,), v (H,), a ().
    temperature : float
        Of the relaxation inside c; fixed.
    optimizer : Optimizer
        How the parameters move.
    moments : object
        The optimizer's state.
    """

    params: Theta
    temperature: float
    optimizer: Optimizer
    moments: Any


def begin(
    rng: np.random.Generator,
    num_params: int,
    hidden: int = 16,
    temperature: float = 0.5,
    optimizer: Optimizer | None = None,
) -> SurrogateState:
    """A surrogate that starts as REBAR's: scale = 1, v = 0.

    Parameters
    ----------
    rng : Generator
        Draws W.
    num_params, hidden : int
        P of the family, and the number H of hidden units.
    temperature : float
        Of the relaxation.
    optimizer : Optimizer
        By default ``adam(0.01)``.

    Raises
    ------
    ValueError
        If a size is below 1.
    """
    as_count("num_params", num_params)
    as_count("hidden", hidden)
    optimizer = adam(0.01) if optimizer is None else optimizer
    params = {
        "scale": np.ones(()),
        "W": rng.standard_normal((num_params, hidden)) / np.sqrt(num_params),
        "b": np.zeros(hidden),
        "v": np.zeros(hidden),
        "a": np.zeros(()),
    }
    return SurrogateState(params, temperature, optimizer, optimizer.init(params))


def learned(state: SurrogateState) -> Surrogate:
    """The surrogate c of a state, for `bbvi.estimators.relax`."""
    return partial(_surrogate, state=state)


def after(
    state: SurrogateState,
    family: Relaxable,
    f: Target,
    lam: Array,
    eps: Array,
) -> SurrogateState:
    """The state once an estimate has been used: one step down sum_np g_np^2, g of these samples.

    Parameters
    ----------
    state : SurrogateState
        It is not changed.
    family, f, lam, eps
        As in the call of `bbvi.estimators.relax` that used it; f is the target of an expectation,
        for the ELBO ``elbo_integrand(family, target, lam)``.

    Raises
    ------
    TypeError
        If the family cannot be relaxed.

    Notes
    -----
    Grathwohl et al. (2018), section 3.1 and equation 9.
    """
    return estimate_and_learn(state, family, f, lam, eps)[1]


def estimate_and_learn(
    state: SurrogateState,
    family: Relaxable,
    f: Target,
    lam: Array,
    eps: Array,
) -> tuple[Estimate, SurrogateState]:
    """The estimate of ``relax(..., surrogate=learned(state))`` and the state `after` it.

    f is evaluated once at z and once at the relaxed z for both.  Arguments and errors are those
    of `after`.
    """
    check_relaxable(family, "relax")
    check_arguments(family, f, lam, eps)
    zeta = family.perturb(lam, eps)
    z = family.harden(zeta)
    score = family.score(lam, z)
    soft = softened(family, f, zeta, state.temperature)
    c, dc = _network(zeta, soft, state)
    at_z, _, dtheta = f.evaluate(z, dtheta=True)
    weighted = (at_z - c)[..., None] * score
    g = (weighted + family.gap_pullback(lam, zeta, dc)).mean(axis=0)
    # Of sum_np g_np^2: the derivatives in c and in dc/dzeta, mean over the datapoints.
    size = len(eps) * len(lam)
    towards_c = -2 * np.sum(g * score, axis=-1) / size
    towards_dc = 2 * family.gap_pushforward(lam, zeta, g) / size
    uphill = _pullback(zeta, soft, state, towards_c, towards_dc)
    downhill = {key: -value for key, value in uphill.items()}
    params, moments = state.optimizer.update(downhill, state.moments, state.params)
    return Estimate(at_z.mean(axis=0), g, dtheta), state._replace(params=params, moments=moments)


def _surrogate(
    family: Relaxable, f: Target, zeta: Array, state: SurrogateState
) -> tuple[Array, Array]:
    return _network(zeta, softened(family, f, zeta, state.temperature), state)


def _network(zeta: Array, soft: tuple[Array, Array], state: SurrogateState) -> tuple[Array, Array]:
    """c and dc/dzeta from those of REBAR's surrogate."""
    p = {key: value.astype(zeta.dtype) for key, value in state.params.items()}
    c, dc = soft
    h = np.tanh(zeta @ p["W"] + p["b"])
    return (
        p["scale"] * c + h @ p["v"] + p["a"],
        p["scale"] * dc + ((1 - h**2) * p["v"]) @ p["W"].T,
    )


def _pullback(
    zeta: Array,
    soft: tuple[Array, Array],
    state: SurrogateState,
    towards_c: Array,
    towards_dc: Array,
) -> Theta:
    """d/dphi of sum(towards_c * c) + sum(towards_dc * dc/dzeta)."""
    p = {key: value.astype(zeta.dtype) for key, value in state.params.items()}
    c, dc = soft
    h = np.tanh(zeta @ p["W"] + p["b"])
    slope = 1 - h**2
    along = towards_dc @ p["W"]
    dv = towards_c[..., None] * h + slope * along
    inner = p["v"] * slope * (towards_c[..., None] - 2 * h * along)
    dW = _rows(zeta).T @ _rows(inner) + _rows(towards_dc).T @ _rows(p["v"] * slope)
    return {
        "scale": np.sum(towards_c * c) + np.sum(towards_dc * dc),
        "W": dW,
        "b": inner.sum(axis=(0, 1)),
        "v": dv.sum(axis=(0, 1)),
        "a": towards_c.sum(),
    }


def _rows(array: Array) -> Array:
    """(S, N, P) -> (S N, P)."""
    return array.reshape(-1, array.shape[-1])
