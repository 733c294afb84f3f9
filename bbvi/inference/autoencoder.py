"""The plain autoencoder: the same two networks, without noise and without KL."""

import time

import numpy as np

from bbvi import backends
from bbvi.estimators.elbo import log_likelihood
from bbvi.inference.arguments import (
    begin_with_encoder,
    check_encoder,
    check_optimizers,
    prepare,
    progress_bar,
)
from bbvi.inference.course import Iterates, course, warn_unless_settled
from bbvi.inference.fit import Fit, as_trace
from bbvi.inference.step_parts import check_finite, encode_all, mean_gradient, next_batch
from bbvi.models import DeepLatentModel
from bbvi.optimizers import Optimizer, adam
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimate
from bbvi.validation import as_count, as_steps


def fit_autoencoder(
    model: DeepLatentModel,
    x: Array,
    rng: np.random.Generator,
    *,
    encoder: EncoderLike,
    num_steps: int = 1000,
    batch_size: int = 100,
    optimizer: Optimizer | None = None,
    backend: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """Learn to copy x through a code z = g_phi(x): maximize mean_i log p_theta(x_i | g_phi(x_i)).

    `bbvi.fit_amortized` on the same networks maximizes E_q[log p(x | z)] - KL(q || p(z)); take
    away the KL, and with it the noise of q, and this is left.  Nothing asks the codes to look
    like draws from p(z).

    Parameters
    ----------
    model : DeepLatentModel
        With a standard normal prior, which is not used.
    x : ndarray (N, Dx)
    rng : numpy Generator
        For starting values and minibatches.
    encoder : MLP or ConvNet
        g_phi, from Dx inputs to D outputs: the code itself.
    num_steps, batch_size : int
    optimizer : Optimizer
        For theta and phi, by default ``adam(0.003)``.
    backend, progress
        As for `bbvi.fit_bbvi`.

    Returns
    -------
    Fit
        ``lam`` (N, D) are the codes; ``trace.elbo`` is the mean log p(x | z), with no KL.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    NotFiniteError
        If a gradient is not finite; its ``state`` is the last finite one.

    Notes
    -----
    Permuter Lecture 12, section I, "Auto encoder".
    """
    check_optimizers(optimizer=optimizer)
    x, theta = prepare(model, x, None, rng)
    check_encoder(encoder, x, model.latent_dim, "D, the code")
    num_steps, batch_size = as_steps("num_steps", num_steps), as_count("batch_size", batch_size)
    optimizer = optimizer or adam(0.003)
    backends.resolve(backend, model)
    state = begin_with_encoder(encoder, theta, x, rng, optimizer)
    order, position = state.order, 0
    rows: list[tuple[int, float, float, int]] = []
    phi, theta_moments, phi_moments = state.phi, state.theta_moments, state.phi_moments
    assert phi is not None
    start, iterates = time.perf_counter(), Iterates(num_steps)
    for step in progress_bar(range(1, num_steps + 1), "fit_autoencoder", progress):
        batch, order, position = next_batch(rng, order, position, batch_size)
        z, pullback = backends.encode(encoder, phi, x[batch], backend)
        target = backends.unchecked_target(model, theta, x[batch], backend)
        target = log_likelihood(target, "fit_autoencoder")
        log_p, dz, dtheta = target.value_and_grads(z[None])
        last = state._replace(theta=theta, phi=phi, order=order, position=position, trace=rows)
        check_finite(Estimate(log_p[0], dz[0], dtheta), last, "fit_autoencoder")
        gradient = mean_gradient(dtheta, batch)
        theta, theta_moments = optimizer.update(gradient, theta_moments, theta)
        phi, phi_moments = optimizer.update(pullback(dz[0] / len(batch)), phi_moments, phi)
        rows.append((step, float(log_p.mean()), time.perf_counter() - start, 0))
        iterates.note(step, theta, phi)
    trace = as_trace(rows)
    judged = course(trace.elbo, iterates)
    warn_unless_settled("fit_autoencoder", judged)
    return Fit(theta, phi, encode_all(encoder, phi, x, backend), trace, None, judged)
