"""The checks of the exercises about weighted samples: log evidence, IWAE bound, posterior mean."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.log_mean_exp import (
    NOT_THE_LARGEST,
    ONE_MAXIMUM,
    check_far_away,
    far_apart,
    far_apart_samples,
    log_mean_exp_mistakes,
    stable_log_mean_exp,
)
from bbvi.checks.exercises.sizes import DX, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.logs import log_mean_exp
from bbvi.types import Array


@without_frames
def check_log_evidence(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_evidence(log_likelihood)``: log (1/S) sum_s p(x | z_s), (S, N) -> (N,), nats."""
    log_lik = -4 + rng.standard_normal((S, N))
    right = log_mean_exp(log_lik)
    suspects = [
        Suspect(
            "the mean of the logs instead of the log of the mean (Jensen: it is a lower bound)",
            log_lik.mean(axis=0),
        ),
        Suspect("a density, where its log is meant", np.exp(right)),
        *log_mean_exp_mistakes(log_lik),
    ]
    arguments = {"log_likelihood": log_lik}
    check_formula(answer, arguments, _log_evidence, suspects, also=[stable_log_mean_exp])
    check_far_away(answer, {"log_likelihood": log_lik - 2000}, right - 2000)
    apart = far_apart(N)
    check_far_away(answer, {"log_likelihood": log_lik - apart}, right - apart, ONE_MAXIMUM)
    uneven = {"log_likelihood": log_lik - far_apart_samples(S)[:, None]}
    check_far_away(answer, uneven, log_mean_exp(uneven["log_likelihood"]), NOT_THE_LARGEST)


def _log_evidence(log_likelihood: Array) -> Array:
    return np.log(np.mean(np.exp(log_likelihood), axis=0))


