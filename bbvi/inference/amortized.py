"""Amortized variational inference: lam = f_phi(x), theta and phi moved together."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.inference.arguments import check_shapes
from bbvi.inference.fit import Fit, State
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.procedure import begin_encoded, run
from bbvi.inference.step_parts import check_finite, mean_gradient, move_both
from bbvi.optimizers import Optimizer
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta


def fit_amortized(
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
    name: str = "fit_amortized",
) -> Fit:
    """Learn theta and an encoder phi jointly; with the pathwise gradient this is the VAE.

    (theta, phi) <- (theta, phi) + rate * d/d(theta, phi) mean_i ELBO(x_i; theta, f_phi(x_i))

    The gradient in phi is the per-datapoint gradient in lam, pulled back through the encoder:
    d ELBO_i / d phi = (d ELBO_i / d lam_i) . (d f_phi(x_i) / d phi).

    Parameters
    ----------
    encoder : MLP or ConvNet
        f_phi, from Dx inputs to P outputs.
    optimizer : Optimizer
        For theta and for phi, by default ``adam(0.003)``.
    inner_steps, local_optimizer, warm_start
        Not used: there is no Step 1.
    name : str
        Of the procedure, in messages: for one that is made of this one.
    others
        As for `bbvi.fit_bbvi`, which also says what is raised.

    Returns
    -------
    Fit
        ``phi`` is the encoder's parameters; ``lam`` is f_phi(x).

    Notes
    -----
    Ermon/Grover notes, "Amortized variational inference"; Kingma and Welling (2014), Algorithm 1;
    Rios, "Inference network gradient"; Swaney lecture, "Amortized optimization".
    """
    begun = begin_encoded(
        name,
        model,
        family,
        x,
        rng,
        encoder,
        estimator=estimator,
        num_samples=num_samples,
        optimizer=optimizer,
        theta=theta,
        learning=learning,
        backend=backend,
        state=state,
    )
    x, S, optimizer, encoder = begun.x, begun.num_samples, begun.optimizer, begun.encoder

    def step(state: State, batch: Array, x_batch: Array, target: Target) -> tuple[State, Estimate]:
        lam, pullback = backends.encode(encoder, state.phi, x_batch, backend)
        eps = family.noise(rng, S, len(batch), x.dtype)
        estimate = estimator(family, target, lam, eps)
        check_finite(estimate, state, name)
        check_shapes(estimate, lam)
        theta_gradient = mean_gradient(estimate.grad_theta, batch)
        phi_gradient = pullback(estimate.grad / len(batch))
        return move_both(optimizer, theta_gradient, phi_gradient, state), estimate

    return run(begun, step, num_steps, max_evaluations, batch_size, progress, callback)
