"""The gradient that a procedure would follow at one moment of its run, again and again.

The procedure itself takes the step, from the same state each time, with a plain gradient step of
size 1 in the place of its optimizer: the parameters then move by the gradient.  So what is measured
is what is used, by any procedure with the signature of `bbvi.fit_bbvi`.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.experiments.methods import Method, estimator_of
from bbvi.experiments.problem import Problem
from bbvi.inference import Fit
from bbvi.inference.fit import State
from bbvi.nets import astype
from bbvi.optimizers import adam, cosine_decay, sgd, take_rows
from bbvi.types import Array, Theta


class Gradient(NamedTuple):
    """One step's gradients as vectors; phi's is None without an encoder."""

    theta: Array
    phi: Array | None


def train_until(
    problem: Problem,
    method: Method,
    start: Theta,
    rng: np.random.Generator,
    step: int,
    last_step: int,
    num_samples: int,
    batch_size: int,
) -> Fit:
    """The first ``step`` steps of a run of ``last_step``, whose step size falls by a cosine.

    Parameters
    ----------
    problem, method
        What is learned, and how; in the dtype of the problem's data.
    start : dict
        theta before the first step.
    rng
        The same generator gives the same run, whatever ``step`` is.
    step, last_step, num_samples, batch_size : int
    """
    fit: Fit = _procedure(problem, method, problem.train.x, num_samples)(
        rng,
        num_steps=step,
        batch_size=batch_size,
        optimizer=None if method.rate is None else adam(cosine_decay(method.rate, last_step)),
        theta=astype(start, problem.train.x.dtype),
    )
    return fit


def gradient_of_step(
    problem: Problem,
    method: Method,
    state: State,
    batch: Array,
    rng: np.random.Generator,
    num_samples: int,
) -> Gradient:
    """What the procedure's next step would follow, if its minibatch were ``batch``.

    Parameters
    ----------
    problem, method, num_samples
        As for `train_until`.
    state : State
        Of the whole training data; it is not changed.
    batch : ndarray (B,) of int
        Rows.
    rng
        For all that is drawn in the step.
    """
    plain, x = sgd(1.0), problem.train.x[batch]
    moments = state.lam_moments
    begun = state._replace(
        theta_moments=plain.init(state.theta),
        phi_moments=None if state.phi is None else plain.init(state.phi),
        lam=None if state.lam is None else state.lam[batch],
        lam_moments=None if moments is None else take_rows(moments, batch),
        order=np.arange(len(batch)),
        position=0,
        trace=[],
    )
    after = _procedure(problem, method, x, num_samples)(
        rng, num_steps=1, batch_size=len(batch), optimizer=plain, state=begun
    ).state
    phi = None if state.phi is None else flat(after.phi) - flat(state.phi)
    return Gradient(flat(after.theta) - flat(state.theta), phi)


def flat(tree: Theta) -> Array:
    """All entries as one vector."""
    return np.concatenate([np.ravel(value) for value in tree.values()])


def _procedure(problem: Problem, method: Method, x: Array, num_samples: int) -> Any:
    return partial(
        method.procedure,
        problem.model,
        problem.family,
        x,
        encoder=problem.encoder,
        estimator=estimator_of(method),
        num_samples=num_samples,
        inner_steps=method.inner_steps or 1,
        local_optimizer=adam(method.local_rate),
        progress=False,
    )