@without_frames
def check_iwae_bound(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``bound(log_joint, log_q)``: log (1/S) sum_s p(x, z_s) / q(z_s), (N,), nats.

    Both arguments are (S, N).

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    log_joint, log_q = -6 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    log_w = log_joint - log_q
    right = log_mean_exp(log_w)
    suspects = [
        Suspect(
            "the mean of the logs is the ELBO: the logarithm belongs outside the mean",
            log_w.mean(axis=0),
        ),
        Suspect("the weights are p / q: log q has the wrong sign", log_mean_exp(log_joint + log_q)),
        Suspect("log q is missing", log_mean_exp(log_joint)),
        Suspect("that is the exponential: the log of the mean weight is meant", np.exp(right)),
        Suspect("q where log q is meant", log_mean_exp(log_joint - np.exp(log_q))),
        Suspect(
            "the log of a quotient of means, where the mean of the quotients is meant",
            log_mean_exp(log_joint) - log_mean_exp(log_q),
        ),
        Suspect("weighted by q once more: the samples come from q", log_mean_exp(log_w + log_q)),
        Suspect(
            "the weighted mean of the log weights, where the log of their mean is meant",
            _posterior_mean(log_w, log_w[..., None])[:, 0],
        ),
        *log_mean_exp_mistakes(log_w),
    ]
    arguments = {"log_joint": log_joint, "log_q": log_q}
    check_formula(answer, arguments, _iwae_bound, suspects, also=[_stable_bound])
    check_far_away(answer, {"log_joint": log_joint - 2000, "log_q": log_q}, right - 2000)
    apart = far_apart(N)
    shifted = {"log_joint": log_joint - apart, "log_q": log_q}
    check_far_away(answer, shifted, right - apart, ONE_MAXIMUM)
    uneven = {"log_joint": log_joint - far_apart_samples(S)[:, None], "log_q": log_q}
    check_far_away(answer, uneven, _stable_bound(**uneven), NOT_THE_LARGEST)


def _iwae_bound(log_joint: Array, log_q: Array) -> Array:
    return np.log(np.mean(np.exp(log_joint - log_q), axis=0))


def _stable_bound(log_joint: Array, log_q: Array) -> Array:
    log_w = log_joint - log_q
    highest = np.max(log_w, axis=0)
    return highest + np.log(np.sum(np.exp(log_w - highest), axis=0)) - np.log(len(log_w))


@without_frames
def check_posterior_mean(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``posterior_mean(log_w, values)``: sum_s w_s values_s / sum_s w_s, (N, Dx).

    log_w (S, N) are log weights log p(x, z_s) - log q(z_s); values (S, N, Dx).
    """
    log_w, values = -3 + rng.standard_normal((S, N)), rng.standard_normal((S, N, DX))
    arguments = {"log_w": log_w, "values": values}
    suspects = _mistakes_of_the_mean(log_w, values)
    check_formula(answer, arguments, _posterior_mean, suspects, also=[_stable_mean])
    right = _posterior_mean(log_w, values)
    check_far_away(answer, {**arguments, "log_w": log_w - 2000}, right)
    check_far_away(answer, {**arguments, "log_w": log_w - far_apart(N)}, right, ONE_MAXIMUM)
    uneven = {**arguments, "log_w": log_w - far_apart_samples(S)[:, None]}
    check_far_away(answer, uneven, _stable_mean(**uneven), NOT_THE_LARGEST)


def _posterior_mean(log_w: Array, values: Array) -> Array:
    w = np.exp(log_w)[..., None]
    return np.sum(w * values, axis=0) / np.sum(w, axis=0)


def _stable_mean(log_w: Array, values: Array) -> Array:
    w = np.exp(log_w - np.max(log_w, axis=0))[..., None]
    return np.sum(w * values, axis=0) / np.sum(w, axis=0)


def _over_datapoints(log_w: Array, values: Array) -> Array:
    w = np.exp(log_w - log_w.max(axis=0))[..., None]
    return np.sum(w * values / w.sum(axis=1, keepdims=True), axis=0)


def _mistakes_of_the_mean(log_w: Array, values: Array) -> list[Suspect]:
    w = np.exp(log_w)[..., None]
    weighted, right = w * values, _posterior_mean(log_w, values)
    bare = "the weights are not normalized: divide by their sum"
    together = "normalized over the datapoints together: each datapoint has its own sum"
    over_datapoints = "normalized over the datapoints: samples are axis 0"
    one_set = "one set of weights for all datapoints"
    heaviest = values[log_w.argmax(axis=0), np.arange(N)]
    shared = np.log(w[..., 0].mean(axis=1, keepdims=True))
    table: list[tuple[str, Array]] = [
        ("the weights are not used", values.mean(axis=0)),
        (over_datapoints, (weighted / w.sum(axis=1, keepdims=True)).sum(axis=0)),
        (over_datapoints, (weighted / w.sum(axis=1, keepdims=True)).mean(axis=0)),
        (f"{over_datapoints}, each after its largest", _over_datapoints(log_w, values)),
        ("log weights used as weights", (log_w[..., None] * values).sum(0) / log_w.sum(0)[:, None]),
        ("1 / w: the sign of log_w is wrong", _posterior_mean(-log_w, values)),
        ("divided by S: divide by the sum of the weights", right / S),
        ("divided by S a second time", right * S),
        ("the values of the largest weight alone", heaviest),
        ("the median, where the weighted mean is meant", np.median(values, axis=0)),
        ("divided by the sum of the values", weighted.sum(axis=0) / values.sum(axis=0)),
        ("no sum over the samples (axis 0)", weighted / w.sum(axis=0)),
        (one_set, _posterior_mean(np.broadcast_to(shared, log_w.shape), values)),
        (one_set, _posterior_mean(np.broadcast_to(log_w[:, :1], log_w.shape), values)),
    ]
    for v in (w, w / w.max(axis=0)):
        table += [
            (bare, (v * values).sum(axis=0)),
            (bare, (v * values).mean(axis=0)),
            (together, (v * values).sum(axis=0) / v.sum()),
        ]
    for wrong in (
        weighted.sum((0, 1)) / w.sum(),
        weighted.sum((0, 1)),
        right.sum(0),
        right.mean(0),
    ):
        table.append(("summed over the datapoints too: each has its own image", wrong))
    return [Suspect(*row) for row in table]
