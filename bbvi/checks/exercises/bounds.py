"""Checks of exercises about the ELBO, divergences and bounds."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import (
    DX,
    NOT_ADDED,
    ONE_MAXIMUM,
    SIZES,
    N,
    S,
    check_far_away,
    far_apart,
    log_mean_exp,
    mean_slips,
)
from bbvi.checks.exercises.mistakes_in_bounds import (
    elbo_first,
)
from bbvi.checks.exercises.mistakes_in_bounds_2 import (
    gap_split_first,
    iwae_bound_first,
    posterior_mean_first,
    posterior_mean_further,
)
from bbvi.checks.mistakes import without_frames
from bbvi.types import Array


@without_frames
def check_elbo(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``elbo(log_joint, log_q)``: mean over samples of log p(x, z_s) - log q(z_s), (N,).

    Both arguments are (S, N), nats.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    log_joint, log_q = -8 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    log_w, q = log_joint - log_q, np.exp(log_q)
    again = "weighted by q once more: the samples come from q, a plain mean is its expectation"
    suspects = [
        *elbo_first(again, log_joint, log_mean_exp, log_q, log_w, q),
    ]
    check_answer(
        answer,
        {"log_joint": log_joint, "log_q": log_q},
        log_w.mean(axis=0),
        suspects,
        formula=lambda log_joint, log_q: (log_joint - log_q).mean(axis=0),
        terms={
            "E[log p(x, z)]": log_joint.mean(axis=0),
            "the entropy -E[log q]": -log_q.mean(axis=0),
        },
        sizes=SIZES,
    )


@without_frames
def check_iwae_bound(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``bound(log_joint, log_q)``: log (1/S) sum_s p(x, z_s) / q(z_s), (N,), nats.

    Both arguments are (S, N).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    log_joint, log_q = -6 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    log_w = log_joint - log_q
    right = log_mean_exp(log_w)
    suspects = [
        *iwae_bound_first(
            log_joint, log_mean_exp, log_q, log_w, mean_slips, N, NOT_ADDED, right, S
        ),
    ]
    check_answer(
        answer,
        {"log_joint": log_joint, "log_q": log_q},
        right,
        suspects,
        formula=lambda log_joint, log_q: log_mean_exp(log_joint - log_q),
        sizes=SIZES,
    )
    check_far_away(answer, {"log_joint": log_joint - 2000, "log_q": log_q}, right - 2000)
    apart = far_apart(N)
    shifted = {"log_joint": log_joint - apart, "log_q": log_q}
    check_far_away(answer, shifted, right - apart, ONE_MAXIMUM)


@without_frames
def check_gap_split(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``split(log_evidence, elbo, elbo_optimum)`` -> (approximation, amortization) gaps.

    All are (N,), nats.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Cremer, Li and Duvenaud (2018), section 3.
    """
    log_evidence = -10 + rng.standard_normal(N)
    optimum = log_evidence - rng.uniform(0.2, 1, N)
    elbo = optimum - rng.uniform(0.2, 1, N)
    right = log_evidence - optimum, optimum - elbo
    arguments = {"log_evidence": log_evidence, "elbo": elbo, "elbo_optimum": optimum}
    for part, (own, other) in enumerate((right, right[::-1])):
        suspects = [
            *gap_split_first(elbo, log_evidence, N, optimum, other, own, right),
        ]
        check_answer(
            answer,
            arguments,
            own,
            suspects,
            part=part,
            formula=lambda p, elbo, best, part=part: (p - best, best - elbo)[part],
            sizes=SIZES,
        )


@without_frames
def check_posterior_mean(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``posterior_mean(log_w, values)``: sum_s w_s values_s / sum_s w_s, (N, Dx).

    log_w (S, N) are log weights log p(x, z_s) - log q(z_s); values (S, N, Dx).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    log_w, values = -3 + rng.standard_normal((S, N)), rng.standard_normal((S, N, DX))
    w = np.exp(log_w)[..., None]
    shifted = w / w.max(axis=0)
    bare = "the weights are not normalized: divide by their sum"
    together = "normalized over the datapoints together: each datapoint has its own sum"
    right = (w * values).sum(axis=0) / w.sum(axis=0)
    suspects = [
        *posterior_mean_first(
            _heaviest, _weighted, bare, log_w, right, S, shifted, together, values, w
        ),
        *posterior_mean_further(right, values, w),
    ]
    check_answer(
        answer,
        {"log_w": log_w, "values": values},
        right,
        suspects,
        formula=lambda log_w, values: _weighted(np.exp(log_w)[..., None], values),
        sizes=SIZES,
    )
    check_far_away(answer, {"log_w": log_w - 2000, "values": values}, right)
    check_far_away(answer, {"log_w": log_w - far_apart(N), "values": values}, right, ONE_MAXIMUM)


def _heaviest(log_w: Array, values: Array) -> Array:
    return values[log_w.argmax(axis=0), np.arange(log_w.shape[1])]


def _weighted(w: Array, values: Array) -> Array:
    return (w * values).sum(axis=0) / w.sum(axis=0)
