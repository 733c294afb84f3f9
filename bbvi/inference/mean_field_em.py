"""Variational EM by closed-form coordinate updates, where the model is conjugate."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators import reparameterized
from bbvi.inference.fit import Fit, State
from bbvi.inference.learning import Learning, maximum_likelihood, moves_nothing
from bbvi.inference.procedure import begin, run
from bbvi.inference.step_parts import check_finite
from bbvi.optimizers import Optimizer
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Conjugate, Estimate, Estimator, Family, Model, Target, Theta
from bbvi.validation import as_steps, missing_members


def fit_mean_field_em(
    model: Model,
    family: Family,
    x: Array,
    rng: np.random.Generator,
    *,
    encoder: EncoderLike | None = None,
    estimator: Estimator = reparameterized,
    num_samples: int = 8,
    num_steps: int = 100,
    max_evaluations: int | None = None,
    batch_size: int = 100,
    inner_steps: int = 1,
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
    """Learn theta by coordinate ascent on the ELBO: no gradient, no step size, no noise.

    E step, ``inner_steps`` times: each factor of q_i moves to its optimum given the others,

        log q_d(z_d) = E_{other factors}[log p_theta(x_i, z)] + const.

    M step: theta = argmax_theta sum_i E_{q_i}[log p_theta(x_i, z)].

    Only some models have these in closed form; the others are what black-box VI is for.

    Parameters
    ----------
    model : Conjugate
        With ``coordinate_update`` and ``maximize``: `LinearGaussian`, `GaussianMixture`,
        `LinearRegression`, and `LogisticRegression` by Jaakkola and Jordan's bound.
    family
        Gaussian with a diagonal or full covariance; ``Categorical(1, K)`` for the mixture.
    rng : numpy Generator
        For the starting theta and the trace.
    num_samples : int
        Draws for the trace's ELBO of each step; q and theta do not depend on them.
    num_steps, inner_steps : int
        EM iterations over all of x; sweeps over q per iteration.
    max_evaluations : int, optional
        A sweep is counted with the S evaluations of its ELBO.
    learning : Learning
        ``maximum_likelihood``, or ``known_theta(theta)``: then there is no M step.
    encoder, estimator, batch_size, optimizer, local_optimizer, warm_start
        Not used.
    others
        As for `bbvi.fit_bbvi`, which also says what is raised.

    Returns
    -------
    Fit
        ``lam`` is the table, at its optimum for the theta before the last M step.

    Raises
    ------
    TypeError
        If the model or the family has no closed-form updates; the message names what is missing.
    ValueError
        If an argument is not as described.

    Notes
    -----
    Ermon/Grover notes, "Learning latent variable models"; Bishop (2006), section 10.1; Neal and
    Hinton (1998) for EM as coordinate ascent.
    """
    _check_conjugate(model, learning)
    inner_steps = as_steps("inner_steps", inner_steps)
    start = partial(_begin, family)
    begun = begin(
        "fit_mean_field_em",
        model,
        family,
        x,
        rng,
        start,
        estimator=estimator,
        num_samples=num_samples,
        optimizer=None,
        theta=theta,
        learning=learning,
        backend=backend,
        state=state,
    )
    x, S = begun.x, begun.num_samples

    def step(state: State, batch: Array, x_batch: Array, target: Target) -> tuple[State, Estimate]:
        lam = state.lam
        # E step
        for _ in range(inner_steps):
            known = learning.point(state.theta)
            lam = model.coordinate_update(family, known, x, lam)  # type: ignore[attr-defined]
        # M step
        theta = state.theta
        if not moves_nothing(learning):
            theta = model.maximize(family, theta, x, lam)  # type: ignore[attr-defined]
        eps = family.noise(rng, S, len(x), x.dtype)
        z = family.transform(lam[batch], eps)
        elbo = target.value(z).mean(axis=0) + family.entropy(lam[batch])
        estimate = Estimate(elbo, np.zeros_like(lam[batch]), None)
        check_finite(estimate, state, "fit_mean_field_em")
        return state._replace(theta=theta, lam=lam), estimate

    return run(begun, step, num_steps, max_evaluations, len(x), progress, callback)


def _check_conjugate(model: Any, learning: Learning) -> None:
    """Raise unless the E and the M step are known in closed form."""
    if not isinstance(model, Conjugate):
        missing = missing_members(model, ("coordinate_update", "maximize"))
        raise TypeError(
            f"model is {type(model).__name__}, which has no closed-form {' and '.join(missing)}; "
            "expected a conjugate model: LinearGaussian, GaussianMixture, LinearRegression, "
            "LogisticRegression, or one with these two methods (bbvi.types.Conjugate). For any "
            "other model use fit_bbvi or fit_amortized."
        )
    if learning is not maximum_likelihood and not moves_nothing(learning):
        raise ValueError(
            "learning is not maximum_likelihood; expected that, or known_theta(theta): the M step "
            "maximizes in closed form without a prior on theta. With a prior use fit_bbvi."
        )


def _begin(family: Family, theta: Theta, x: Array, optimizer: Optimizer) -> State:
    """The state before the first step: a table of lam in the order of x, and no moments."""
    lam = family.init(len(x)).astype(x.dtype)
    return State(theta, None, lam, None, None, None, np.arange(len(x)), 0, [])
