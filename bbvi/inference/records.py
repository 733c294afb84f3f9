"""What the procedures return, and what they need in order to go on (floor 4)."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.types import Array, Theta


class Trace(NamedTuple):
    """The course of a run, one entry per recorded step.

    Attributes
    ----------
    step : ndarray of int
        Number of theta steps taken (for `infer`: steps of lam).
    elbo : ndarray
        Estimated ELBO per datapoint of the step's minibatch, nats.
    seconds : ndarray
        Time since the start.
    evaluations : ndarray of int
        Evaluations of log p(x_n, z) so far: one per sample and datapoint.
    """

    step: Array
    elbo: Array
    seconds: Array
    evaluations: Array


class State(NamedTuple):
    """All that the next step needs, beside the caller's rng: pass it back to go on.

    Attributes
    ----------
    theta, theta_moments
        Model parameters and their optimizer's state.
    lam, lam_moments
        The table (N, P) of variational parameters and its rows' optimizer state; None where lam
        comes from an encoder.
    phi, phi_moments
        Encoder parameters and their optimizer's state; None without an encoder.
    order, position
        The running epoch's permutation of the datapoints, and how many of it are used.
    trace : list of tuple
        (step, elbo, seconds, evaluations) of each step so far.
    """

    theta: Theta
    theta_moments: Any
    lam: Any
    lam_moments: Any
    phi: Any
    phi_moments: Any
    order: Array
    position: int
    trace: list[tuple[int, float, float, int]]


class Fit(NamedTuple):
    """The outcome of `fit_bbvi`, `fit_amortized`, `fit_semi_amortized` or `infer`.

    Attributes
    ----------
    theta : dict
        Model parameters.
    phi : dict or None
        Encoder parameters.
    local : ndarray (N, P)
        lam of every training datapoint: the table, or what the encoder gives.
    trace : Trace
        ELBO, seconds and log-joint evaluations along the run.
    state : State or None
        Where the run stopped; ``fit_*(..., state=fit.state)`` goes on from there.
    verdict : Verdict or None
        Whether `infer` has converged, and how near q is to the posterior.
    """

    theta: Theta
    phi: Theta | None
    local: Array
    trace: Trace
    state: State | None
    verdict: Any = None


class NotFiniteError(ArithmeticError):
    """A run met NaN or infinity and stopped; ``state`` is its last finite state."""

    def __init__(self, message: str, state: Any) -> None:
        super().__init__(message)
        self.state = state


def as_trace(rows: list[tuple[int, float, float, int]]) -> Trace:
    """Columns from the recorded rows."""
    step, elbo, seconds, evaluations = zip(*rows) if rows else ((), (), (), ())
    return Trace(
        np.array(step, dtype=np.int64),
        np.array(elbo, dtype=np.float64),
        np.array(seconds, dtype=np.float64),
        np.array(evaluations, dtype=np.int64),
    )
