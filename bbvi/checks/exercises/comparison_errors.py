"""The checks of the exercises about the standard error of a comparison: its axis, and pairs."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array

M, K, N = 4, 5, 7
SIZES = {
    "M, the number of methods or pairs": M,
    "K, the number of seeds": K,
    "N, the number of datapoints": N,
}
"""All differ, so that an axis has a name."""

AS_IF = (
    "all K N numbers taken for independent: the datapoints of one seed share its start, so that "
    "there are only K independent means"
)
OVER_DATA = (
    "the spread over datapoints, where that over seeds is meant: average over the datapoints, "
    "then look how the K means differ"
)
BIASED = "divided by K instead of K - 1: ddof=1, because the mean is estimated too"
UNPAIRED = (
    "unpaired: both methods were run on the same seeds and datapoints, so take the differences "
    "first, and what they have in common cancels"
)
ONE_SEED = "one seed alone: it says nothing about others"


def _scores(rng: np.random.Generator) -> Array:
    """Held-out ELBOs (M, K, N): of the method, plus its seed, plus a datapoint all have."""
    of_data = 3 * rng.standard_normal(N)
    of_seed = 0.5 * rng.standard_normal((M, K, 1))
    return -20 + of_seed + of_data + 0.4 * rng.standard_normal((M, K, N))


@without_frames
def check_seed_error(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``seed_error(y)``: standard error over seeds of each method's mean, (M,), nats.

    y (M, K, N) is the held-out ELBO of M methods at K seeds and N datapoints.

    Raises
    ------
    AssertionError
        With the likely mistake: the wrong axis, one seed, K N numbers taken for independent.
    """
    y = _scores(rng)
    means = y.mean(axis=2)
    sd = means.std(axis=1, ddof=1)
    together = y.reshape(M, K * N).std(axis=1, ddof=1)
    of_data = y.mean(axis=1).std(axis=1, ddof=1)
    sum_rooted = np.sqrt((means.var(axis=1, ddof=1) + y.mean(axis=1).var(axis=1, ddof=1)) / K)
    table = [
        (AS_IF, together / np.sqrt(K * N)),
        (AS_IF, y.reshape(M, K * N).std(axis=1) / np.sqrt(K * N)),
        (f"{AS_IF}; and divided by sqrt(K)", together / np.sqrt(K)),
        (OVER_DATA, of_data / np.sqrt(N)),
        (OVER_DATA, y.mean(axis=1).std(axis=1) / np.sqrt(N)),
        (OVER_DATA, of_data / np.sqrt(K)),
        (OVER_DATA, of_data),
        (OVER_DATA, together / np.sqrt(N)),
        (f"{OVER_DATA} ({ONE_SEED})", y[:, 0].std(axis=1, ddof=1) / np.sqrt(N)),
        (f"{OVER_DATA} ({ONE_SEED})", y[:, 0].std(axis=1) / np.sqrt(N)),
        (f"{OVER_DATA} ({ONE_SEED})", y[:, 0].std(axis=1, ddof=1) / np.sqrt(K)),
        (BIASED, means.std(axis=1) / np.sqrt(K)),
        (BIASED, means.std(axis=1)),
        ("the standard deviation of one seed: the error of the mean is smaller by sqrt(K)", sd),
        ("the variance of one seed's mean: its root is meant, divided by sqrt(K)", sd**2),
        ("the variance of the mean: its square root is the standard error", sd**2 / K),
        ("the variance, where the standard deviation is divided by sqrt(K)", sd**2 / np.sqrt(K)),
        ("divided by K instead of sqrt(K)", sd / K),
        ("1.96 standard errors: the standard error itself is asked for", 1.96 * sd / np.sqrt(K)),
        ("divided by sqrt(N): the mean is over K seeds", sd / np.sqrt(N)),
        ("divided by sqrt(K N): the mean is over K seeds", sd / np.sqrt(K * N)),
        ("divided by sqrt(K - 1): ddof=1 has done that already", sd / np.sqrt(K - 1)),
        ("the root of the spread over seeds and datapoints: seeds alone are asked for", sum_rooted),
        ("the mean, where its error is meant", means.mean(axis=1)),
        *(
            ("the range of the means, where their standard deviation is meant", part)
            for part in (np.ptp(means, axis=1), np.ptp(means, axis=1) / 2)
        ),
        ("the means are squared first", (means**2).std(axis=1, ddof=1) / np.sqrt(K)),
        (
            "the spread over the methods: each method has its own error",
            means.std(axis=0, ddof=1) / np.sqrt(K),
        ),
        (
            "the spread was taken at each datapoint, then averaged: the mean over datapoints is "
            "first",
            (y.std(axis=1, ddof=1) / np.sqrt(K)).mean(axis=1),
        ),
        (OVER_DATA, (y.std(axis=2, ddof=1) / np.sqrt(N)).mean(axis=1)),
        (OVER_DATA, (y.std(axis=2, ddof=1) / np.sqrt(K)).mean(axis=1)),
    ]
    suspects = [Suspect(*row) for row in table]
    check_formula(answer, {"y": y}, _seed_error, suspects, also=[_by_hand], sizes=SIZES)


