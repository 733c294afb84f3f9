"""Monte Carlo EM: posterior samples by Hamiltonian Monte Carlo, then a step on theta."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import reparameterized
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.inference.fit import Fit, State
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.posterior_draws import Chains, sample_posterior, start_chains
from bbvi.inference.procedure import begin, run
from bbvi.inference.step_parts import check_finite, mean_gradient
from bbvi.optimizers import Optimizer, advance, put_rows, take_rows
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_count, as_steps


def fit_monte_carlo_em(
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
    inner_steps: int = 1,
    num_leapfrog: int = 10,
    burn_in: int = 20,
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
    """Learn theta with draws of the true posterior instead of a q.

    E step: ``inner_steps`` Hamiltonian transitions move the S chains of each datapoint of the
    minibatch, which leave p_theta(z | x_i) invariant.

    M step: theta <- theta + rate * d/dtheta mean_i (1/S) sum_s log p_theta(x_i, z_is)

    No family limits what is learnt.  But the chains of a datapoint move only when it is visited,
    and lag behind theta where there are many datapoints.

    Parameters
    ----------
    model : Model
        Differentiable in z.
    family : DiagonalGaussian or FullCovarianceGaussian
        Used for ``lam`` and the trace only: the Gaussian with the chains' mean and variances.
    num_samples : int
        S chains of each datapoint.
    inner_steps, num_leapfrog : int
        Transitions per theta step and leapfrog steps of each.
    burn_in : int
        The first visits of a row, in which its step size is adapted to an acceptance of 0.65.
        Afterwards it follows ever more slowly, because theta, and the posterior with it, goes on
        moving: chains with a step size of long ago would stand still, and theta would follow them.
    optimizer : Optimizer
        For theta, by default ``adam(0.003)``.
    encoder, estimator, local_optimizer, warm_start
        Not used.
    others
        As for `bbvi.fit_bbvi`, which also says what is raised.

    Returns
    -------
    Fit
        ``trace.elbo`` is the ELBO of the Gaussian with the chains' moments, estimated by S draws,
        which are counted; ``lam`` is that Gaussian; ``state.lam_moments`` holds the `Chains`
        with each row's acceptance.

    Notes
    -----
    Kingma and Welling (2014), section 5 and appendix E; Neal (2011) for the transitions.
    """
    _check_gaussian(family)
    inner_steps, burn_in = as_steps("inner_steps", inner_steps), as_steps("burn_in", burn_in)
    L = as_steps("num_leapfrog", num_leapfrog)
    start = partial(_begin, family, as_count("num_samples", num_samples), rng)
    begun = begin(
        "fit_monte_carlo_em",
        *(model, family, x, rng, start),
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
        # E step
        chains = take_rows(state.lam_moments, batch)
        chains = sample_posterior(target, chains, rng, inner_steps, L, burn_in)
        lam = _as_gaussian(family, chains)
        # M step
        _, dtheta = target.value_and_dtheta(np.swapaxes(chains.z, 0, 1))
        estimate = Estimate(_elbo(family, target, lam, rng, S), np.zeros_like(lam), dtheta)
        check_finite(estimate, state, "fit_monte_carlo_em")
        gradient = mean_gradient(dtheta, batch)
        theta, theta_moments = advance(optimizer, gradient, state.theta_moments, state.theta)
        state.lam[batch] = lam
        put_rows(state.lam_moments, batch, chains)
        return state._replace(theta=theta, theta_moments=theta_moments), estimate

    return run(begun, step, num_steps, max_evaluations, batch_size, progress, callback)


def _as_gaussian(family: Any, chains: Chains) -> Array:
    """lam of the Gaussian with the chains' means and variances."""
    mean, variance = chains.moments()
    D = mean.shape[1]
    return family.from_moments(mean, variance[:, :, None] * np.eye(D, dtype=mean.dtype))


def _elbo(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> Array:
    """E_q[log p(x, z)] + H[q] by S draws: (N,)."""
    eps = family.noise(rng, num_samples, len(lam), lam.dtype)
    return target.value(family.transform(lam, eps)).mean(axis=0) + family.entropy(lam)


def _check_gaussian(family: Any) -> None:
    if not isinstance(family, DiagonalGaussian | FullCovarianceGaussian):
        raise TypeError(
            f"family is {type(family).__name__}; expected DiagonalGaussian or "
            "FullCovarianceGaussian: fit_monte_carlo_em reports its draws by a Gaussian with their "
            "moments. Discrete latents have no Hamiltonian transitions."
        )


def _begin(
    family: Family,
    num_chains: int,
    rng: np.random.Generator,
    theta: Theta,
    x: Array,
    optimizer: Optimizer,
) -> State:
    """The state before the first step: chains instead of a table's moments, and no encoder."""
    return State(
        theta=theta,
        theta_moments=optimizer.init(theta),
        lam=family.init(len(x)).astype(x.dtype),
        lam_moments=start_chains(rng, len(x), num_chains, family.latent_dim, x.dtype),
        phi=None,
        phi_moments=None,
        order=rng.permutation(len(x)),
        position=0,
        trace=[],
    )
