"""Semi-amortized variational inference: lam starts at f_phi(x), then Step 1 moves it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.inference.arguments import check_optimizers, check_shapes
from bbvi.inference.fit import Fit, State
from bbvi.inference.inner_loop import ascend
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.procedure import begin_encoded, run
from bbvi.inference.step_parts import check_finite, mean_gradient, move_both
from bbvi.optimizers import Optimizer, adam
from bbvi.protocols import EncoderLike
from bbvi.targets import hold_theta
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_steps


def fit_semi_amortized(
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
    """Learn theta and an encoder phi, with Step 1 between them.

    lam_i = f_phi(x_i), then ``inner_steps`` of Step 1 move lam_i; theta is moved at the lam_i that
    Step 1 reached, and phi by the gradient at the lam_i that the encoder gave, which is Step 1's
    first gradient and so costs no further evaluation.

    Parameters
    ----------
    encoder : MLP or ConvNet
        f_phi, from Dx inputs to P outputs.
    optimizer, local_optimizer : Optimizer
        For theta and phi (by default ``adam(0.003)``) and for lam (``adam(0.05)``).
    warm_start
        Not used: the encoder is the start.
    others
        As for `bbvi.fit_bbvi`, which also says what is raised.

    Returns
    -------
    Fit
        ``phi`` is the encoder's parameters; ``lam`` is f_phi(x), from where `bbvi.infer` goes on.

    Notes
    -----
    Hjelm et al. (2016); Kim et al. (2018), without differentiating through Step 1: the encoder is
    taught where to start, not where Step 1 will end.
    """
    check_optimizers(local_optimizer=local_optimizer)
    rows, inner_steps = local_optimizer or adam(0.05), as_steps("inner_steps", inner_steps)
    begun = begin_encoded(
        "fit_semi_amortized",
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
        # Step 1
        held = hold_theta(target)
        moments = rows.init(lam, rows=True)
        lam, _, first = ascend(family, held, lam, rng, estimator, S, rows, moments, inner_steps)
        # Step 2
        eps = family.noise(rng, S, len(batch), x.dtype)
        estimate = estimator(family, target, lam, eps)
        check_finite(estimate, state, "fit_semi_amortized")
        check_shapes(estimate, lam)
        theta_gradient = mean_gradient(estimate.grad_theta, batch)
        phi_gradient = pullback(first.grad / len(batch))
        return move_both(optimizer, theta_gradient, phi_gradient, state), estimate

    return run(begun, step, num_steps, max_evaluations, batch_size, progress, callback)
