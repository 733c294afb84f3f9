"""Wake-sleep: theta learns from data, the recognition model phi from dreams."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized
from bbvi.inference.fit import Fit, State
from bbvi.inference.learning import Learning, maximum_likelihood
from bbvi.inference.procedure import begin_encoded, run
from bbvi.inference.step_parts import check_finite, mean_gradient, move_both
from bbvi.optimizers import Optimizer
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimate, Estimator, Family, GenerativeModel, Target, Theta


def fit_wake_sleep(
    model: GenerativeModel,
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
) -> Fit:
    """Learn theta awake, from data and q_phi(z | x), and phi asleep, from dreams of the model.

    Wake:   theta <- theta + rate * d/dtheta mean_i E_{q(z | x_i)}[log p_theta(x_i, z)]

    Sleep:  phi <- phi + rate * d/dphi E_{p_theta(x, z)}[log q_phi(z | x)]

    Asleep, z is known, so that d log q / d lam = ``family.score`` is pulled back through the
    encoder: no gradient of the model is needed, and any family serves.  But the two phases do not
    climb one objective: sleep minimizes KL(p(z | x) || q(z | x)) over *dreamed* x, the reverse of
    the ELBO's divergence and on other data.  Where q cannot be the posterior, theta ends
    elsewhere than the ELBO's optimum.

    Parameters
    ----------
    model : GenerativeModel
        With ``sample``, whose draws are the dreams.
    encoder : MLP or ConvNet
        f_phi, from Dx inputs to P outputs.
    num_samples : int
        S samples of z per datapoint awake, and dreams per datapoint asleep.  A dream is a draw of
        the model, no evaluation of log p, and is not counted: per evaluation wake-sleep does more
        work than its rivals, which its seconds show.
    optimizer : Optimizer
        For theta and for phi, by default ``adam(0.003)``.
    estimator, inner_steps, local_optimizer, warm_start
        Not used: there is no gradient of the ELBO in lam and no Step 1.
    others
        As for `bbvi.fit_bbvi`, which also says what is raised.

    Returns
    -------
    Fit
        ``trace.elbo`` is the ELBO of the wake phase, though no phase climbs it; ``lam`` is
        f_phi(x).

    Notes
    -----
    Hinton, Dayan, Frey and Neal (1995); Kingma and Welling (2014), section 4: the other on-line
    method for the same models.
    """
    begun = begin_encoded(
        "fit_wake_sleep",
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
        # Wake
        lam, _ = backends.encode(encoder, state.phi, x_batch, backend)
        z = family.transform(lam, family.noise(rng, S, len(batch), x.dtype))
        log_p, dtheta = target.value_and_dtheta(z)
        # Sleep
        dreamed, z_dreamed = model.sample(rng, learning.point(state.theta), S * len(batch))
        dreamed = dreamed.astype(x.dtype)
        lam_dreamed, pullback = backends.encode(encoder, state.phi, dreamed, backend)
        score = family.score(lam_dreamed, z_dreamed[None].astype(x.dtype))[0]
        elbo = (log_p - family.log_prob(lam, z)).mean(axis=0)
        estimate = Estimate(elbo, score, dtheta)
        check_finite(estimate, state, "fit_wake_sleep")
        phi_gradient = pullback(score / len(score))
        return move_both(optimizer, mean_gradient(dtheta, batch), phi_gradient, state), estimate

    return run(begun, step, num_steps, max_evaluations, batch_size, progress, callback)
