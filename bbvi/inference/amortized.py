"""Amortized variational inference: lam = f_phi(x), theta and phi moved together (floor 4)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.loop import (
    check_finite,
    copy_state,
    encode_all,
    mean_gradient,
    move_both,
    run,
)
from bbvi.inference.records import Fit, State, as_trace
from bbvi.inference.settings import (
    begin_with_encoder,
    check_encoder,
    check_parts,
    prepare,
    state_or_start,
)
from bbvi.nets import MLP
from bbvi.optimizers import Optimizer, adam
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_count


def fit_amortized(
    model: Model,
    family: Family,
    x: Array,
    rng: np.random.Generator,
    *,
    encoder: MLP | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    num_steps: int = 1000,
    max_evaluations: int | None = None,
    batch_size: int = 100,
    inner_steps: int = 0,
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
    """Learn theta and an encoder phi jointly; with the pathwise gradient this is the VAE.

    (theta, phi) <- (theta, phi) + rate * d/d(theta, phi) mean_i ELBO(x_i; theta, f_phi(x_i))

    The gradient in phi is the per-datapoint gradient in lam, pulled back through the encoder:
    d ELBO_i / d phi = (d ELBO_i / d lam_i) . (d f_phi(x_i) / d phi).

    Parameters
    ----------
    model, family, x, rng
        As for `bbvi.fit_bbvi`.
    encoder : MLP
        f_phi, from Dx inputs to P outputs.
    estimator, num_samples, num_steps, max_evaluations, batch_size, theta, learning,
    backend
        As for `bbvi.fit_bbvi`.
    optimizer : Optimizer
        For theta and for phi, by default ``adam(0.003)``.
    inner_steps, local_optimizer, warm_start
        Not used here: there is no Step 1.  The three procedures take the same arguments.
    progress, callback, state
        As for `bbvi.fit_bbvi`.

    Returns
    -------
    Fit
        ``phi`` is the encoder's parameters; ``local`` is f_phi(x).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        If a gradient is not finite; its ``state`` is the last finite one.

    Notes
    -----
    Ermon/Grover notes, "Amortized variational inference"; Kingma and Welling (2014), Algorithm 1;
    Rios, "Inference network gradient"; Swaney lecture, "Amortized optimization".
    """
    check_parts(family, estimator, optimizer=optimizer)
    x, theta = prepare(model, x, state_or_start(state, x, theta, "phi"), rng)
    encoder = check_encoder(encoder, family, x)
    S = as_count("num_samples", num_samples)
    optimizer = optimizer or adam(0.003)
    chosen = backends.resolve(backend, model)
    if state is None:
        state = begin_with_encoder(encoder, learning.start(theta), x, rng, optimizer)

    def step(state: State, batch: Array, x_batch: Array, target: Target) -> tuple[State, Estimate]:
        lam, pullback = backends.encode(encoder, state.phi, x_batch, backend)
        eps = family.noise(rng, S, len(batch), x.dtype)
        estimate = estimator(family, target, lam, eps)
        check_finite(estimate, state, "fit_amortized")
        theta_gradient = mean_gradient(estimate.grad_theta, batch)
        phi_gradient = pullback(estimate.grad / len(batch))
        return move_both(optimizer, theta_gradient, phi_gradient, state), estimate

    state = run(
        step,
        copy_state(state),
        model,
        x,
        rng,
        target_of=learning.wrap(chosen.unchecked_target, len(x), rng),
        name="fit_amortized",
        num_steps=num_steps,
        max_evaluations=max_evaluations,
        batch_size=batch_size,
        progress=progress,
        callback=callback,
    )
    theta, lam = learning.point(state.theta), encode_all(encoder, state.phi, x, backend)
    return Fit(theta, state.phi, lam, as_trace(state.trace), state)
