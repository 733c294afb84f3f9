"""The checks of predictions that a student then measures: variances, samples, widths."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array

M = 6
"""Situations for each check: one number typed in does not fit all."""


@without_frames
def check_variance_ratio(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``variance_ratio(mean, sigma)``: score function over pathwise, f(z) = z^2.

    Both variances are those of d/d mean E[z^2] from one sample of N(mean, sigma^2):

        (mean^4 + 14 mean^2 sigma^2 + 15 sigma^4) / sigma^2  and  4 sigma^2.
    """
    mean, sigma = rng.uniform(-2, 2, M), rng.uniform(0.5, 2, M)
    right = _variance_ratio(mean, sigma)
    score, pathwise = 4 * sigma**2 * right, 4 * sigma**2
    table = [
        ("upside down: score function over pathwise is asked for", 1 / right),
        ("the ratio of the standard deviations: its square is that of the variances", right**0.5),
        ("the ratio of the variances, squared", right**2),
        ("the score function's variance alone: divide by the pathwise one, 4 sigma^2", score),
        ("the pathwise variance alone, 4 sigma^2", pathwise),
        ("the difference of the variances: their quotient is asked for", score - pathwise),
        (
            "E[g^2] of the score function: its squared mean, 4 mean^2, is not subtracted",
            (score + 4 * mean**2) / pathwise,
        ),
        (
            "E[g^2] of both: the squared mean, 4 mean^2, is subtracted from neither",
            (score + 4 * mean**2) / (pathwise + 4 * mean**2),
        ),
        (
            "E[g^2] of the pathwise gradient: its squared mean, 4 mean^2, is not subtracted",
            score / (pathwise + 4 * mean**2),
        ),
        (
            "a sigma^2 is missing: 1 / sigma^2 in the squared score, 4 sigma^2 in the divisor",
            right * sigma**2,
        ),
        ("1 / sigma where the squared score has 1 / sigma^2", right * sigma),
        ("the pathwise variance is 4 sigma^2: the 4 is missing in the divisor", score / sigma**2),
        ("the pathwise variance is 4 sigma^2: 2 sigma was not squared", score / (2 * sigma)),
        ("with the best baseline: the plain one is asked for", (8 * mean**2 + 6 * sigma**2)),
        (
            "with the best baseline: the plain one is asked for",
            (8 * mean**2 + 6 * sigma**2) / pathwise,
        ),
        ("the cross terms of (mean + sigma eps)^4 are missing", right - 18 * mean**2 / pathwise),
    ]
    terms = {
        "the term of mean^4": mean**4 / (4 * sigma**4),
        "the term of mean^2 sigma^2 (its factor is 18 - 4 = 14)": 14 * mean**2 / (4 * sigma**2),
        "the term of sigma^4 (its factor is E eps^6 = 15)": np.full(M, 15 / 4),
    }
    suspects = [Suspect(*row) for row in table]
    check_formula(
        answer, {"mean": mean, "sigma": sigma}, _variance_ratio, suspects, terms=terms, sizes={}
    )


def _variance_ratio(mean: Array, sigma: Array) -> Array:
    return (mean**4 + 14 * mean**2 * sigma**2 + 15 * sigma**4) / sigma**2 / (4 * sigma**2)