def _seed_error(y: Array) -> Array:
    return np.std(np.mean(y, axis=2), axis=1, ddof=1) / np.sqrt(y.shape[1])


def _by_hand(y: Array) -> Array:
    means = np.mean(y, axis=2)
    squares = np.sum((means - np.mean(means, axis=1, keepdims=True)) ** 2, axis=1)
    return np.sqrt(squares / (y.shape[1] - 1) / y.shape[1])


@without_frames
def check_paired_error(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``paired_error(a, b)``: the standard error of the mean difference, (M,), nats.

    a and b (M, K, N) are held-out ELBOs of M pairs of methods, at the same K seeds and N
    datapoints.  With d = a - b,

        se^2 = var_k(mean_n d) / K + var_n(mean_k d) / N.

    Raises
    ------
    AssertionError
        With the likely mistake: unpaired where paired is due, one of the two sources alone.
    """
    a, b = _scores(rng), _scores(rng)
    b = b - b.mean(axis=1, keepdims=True) + 0.9 * a.mean(axis=1, keepdims=True)  # as hard for b
    right = _paired_error(a, b)
    over_seeds, over_data = _two_sources(a - b)
    of_a, of_b = _two_sources(a), _two_sources(b)
    one = (a - b)[:, 0].var(axis=1, ddof=1) / N
    flat = (a - b).reshape(M, K * N)
    both = "both sources of error count: another run would have other seeds and other datapoints"
    added = "standard errors were added: their squares add up"
    table = [
        (UNPAIRED, np.sqrt(sum(of_a) + sum(of_b))),
        (UNPAIRED, np.sqrt(of_a[0] + of_b[0])),
        (UNPAIRED, np.sqrt(of_a[1] + of_b[1])),
        (UNPAIRED, np.sqrt(sum(of_a)) + np.sqrt(sum(of_b))),
        (UNPAIRED, np.abs(np.sqrt(sum(of_a)) - np.sqrt(sum(of_b)))),
        (UNPAIRED, np.abs(np.sqrt(of_a[0]) - np.sqrt(of_b[0]))),
        (f"that over seeds alone: {both}", np.sqrt(over_seeds)),
        (f"that over datapoints alone: {both}", np.sqrt(over_data)),
        (ONE_SEED, np.sqrt(one)),
        (AS_IF, flat.std(axis=1, ddof=1) / np.sqrt(K * N)),
        (AS_IF, flat.std(axis=1) / np.sqrt(K * N)),
        (added, np.sqrt(over_seeds) + np.sqrt(over_data)),
        ("that is the variance: its square root is the standard error", right**2),
        ("the variances are not divided by K and N", np.sqrt(over_seeds * K + over_data * N)),
        (
            "the spread was taken first and averaged after: the mean over the other axis is first",
            np.sqrt(
                (a - b).var(axis=1, ddof=1).mean(axis=1) / K
                + (a - b).var(axis=2, ddof=1).mean(axis=1) / N
            ),
        ),
        ("K and N are exchanged", np.sqrt(over_seeds * K / N + over_data * N / K)),
        (
            "divided by K and N instead of K - 1 and N - 1: ddof=1",
            np.sqrt(over_seeds * (K - 1) / K + over_data * (N - 1) / N),
        ),
        (
            "the spread over the pairs too: each pair has its own error",
            np.sqrt((a - b).mean(axis=2).var(ddof=1) / K + over_data),
        ),
        (
            "the spread over the pairs too: each pair has its own error",
            np.sqrt(over_seeds + (a - b).mean(axis=1).var(ddof=1) / N),
        ),
        ("the error of one method alone: a is not compared with b", np.sqrt(sum(of_a))),
        ("the mean difference, where its error is meant", (a - b).mean(axis=(1, 2))),
    ]
    arguments, suspects = {"a": a, "b": b}, [Suspect(*row) for row in table]
    check_formula(answer, arguments, _paired_error, suspects, also=[_from_squares], sizes=SIZES)


def _two_sources(d: Array) -> tuple[Array, Array]:
    """The variance of the mean over seeds and datapoints that comes from each, (M,) both."""
    over_seeds = d.mean(axis=2).var(axis=1, ddof=1) / K
    over_data = d.mean(axis=1).var(axis=1, ddof=1) / N
    return over_seeds, over_data


def _paired_error(a: Array, b: Array) -> Array:
    d = a - b
    over_seeds = np.var(np.mean(d, axis=2), axis=1, ddof=1) / d.shape[1]
    over_data = np.var(np.mean(d, axis=1), axis=1, ddof=1) / d.shape[2]
    return np.sqrt(over_seeds + over_data)


def _from_squares(a: Array, b: Array) -> Array:
    d = a - b
    of_seeds, of_data = np.mean(d, axis=2), np.mean(d, axis=1)
    of_seeds = of_seeds - np.mean(of_seeds, axis=1, keepdims=True)
    of_data = of_data - np.mean(of_data, axis=1, keepdims=True)
    over_seeds = np.sum(of_seeds**2, axis=1) / (d.shape[1] * (d.shape[1] - 1))
    over_data = np.sum(of_data**2, axis=1) / (d.shape[2] * (d.shape[2] - 1))
    return np.sqrt(over_seeds + over_data)
