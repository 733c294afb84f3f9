"""Checks of exercises about densities, samples and evidence (floor 5)."""

import copy

import numpy as np

from bbvi.checks.evidence import mean_of, tolerance
from bbvi.checks.exercises.answers import (
    Answer,
    as_array,
    call,
    check_answer,
    name_of,
    require_answer,
)
from bbvi.checks.verdicts import Suspect, fail, require_close, without_frames
from bbvi.logs import LOG_2PI, log_mean_exp, log_sum_exp
from bbvi.types import Array

S, N, D, DX = 5, 3, 2, 7
LOG_N = float(np.log(N))
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
        ],
    )


def _log_normal_slips(z: Array, mean: Array, log_scale: Array) -> list[Suspect]:
    """Single terms of the log-density gone wrong."""
    squares = ((z - mean) * np.exp(-log_scale)) ** 2
    total = np.sum(-0.5 * (squares + LOG_2PI) - log_scale, axis=-1)
    multiplied = np.sum(-0.5 * (((z - mean) * np.exp(log_scale)) ** 2 + LOG_2PI) - log_scale, -1)
    return [
        Suspect("the factor 1/2 of the square is missing", total - 0.5 * squares.sum(axis=-1)),
        Suspect("multiplied by sigma, where it is divided", multiplied),
        Suspect(
            "the constant -0.5 log(2 pi) belongs to every dimension, not once",
            total + 0.5 * (D - 1) * LOG_2PI,
        ),
        Suspect(
            "log sigma was summed over the datapoints too: sum over axis=-1",
            total + log_scale.sum(axis=-1) - log_scale.sum(),
        ),
    ]


@without_frames
def check_ancestral_sampling(answer: Answer, rng: np.random.Generator, num: int = 4000) -> None:
    """Check ``sample(rng, W, b, log_sigma, num)`` of z ~ N(0, I), x ~ N(W z + b, sigma^2 I).

    It returns x (num, Dx) and z (num, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    W, b, log_sigma = rng.standard_normal((DX, D)), rng.standard_normal(DX), np.log(0.4)
    settings = {"W": W, "b": b, "log_sigma": log_sigma, "num": num}
    again = copy.deepcopy(rng)
    found = call(answer, {"rng": rng, **settings})
    if not (isinstance(found, tuple | list) and len(found) == 2):
        fail(f"{name_of(answer)} did not return two arrays.", "return x, z")
    x, z = (np.asarray(part, dtype=float) for part in found)
    for name, array, width in (("x", x, DX), ("z", z, D)):
        if array.shape != (num, width):
            fail(
                f"{name} has shape {array.shape} and should have {(num, width)}.",
                "one draw instead of num, or x and z returned in the other order",
            )
    second = call(answer, {"rng": again, **settings})
    if not all(np.array_equal(one, other) for one, other in zip(found, second)):
        fail("Two runs from the same rng differ.", "np.random instead of the rng that is passed in")
    _require_own_draws("z", z)
    _check_moments("z", z, np.zeros(D), 1.0, [])
    _require_own_dimensions("z", z)
    noise = x - z @ W.T - b
    if np.abs(noise).max() < 1e-9:
        fail("x equals W z + b exactly.", "the noise of p(x | z) is missing")
    _require_own_draws("x - W z - b", noise)
    spread = W @ W.T
    if np.abs(np.corrcoef(z.T, noise.T)[:D, D:]).max() > 0.15:
        fail(
            "x - W z - b depends on z.",
            "x was made from another z than the one returned, or without W z",
        )
    variance = np.exp(2 * log_sigma)
    _check_moments(
        "x - W z - b",
        noise,
        np.zeros(DX),
        variance,
        [
            Suspect("sigma for log sigma: np.exp(log_sigma) is missing", log_sigma**2),
            Suspect("sigma squared where sigma is meant", variance**2),
            Suspect("the square root of sigma where sigma is meant", np.sqrt(variance)),
            Suspect("noise of standard deviation 1: sigma is missing", np.ones(())),
        ],
        extra=float(np.diagonal(spread).mean()),
    )
    _require_own_dimensions("x - W z - b", noise)


def _require_own_draws(name: str, draws: Array) -> None:
    if (draws.std(axis=0) < 1e-9).any():
        fail(f"{name} is the same in every draw.", "one draw was used num times: draw (num, width)")


def _require_own_dimensions(name: str, draws: Array) -> None:
    correlation = np.corrcoef(draws.T) - np.eye(draws.shape[1])
    if np.abs(correlation).max() > 0.15:
        fail(
            f"The columns of {name} are correlated.",
            "one number was drawn for several dimensions: draw (num, width)",
        )


def _check_moments(
    name: str,
    draws: Array,
    mean: Array,
    variance: float,
    suspects: list[Suspect],
    extra: float = 0.0,
) -> None:
    """Compare mean and variance of centred draws within five standard errors."""
    average = mean_of(draws)
    require_close(
        f"mean of {name}",
        average.value,
        mean,
        tolerance(average, mean),
        otherwise="a term of the mean is missing",
    )
    squares = mean_of((draws**2).mean(axis=1))
    at_hand = [*suspects, Suspect("W z is missing or counted twice", np.asarray(variance + extra))]
    nearest = min(at_hand, key=lambda s: abs(float(s.consequence) - float(squares.value)))
    cause = nearest.mistake if suspects else "z is not drawn from the prior N(0, I)"
    limit = tolerance(squares, np.asarray(variance))
    require_close(f"variance of {name}", squares.value, variance, limit, otherwise=cause)


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
            "divided by the number of datapoints, not of samples", log_sum_exp(log_lik) - LOG_N
        ),
    ]
    check_answer(answer, {"log_likelihood": log_lik}, log_mean_exp(log_lik), suspects)
    check_far_away(answer, {"log_likelihood": log_lik - 2000}, log_mean_exp(log_lik) - 2000)


def check_far_away(answer: Answer, arguments: dict[str, Array], expected: Array) -> None:
    """The same formula where the densities are as small as those of a real image."""
    with np.errstate(all="ignore"):
        found = call(answer, arguments)
    if not np.isfinite(as_array(name_of(answer), found)).all():
        fail(f"{name_of(answer)} is not finite where log p is near -2000.", UNDERFLOW)
    require_answer(f"{name_of(answer)} where log p is near -2000", found, expected, [], UNDERFLOW)
