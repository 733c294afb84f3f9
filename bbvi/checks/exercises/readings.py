"""The checks of readings: numbers that a student reads off a figure, and the figures' curves."""

import math

import numpy as np
from scipy.optimize import brentq

from bbvi.backends import autodiff
from bbvi.checks.exercises.answers import Answer, as_array, call, name_of
from bbvi.checks.mistakes import fail, without_frames
from bbvi.estimators import reparameterized
from bbvi.evaluation.exact import cosine_expectation, linear_gaussian_elbo
from bbvi.families import DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.types import Array

RATES = (0.03, 0.15)
"""The two step sizes of `rate_curves`."""


def frequency_curves(rng: np.random.Generator, k: Array) -> dict[str, Array]:
    """Variance of one sample's d/d mean E[cos kz] at each k: score function and pathwise.

    q = N(m, s^2), m and s from the rng.  E[cos^2 kz eps^2] and E[sin^2 kz] are sums of
    Gaussian moments at the frequency 2 k.
    """
    m, s = rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.6)
    return _variances(np.asarray(k, dtype=float), m, s)


def _variances(k: Array, m: float, s: float) -> dict[str, Array]:
    lam = np.array([[m, math.log(s)]])
    exact = [cosine_expectation(DiagonalGaussian(1), float(one), lam).grad[0, 0] for one in k]
    height = np.cos(2 * k * m) * np.exp(-2 * (k * s) ** 2)  # E[cos 2kz]
    score = 0.5 * (1 + (1 - 4 * (k * s) ** 2) * height) / s**2
    pathwise = 0.5 * k**2 * (1 - height)
    square = np.square(exact)
    return {"score function": score - square, "pathwise": pathwise - square}


def crossing(rng: np.random.Generator) -> float:
    """The k at which the two lines of `frequency_curves` cross."""
    return _crossing(rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.6))


def _crossing(m: float, s: float) -> float:
    def difference(k: float) -> float:
        at = _variances(np.array([k]), m, s)
        return float(at["score function"][0] - at["pathwise"][0])

    return float(brentq(difference, 0.2, 10))


