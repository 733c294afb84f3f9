"""Per-datapoint black-box variational inference: lam is a table."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import reparameterized
from bbvi.inference.arguments import check_optimizers, check_shapes
from bbvi.inference.fit import Fit, State
from bbvi.inference.inner_loop import ascend
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.procedure import begin, run
from bbvi.inference.step_parts import check_finite, mean_gradient
from bbvi.optimizers import Optimizer, adam, advance, put_rows, take_rows
from bbvi.protocols import EncoderLike
from bbvi.targets import hold_theta
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_steps


def fit_bbvi(
    model: Model,
    family: Family,
    x: Array,
    rng: np.random.Generator,
    *,
    encoder: EncoderLike | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    num_steps: int = 1000,
    max_evaluations: int | None = None,
    batch_size: int = 100,
    inner_steps: int = 10,
    optimizer: Optimizer | None = None,
    local_optimizer: Optimizer | None = None,
    warm_start: bool = True,
    theta: Theta | None = None,
    learning: Learning = maximum_likelihood,
    backend: str = "auto",
    progress: bool | None = None,
    callback: Callable[[State], Any] | None = None,
    state: State | None = None,
) -> Fit:
    """Learn theta by black-box VI: for each minibatch, Step 1 on its lam, then Step 2 on theta.

    Step 1, ``inner_steps`` times:  lam_i <- lam_i + rate * d ELBO(x_i; theta, lam_i) / d lam_i

    Step 2, once:  theta <- theta + rate * d/dtheta mean_i ELBO(x_i; theta, lam_i)

    Parameters
    ----------
    model, family
        p_theta(x, z) and q_lam(z).
    x : ndarray (N, Dx)
        Training data, float32 or float64; everything is computed in its dtype.
    rng : numpy Generator
        For starting values, minibatches and samples.
    encoder
        Not used: lam is a table.  All procedures take the same arguments.
    estimator : callable
        ``(family, target, lam, eps) -> Estimate``.
    num_samples, num_steps, batch_size, inner_steps : int
        S per gradient; theta steps; datapoints per step; lam steps per theta step.
    max_evaluations : int, optional
        Stop when this many log p(x_n, z) have been evaluated.
    optimizer, local_optimizer : Optimizer
        For theta (by default ``adam(0.003)``) and for lam (``adam(0.05)``).
    warm_start : bool
        Start Step 1 from the row's last lam and moments (True), or anew each time (False).
    theta : dict, optional
        Start; by default ``model.init(rng)``.
    learning : Learning
        Of theta: ``maximum_likelihood``, ``maximum_a_posteriori(prior)`` or
        ``variational_bayes(prior)``.
    backend : {"auto", "kernel", "autodiff"}
        ``"auto"`` takes the kernel where it knows the model.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.
    callback : callable, optional
        Called with the `State` after every step.  The next step moves its table and trace in
        place: write or deep-copy what is to be kept.
    state : State, optional
        Go on from an earlier fit's ``state`` (with the rng as it was then: the same numbers as
        one uninterrupted run).

    Returns
    -------
    Fit
        ``lam`` is the table; rows never visited are as ``family.init`` made them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        If a gradient is not finite; its ``state`` is the last finite one.

    Notes
    -----
    Ermon/Grover notes, "Black-box variational inference"; Ranganath, Gerrish and Blei (2014).
    """
    check_optimizers(local_optimizer=local_optimizer)
    rows, inner_steps = local_optimizer or adam(0.05), as_steps("inner_steps", inner_steps)
    start = partial(_begin, family, rows, rng)
    begun = begin(
        "fit_bbvi",
        model,
        family,
        x,
        rng,
        start,
        estimator=estimator,
        num_samples=num_samples,
        optimizer=optimizer,
        theta=theta,
        learning=learning,
        backend=backend,
        state=state,
    )
    x, S, optimizer = begun.x, begun.num_samples, begun.optimizer

    def step(state: State, batch: Array, x_batch: Array, target: Target) -> tuple[State, Estimate]:
        # Step 1
        held = hold_theta(target)
        lam, moments = _take(state, batch) if warm_start else _anew(family, rows, x_batch)
        lam, moments, _ = ascend(family, held, lam, rng, estimator, S, rows, moments, inner_steps)
        # Step 2
        eps = family.noise(rng, S, len(batch), x.dtype)
        estimate = estimator(family, target, lam, eps)
        check_finite(estimate, state, "fit_bbvi")
        check_shapes(estimate, lam)
        gradient = mean_gradient(estimate.grad_theta, batch)
        theta, theta_moments = advance(optimizer, gradient, state.theta_moments, state.theta)
        state.lam[batch] = lam
        put_rows(state.lam_moments, batch, moments)
        return state._replace(theta=theta, theta_moments=theta_moments), estimate

    return run(begun, step, num_steps, max_evaluations, batch_size, progress, callback)


def _take(state: State, batch: Array) -> tuple[Array, Any]:
    """The batch's rows of lam and of its moments, as they were left."""
    return state.lam[batch], take_rows(state.lam_moments, batch)


def _anew(family: Family, rows: Optimizer, x: Array) -> tuple[Array, Any]:
    """A row of lam and of its moments for each row of x, as at the beginning."""
    lam = family.init(len(x)).astype(x.dtype)
    return lam, rows.init(lam, rows=True)


def _begin(
    family: Family,
    rows: Optimizer,
    rng: np.random.Generator,
    theta: Theta,
    x: Array,
    optimizer: Optimizer,
) -> State:
    """The state before the first step: a table of lam, and no encoder."""
    lam, moments = _anew(family, rows, x)
    return State(
        theta=theta,
        theta_moments=optimizer.init(theta),
        lam=lam,
        lam_moments=moments,
        phi=None,
        phi_moments=None,
        order=rng.permutation(len(x)),
        position=0,
        trace=[],
    )
