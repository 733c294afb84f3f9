"""The check of the exercise about ancestral sampling."""

import copy

import numpy as np

from bbvi.checks.exercises.answers import (
    Answer,
    call,
    name_of,
)
from bbvi.checks.exercises.sizes import DX, D
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.checks.statistics import mean_of, tolerance
from bbvi.types import Array


@without_frames
def check_ancestral_sampling(answer: Answer, rng: np.random.Generator, num: int = 4000) -> None:
    """Check ``sample(rng, W, b, log_sigma, num)`` of z ~ N(0, I), x ~ N(W z + b, sigma^2 I).

    It returns x (num, Dx) and z (num, D).
    """
    W, b, log_sigma = rng.standard_normal((DX, D)), rng.standard_normal(DX), np.log(0.4)
    settings = {"W": W, "b": b, "log_sigma": log_sigma, "num": num}
    again = copy.deepcopy(rng)
    pair = call(answer, {"rng": rng, **settings})
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        fail(f"{name_of(answer)} did not return two arrays.", "return x, z")
    x, z = (np.asarray(part, dtype=float) for part in pair)
    for name, array, width in (("x", x, DX), ("z", z, D)):
        if array.shape != (num, width):
            fail(
                f"{name} has shape {array.shape} and should have {(num, width)}.",
                "one draw instead of num, or x and z returned in the other order",
            )
    second = call(answer, {"rng": again, **settings})
    if not all(np.array_equal(one, other) for one, other in zip(pair, second)):
        fail("Two runs from the same rng differ.", "np.random instead of the rng that is passed in")
    _require_own_draws("z", z)
    _require_normal("z", z)
    _check_moments("z", z, np.zeros(D), 1.0, [])
    _require_own_dimensions("z", z)
    noise = x - z @ W.T - b
    if np.abs(noise).max() < 1e-9:
        fail("x equals W z + b exactly.", "the noise of p(x | z) is missing")
    _require_own_draws("x - W z - b", noise)
    _require_normal("x - W z - b", noise)
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


def _require_normal(name: str, draws: Array) -> None:
    """Refuse draws that are not Gaussian, uniform ones say, by their fourth moment."""
    standardized = (draws - draws.mean(axis=0)) / draws.std(axis=0)
    fourth = float((standardized**4).mean())
    if np.abs(fourth - 3) < 0.6:
        return
    kind = "uniform" if fourth < 2 else "not Gaussian"
    fail(
        f"The draws of {name} are {kind}: E[z^4] / E[z^2]^2 is {fourth:.2f}, of a Gaussian 3.",
        "rng.random, rng.uniform or another distribution, where rng.standard_normal is meant",
    )


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