@without_frames
def check_crossing(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``crossing()``: the k at which the two lines of `frequency_curves` cross."""
    m, s = rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.6)
    right = _crossing(m, s)
    height = float(_variances(np.array([right]), m, s)["pathwise"][0])
    table = [
        ("the variance at the crossing: k is on the axis below", height),
        ("the exponent of 10: read the number that stands there", math.log10(right)),
        ("the logarithmic axis was read as an even one", _as_if_even(right)),
        ("the inverse of k", 1 / right),
    ]
    _check_readings(answer, [("k", right, 1.12, table)])


def _as_if_even(value: float) -> float:
    """What an even scale between two powers of ten would show where ``value`` stands."""
    low = math.floor(math.log10(value))
    return 10**low * (1 + 9 * (math.log10(value) - low))


def rate_curves(rng: np.random.Generator) -> Array:
    """log p(x) - ELBO over 120 plain gradient steps of Step 1 with S = 4, (2, 120).

    A mean over 500 copies of one datapoint; the first line has the small step size of `RATES`, the
    second the large one.
    """
    model, family, num = LinearGaussian(1, 2), DiagonalGaussian(1), 500
    theta = {"W": np.array([[1.0], [0.5]]), "b": np.zeros(2), "log_sigma": np.array(0.0)}
    x = np.repeat(np.array([[2.0, 1.5]]) + 0.3 * rng.standard_normal((1, 2)), 2 * num, axis=0)
    target, lam = autodiff.target(model, theta, x), family.init(2 * num) - [[1.5, 0.0]]
    rate, lost = np.repeat(RATES, num)[:, None], []
    log_p = model.log_evidence(theta, x)
    for _ in range(120):
        gap = log_p - linear_gaussian_elbo(model, theta, x, family, lam).elbo
        lost.append(gap.reshape(2, num).mean(axis=1))
        grad = reparameterized(family, target, lam, family.noise(rng, 4, len(lam))).grad
        lam = lam + rate * grad
    return np.array(lost).T


@without_frames
def check_two_rates(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``two_rates()`` -> (step, gap), read off `rate_curves`.

    ``step`` is where the small step size overtakes the large one; ``gap`` is what the large one
    has left to the best ELBO in the end.
    """
    returned = _numbers(answer, 2)
    small, large = rate_curves(rng)
    step = float(np.flatnonzero(small > large)[-1] + 1)
    end, other = float(large[60:].mean()), float(small[-20:].mean())
    steps = [
        ("the last step: the lines cross long before", 120.0),
        ("the step at which the large step size has settled: the other is above it still", 4.0),
        ("the first step", 1.0),
    ]
    gaps = [
        ("that is the small step size's", other),
        ("the gap at the beginning", float(large[0])),
        ("the logarithm to the base 10", math.log10(end)),
        ("the logarithmic axis was read as an even one", _as_if_even(end)),
        ("the gap at the crossing, of the small step size", float(small[int(step) // 2])),
    ]
    _compare(answer, returned, [("step", step, 1.25, steps), ("gap", end, 1.35, gaps)])


@without_frames
def check_samples_by_eye(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``samples_by_eye()``: S at which the standard deviation falls to 0.1, by extrapolation.

    The line is "variance" of the bug "none" in `curves.averaging_runs`: 30 / S, so 3000.
    """
    table = [
        (
            "0.1 was taken for the variance: a standard deviation of 0.1 is a variance of 0.01",
            300.0,
        ),
        ("the factor from the right end of the figure, S = 32: multiply by 32", 3000 / 32),
        ("the standard deviation falls like 1 / sqrt(S), not like 1 / S", 30**0.5 / 0.1),
        ("the variance falls like 1 / S, not like 1 / sqrt(S)", 9e6),
        ("that is the variance at S = 1, or the largest S in the figure: extend the line", 31.0),
        ("the variance is not squared: the line is the variance already", 90000.0),
    ]
    _check_readings(answer, [("S", 3000.0, 1.5, table)])


Reading = tuple[str, float, float, list[tuple[str, float]]]
"""Name, right value, factor within which it is right, and (misreading, its value)."""


def _check_readings(answer: Answer, readings: list[Reading]) -> None:
    _compare(answer, _numbers(answer, len(readings)), readings)


def _numbers(answer: Answer, count: int) -> list[float]:
    name = name_of(answer)
    values = as_array(name, call(answer, {}))
    if values.shape != (() if count == 1 else (count,)):
        fail(
            f"{name} has shape {values.shape}.",
            "it should return one number" if count == 1 else f"it should return {count} numbers",
        )
    return [float(value) for value in values.ravel()]


def _compare(answer: Answer, values: list[float], readings: list[Reading]) -> None:
    """Each value within its factor of the right one, or the nearest misreading."""
    rights = [right for _, right, _, _ in readings]
    if len(values) > 1 and all(_near(a, b, 1.2) for a, b in zip(values, rights[::-1])):
        fail(f"{name_of(answer)} returned {values}.", "the numbers are in the other order")
    for value, (what, right, factor, table) in zip(values, readings):
        if _near(value, right, factor):
            continue
        side = "high" if value > right else "low"
        report = f"{name_of(answer)}: {what} = {value:g} is too {side}."
        if value > 0:
            table = [
                *table,
                ("a power of ten too many", 10 * right),
                ("a power of ten too few", right / 10),
            ]
        for words, wrong in table:
            if _near(value, wrong, 1.1):
                fail(report, words)
        fail(
            report,
            "misread: put a ruler from the line to the axis; on a logarithmic axis equal lengths "
            "are equal factors",
        )


def _near(value: float, other: float, factor: float) -> bool:
    """Of one sign, and apart by less than a factor."""
    return value * other > 0 and abs(math.log(value / other)) < math.log(factor)