@without_frames
def check_samples_needed(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``samples_needed(error, num_samples, wanted)``: S (error / wanted)^2.

    ``error`` (M,) is the standard error of a mean of ``num_samples`` draws, ``wanted`` (M,) the
    one to be reached.
    """
    error, S = rng.uniform(0.5, 2, M), int(rng.integers(20, 60))
    wanted = error / rng.uniform(2, 9, M)
    ratio = error / wanted
    table = [
        ("an error falls like 1 / sqrt(S), not like 1 / S: square the quotient", S * ratio),
        ("the root of the quotient, where its square is meant", S * ratio**0.5),
        ("the quotient is upside down: fewer samples for a smaller error", S / ratio**2),
        ("the quotient is upside down, and not squared", S / ratio),
        ("the factor alone: multiply the num_samples of now by it", ratio**2),
        ("those that are missing: num_samples are there already", S * ratio**2 - S),
        ("num_samples was squared too", (S * ratio) ** 2),
        ("the error was taken for a variance of one draw: divide by num_samples once", ratio**2),
        ("error^2 / wanted^2 divided by num_samples: it is multiplied", ratio**2 / S),
        ("wanted is taken for a variance: square it too", S * error**2 / wanted),
        ("error is taken for a variance: square it too", S * error / wanted**2),
        ("the difference of the errors: their quotient counts", S * (error - wanted)),
        ("the log of the quotient, where its square is meant", S * np.log(ratio)),
    ]
    arguments = {"error": error, "num_samples": S, "wanted": wanted}
    sizes = {"S, the number of samples": S}
    check_formula(answer, arguments, _samples_needed, [Suspect(*row) for row in table], sizes=sizes)


def _samples_needed(error: Array, num_samples: int, wanted: Array) -> Array:
    return num_samples * (error / wanted) ** 2


@without_frames
def check_mean_field(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``mean_field(correlation)`` -> (variance, gap) of the best factorized Gaussian q.

    The posterior is a Gaussian in two dimensions with variances 1.  q has the variances
    1 / (precision's diagonal) = 1 - correlation^2; the gap is
    KL(q || p) = -log(1 - correlation^2) / 2, nats.
    """
    r = rng.uniform(0.3, 0.9, M) * rng.choice([-1, 1], M)
    variance, gap = _mean_field(r)
    forward = "that is the q of KL(p || q), with p's own variances: the ELBO's is KL(q || p)"
    suspects = {
        0: [
            (forward, np.ones(M)),
            ("the standard deviation: its square is asked for", variance**0.5),
            ("the precision: its inverse is the variance", 1 / variance),
            ("1 - |correlation|: the correlation is squared", 1 - abs(r)),
            ("1 - correlation: the correlation is squared", 1 - r),
            ("1 + correlation^2: q is narrower than p, not wider", 1 + r**2),
            ("correlation^2 is what q loses of the variance; 1 - correlation^2 is left", r**2),
            ("the gap, where the variance is asked for: return variance, gap", gap),
            ("the variance is squared", variance**2),
        ],
        1: [
            (f"no gap at all: {forward}", np.zeros(M)),
            ("the sign: log p(x) - ELBO is a KL divergence, never negative", -gap),
            ("the factor 1/2: log det of the correlations is halved", 2 * gap),
            ("half of it: both dimensions together lose log(1 / (1 - r^2)) / 2", gap / 2),
            ("log of the standard deviation taken for log of the variance", gap / 2),
            ("1 - |correlation|: the correlation is squared", -0.5 * np.log(1 - abs(r))),
            ("1 - correlation: the correlation is squared", -0.5 * np.log(1 - r)),
            (
                "the KL of independent N(0, 1) from p: q's variances are smaller than 1",
                gap + 1 / variance - 1,
            ),
            ("the variance, where the gap is asked for: return variance, gap", variance),
            ("the logarithm to the base 2: nats are asked for", gap / np.log(2)),
            ("its exponential: nats are logarithms", np.exp(gap)),
        ],
    }
    for part, table in suspects.items():
        rows = [Suspect(*row) for row in table]
        check_formula(answer, {"correlation": r}, _mean_field, rows, part=part, sizes={})


def _mean_field(correlation: Array) -> tuple[Array, Array]:
    return 1 - correlation**2, -np.log(1 - correlation**2) / 2


@without_frames
def check_minibatch_variance(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``minibatch_variance(between, within, num_data, batch, num_samples)``, (M,).

    The gradient of theta is estimated by N times the mean of B datapoints, drawn with replacement,
    each by S samples.  ``between`` is the variance of g_n over datapoints, ``within`` that of one
    sample's g around its g_n:  N^2 / B (between + within / S).
    """
    between, within = rng.uniform(0.5, 2, (2, M))
    N, B, S = 60, 7, 5
    arguments = {
        "between": between,
        "within": within,
        "num_data": N,
        "batch": B,
        "num_samples": S,
    }
    both = between + within / S
    squared = "a factor N makes a variance N^2 times as large"
    reach = "more samples of the same datapoints do not lessen the spread between datapoints"
    table = [
        (f"{squared}: N stands there once", N / B * both),
        (f"{squared}: the mean's variance was not scaled", both / B),
        (f"{reach}: S divides within alone", N**2 / B * (between + within) / S),
        ("S does not divide within", N**2 / B * (between + within)),
        ("S multiplies within, where it divides", N**2 / B * (between + within * S)),
        ("S divides between, and not within", N**2 / B * (between / S + within)),
        (
            "B divides between alone: all B S samples are averaged",
            N**2 * (between / B + within / S),
        ),
        ("B divides within alone: B datapoints are averaged", N**2 * (between + within / B / S)),
        ("between is missing: the datapoints of a minibatch are drawn", N**2 / B * within / S),
        ("within is missing: each datapoint's gradient is an estimate", N**2 / B * between),
        (
            "the factor N / B was squared whole: B terms are summed, their variances add up",
            (N / B) ** 2 * both,
        ),
        ("B multiplies, where the mean of B divides", N**2 * B * both),
        ("B is missing: the mean is over B datapoints", N**2 * both),
        (
            "the square root of S: that is for a standard error",
            N**2 / B * (between + within / S**0.5),
        ),
        ("that is a standard deviation", N * np.sqrt(both / B)),
        *(
            ("(N - B) / N is for draws without replacement", N**2 / B * share * both)
            for share in ((N - B) / (N - 1), (N - B) / N)
        ),
        (
            "standard deviations were added, where variances add up",
            N**2 / B * (between**0.5 + (within / S) ** 0.5) ** 2,
        ),
        (
            "the two variances are multiplied, where independent noises add up",
            N**2 / B * between * within / S,
        ),
    ]
    suspects = [Suspect(*row) for row in table]
    sizes = {
        "N, the number of datapoints": N,
        "B, the size of a minibatch": B,
        "S, the number of samples": S,
    }
    check_formula(answer, arguments, _minibatch_variance, suspects, sizes=sizes)


def _minibatch_variance(
    between: Array, within: Array, num_data: int, batch: int, num_samples: int
) -> Array:
    return num_data**2 / batch * (between + within / num_samples)
