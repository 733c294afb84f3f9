"""Checks of exercises about densities, samples and evidence."""

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.exercises.answers import (
    Answer,
    as_array,
    call,
    check_answer,
    name_of,
    require_answer,
)
from bbvi.checks.exercises.mistakes_in_densities import (
    log_normal_first,
    log_normal_further,
    mean_first,
    mean_further,
)
from bbvi.checks.mistakes import Suspect, fail, without_frames
from bbvi.logs import LOG_2PI, log_mean_exp, log_sum_exp
from bbvi.types import Array

S, N, D, DX = 5, 3, 2, 7
SIZES = {
    "S, the number of samples": S,
    "N, the number of datapoints": N,
    "D, the number of dimensions": D,
    "Dx, the number of observed dimensions": DX,
    "P, the number of parameters": 2 * D,
}
LOG_N = float(np.log(N))
ONE_MAXIMUM = (
    "one maximum for everything (or over the wrong axis): each log-sum-exp subtracts its largest "
    "term, as in log_w.max(axis=0), else exp underflows for the others"
)
UNDERFLOW = "exp underflowed to 0: subtract the largest term before exp and add it after the log"
NOT_ADDED = "the largest term was subtracted before exp but not added after the log"


@without_frames
def check_log_normal(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_normal(z, mean, log_scale)``: log N(z; mean, diag(sigma^2)), (S, N), nats.

    z (S, N, D); mean and log_scale = log sigma (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    z, mean = rng.standard_normal((S, N, D)), rng.standard_normal((N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    sigma = np.exp(log_scale)

    def by_entry(scale: Array, log_det: Array, constant: float = LOG_2PI) -> Array:
        return -0.5 * (((z - mean) / scale) ** 2 + constant) - log_det

    right = by_entry(sigma, log_scale)
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    squares = -0.5 * ((z - mean) / sigma) ** 2
    check_answer(
        answer,
        {"z": z, "mean": mean, "log_scale": log_scale},
        right.sum(axis=-1),
        [
            Suspect(forgotten, by_entry(log_scale, log_scale).sum(axis=-1)),
            Suspect(forgotten, by_entry(log_scale, np.log(log_scale)).sum(axis=-1)),
            *_log_normal_slips(z, mean, log_scale),
            Suspect(
                "sigma where sigma squared is meant",
                by_entry(np.sqrt(sigma), log_scale).sum(axis=-1),
            ),
            Suspect(
                "log sigma was taken for log sigma squared",
                by_entry(np.sqrt(sigma), log_scale / 2).sum(axis=-1),
            ),
            Suspect(
                "the constant -0.5 log(2 pi) per dimension is missing",
                by_entry(sigma, log_scale, 0.0).sum(axis=-1),
            ),
            Suspect(
                "the normalizer -log sigma is missing", by_entry(sigma, 0 * sigma).sum(axis=-1)
            ),
            Suspect("log sigma has the wrong sign", by_entry(sigma, -log_scale).sum(axis=-1)),
            Suspect(
                "a mean over the latent dimensions: a product of densities is a sum of logs",
                right.mean(axis=-1),
            ),
            Suspect("a density, where its log is meant", np.exp(right.sum(axis=-1))),
            Suspect("a sum over the wrong axis: sum over the dimensions, axis=-1", right.sum(0)),
            Suspect("no sum over the dimensions: sum over axis=-1", right),
            *reductions(right, -1, "sum"),
        ],
        formula=_log_normal,
        terms={
            "the square -0.5 ((z - mean) / sigma)^2": squares.sum(axis=-1),
            "the normalizer -log sigma": np.tile(-log_scale.sum(axis=-1), (S, 1)),
            "the constant -0.5 D log(2 pi)": np.full((S, N), -0.5 * D * LOG_2PI),
        },
        sizes=SIZES,
    )


def _log_normal(z: Array, mean: Array, log_scale: Array) -> Array:
    squares = ((z - mean) * np.exp(-log_scale)) ** 2
    return np.sum(-0.5 * (squares + LOG_2PI) - log_scale, axis=-1)


def _log_normal_slips(z: Array, mean: Array, log_scale: Array) -> list[Suspect]:
    """Single terms of the log-density gone wrong."""
    squares = ((z - mean) * np.exp(-log_scale)) ** 2
    total = _log_normal(z, mean, log_scale)
    sigma, gap = np.exp(log_scale), (z - mean) * np.exp(-log_scale)
    bare = total + 0.5 * squares.sum(axis=-1)
    multiplied = np.sum(-0.5 * (((z - mean) * np.exp(log_scale)) ** 2 + LOG_2PI) - log_scale, -1)
    return [
        *log_normal_first(
            _log_normal, bare, D, gap, LOG_2PI, log_scale, mean, sigma, squares, total, z
        ),
        *log_normal_further(D, LOG_2PI, log_scale, multiplied, total),
    ]


@without_frames
def check_log_evidence(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_evidence(log_likelihood)``: log (1/S) sum_s p(x | z_s), (S, N) -> (N,), nats.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    log_lik = -4 + rng.standard_normal((S, N))
    suspects = [
        Suspect(
            "the mean of the logs instead of the log of the mean (Jensen: it is a lower bound)",
            log_lik.mean(axis=0),
        ),
        Suspect("log S is missing: the mean is the sum divided by S", log_sum_exp(log_lik)),
        Suspect(NOT_ADDED, log_mean_exp(log_lik) - log_lik.max(axis=0)),
        Suspect("log S has the wrong sign", log_sum_exp(log_lik) + np.log(S)),
        Suspect("a density, where its log is meant", np.exp(log_mean_exp(log_lik))),
        Suspect("the mean over the wrong axis: samples are axis 0", log_mean_exp(log_lik.T)),
        Suspect(
            "log N where log S is meant: divided by the number of datapoints, not of samples",
            log_sum_exp(log_lik) - LOG_N,
        ),
        *mean_slips(log_lik),
    ]
    right = log_mean_exp(log_lik)
    arguments = {"log_likelihood": log_lik}
    check_answer(answer, arguments, right, suspects, formula=log_mean_exp, sizes=SIZES)
    check_far_away(answer, {"log_likelihood": log_lik - 2000}, right - 2000)
    apart = far_apart(N)
    check_far_away(answer, {"log_likelihood": log_lik - apart}, right - apart, ONE_MAXIMUM)


def far_apart(num: int) -> Array:
    """Shifts of the datapoints' log-densities, 800 nats from each to the next."""
    return 2000 + 800.0 * np.arange(num)


def mean_slips(log_w: Array) -> list[Suspect]:
    """What becomes of log (1/S) sum_s exp(log_w), samples on axis 0, by one slip."""
    total, S = log_sum_exp(log_w), len(log_w)
    highest = log_w.max(axis=0)
    rest = total - highest
    return [
        *mean_first(highest, log_mean_exp, log_w, rest, S, total),
        *mean_further(highest, rest, S, total),
    ]


def check_far_away(
    answer: Answer, arguments: dict[str, Array], expected: Array, mistake: str = UNDERFLOW
) -> None:
    """The same formula where the densities are as small as those of a real image."""
    with np.errstate(all="ignore"):
        found = call(answer, arguments)
    if not np.isfinite(as_array(name_of(answer), found)).all():
        fail(f"{name_of(answer)} is not finite where log p is near -2000.", mistake)
    array = as_array(name_of(answer), found)
    what = f"{name_of(answer)} where log p is near -2000"
    if array.shape == np.shape(expected) and not np.allclose(array, expected, rtol=1e-3, atol=1e-3):
        fail(f"{what}: is {array.ravel()[0]:.6g}, should be {np.ravel(expected)[0]:.6g}.", mistake)
    require_answer(what, found, expected, [], mistake)
