"""Checks of exercises about scores and gradient estimators."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import SIZES, D, N, S
from bbvi.checks.exercises.mistakes_in_gradients import (
    pathwise_gradient_first,
    pathwise_gradient_further,
    score_first,
    score_further,
    score_gradient_first,
    score_gradient_further,
    score_more,
)
from bbvi.checks.exercises.mistakes_in_gradients_2 import (
    bernoulli_score_first,
    pathwise_gradient_more,
    score_variance_first,
)
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, mean, log_scale)``: d log q(z) / d(mean, log sigma), (S, N, 2 D).

    z is (S, N, D); mean and log_scale = log sigma are (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    z, mean = rng.standard_normal((S, N, D)), rng.standard_normal((N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    sigma, gap = np.exp(log_scale), z - mean

    def both(in_mean: Array, in_log_scale: Array) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1)

    in_mean, in_log_scale = gap / sigma**2, (gap / sigma) ** 2 - 1
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    suspects = [
        *score_first(_halves, both, forgotten, gap, in_log_scale, in_mean, log_scale, sigma),
        *score_further(both, gap, in_log_scale, in_mean, log_scale, sigma),
        *score_more(both, gap, in_log_scale, in_mean, mean, sigma, z),
    ]
    arguments = {"z": z, "mean": mean, "log_scale": log_scale}
    right = both(in_mean, in_log_scale)
    check_answer(answer, arguments, right, suspects, formula=_score, sizes=SIZES)


def _score(z: Array, mean: Array, log_scale: Array) -> Array:
    gap = (z - mean) * np.exp(-log_scale)
    return np.concatenate([gap * np.exp(-log_scale), gap**2 - 1], axis=-1)


def _halves(first: Array, second: Array) -> list[Suspect]:
    """Two halves put together in another way than side by side."""
    interleaved = np.stack([first, second], axis=-1).reshape(*first.shape[:-1], -1)
    mistake = "the halves are interleaved: all of the mean first, then all of log sigma"
    return [
        Suspect(mistake, interleaved),
        Suspect("the two halves are added: put them side by side", first + second),
        Suspect("the two halves are multiplied: put them side by side", first * second),
        Suspect("the first half alone: log sigma's is missing", first),
        Suspect("the second half alone: the mean's is missing", second),
        Suspect("the second half is missing: it is 0", np.concatenate([first, 0 * second], -1)),
        Suspect("the first half is missing: it is 0", np.concatenate([0 * first, second], -1)),
        Suspect("the first half is repeated", np.concatenate([first, first], axis=-1)),
        Suspect("the second half is repeated", np.concatenate([second, second], axis=-1)),
        Suspect(
            "the halves are stacked along a new axis: np.concatenate, axis=-1",
            np.stack([first, second]),
        ),
        Suspect(
            "the halves are stacked along a new axis: np.concatenate, axis=-1",
            np.stack([first, second], axis=-1),
        ),
        Suspect(
            "the halves are stacked along another axis, one above the other: axis=-1",
            np.concatenate([first, second]),
        ),
    ]


@without_frames
def check_score_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``reinforce(f, score)``: (1/S) sum_s f_s d log q(z_s)/dlam, (N, P).

    f is (S, N), the integrand at the samples; score (S, N, P).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Williams (1992); Ermon/Grover notes, "Gradient estimation".
    """
    f, score = rng.standard_normal((S, N)) - 3, rng.standard_normal((S, N, 2 * D))
    terms = f[..., None] * score
    suspects = [
        *score_gradient_first(f, score, terms),
    ]
    suspects += [
        *score_gradient_further(f, S, score, terms),
    ]
    check_answer(
        answer,
        {"f": f, "score": score},
        terms.mean(axis=0),
        suspects,
        formula=lambda f, score: (f[..., None] * score).mean(axis=0),
        sizes=SIZES,
    )


@without_frames
def check_pathwise_gradient(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``pathwise(df_dz, eps, log_scale)``: (1/S) sum_s df/dz . dz/d(mean, log sigma).

    z = mean + sigma eps; df_dz and eps are (S, N, D), log_scale (N, D); the answer is (N, 2 D).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Rios, "Reparametrised gradient estimate"; Kingma and Welling (2014), section 2.4.
    """
    df_dz, eps = rng.standard_normal((2, S, N, D))
    log_scale = rng.uniform(0.3, 0.9, (N, D))
    sigma = np.exp(log_scale)

    def both(in_mean: Array, in_log_scale: Array) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1)

    right = both(df_dz, df_dz * eps * sigma)
    suspects = [
        *pathwise_gradient_first(both, df_dz, eps, log_scale, right, sigma),
        *pathwise_gradient_further(both, D, df_dz, eps, log_scale, right, sigma),
        *pathwise_gradient_more(_halves, both, D, df_dz, right),
    ]
    arguments = {"df_dz": df_dz, "eps": eps, "log_scale": log_scale}
    check_answer(answer, arguments, right.mean(axis=0), suspects, formula=_pathwise, sizes=SIZES)


def _pathwise(df_dz: Array, eps: Array, log_scale: Array) -> Array:
    return np.concatenate([df_dz, df_dz * eps * np.exp(log_scale)], axis=-1).mean(axis=0)


@without_frames
def check_score_variance(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score_variance(mean, sigma, k)``: Var of (z - k)^2 d log q(z)/d mean for one sample.

    q = N(mean, sigma^2); with d = mean - k the answer is a polynomial in d and sigma, divided by
    sigma^2.  All arguments are arrays of one shape.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    mean, sigma, k = rng.standard_normal(6), rng.uniform(0.5, 2, 6), rng.standard_normal(6)
    d = mean - k
    right = (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2
    suspects = [
        *score_variance_first(_score_variance, _wrong_moments, d, k, mean, right, sigma),
    ]
    terms = {
        "the term of d^4": d**4 / sigma**2,
        "the term of d^2 sigma^2 (its factor is 18 - 4 = 14; E eps^4 = 3)": 14 * d**2,
        "the term of sigma^4 (its factor is E eps^6 = 15)": 15 * sigma**2,
    }
    check_answer(
        answer,
        {"mean": mean, "sigma": sigma, "k": k},
        right,
        suspects,
        formula=lambda mean, sigma, k: _score_variance(mean - k, sigma),
        terms=terms,
        sizes=SIZES,
    )


def _score_variance(d: Array, sigma: Array) -> Array:
    return (d**4 + 14 * d**2 * sigma**2 + 15 * sigma**4) / sigma**2


def _wrong_moments(d: Array, sigma: Array) -> Array:
    return (d**4 + 2 * d**2 * sigma**2 + 3 * sigma**4) / sigma**2


@without_frames
def check_bernoulli_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, logits)``: d log Bernoulli(z; sigmoid(l)) / dl, (S, N, D).

    z (S, N, D) in {0, 1}; logits (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    z = rng.integers(0, 2, (S, N, D)).astype(float)
    logits = rng.uniform(0.3, 2, (N, D))
    p = 1 / (1 + np.exp(-logits))
    suspects = [
        Suspect(
            "that is the derivative in the probability: times p (1 - p) it is in the logit",
            (z - p) / (p * (1 - p)),
        ),
        Suspect("logits are not probabilities: the sigmoid is missing", z - logits),
        Suspect("that is log q itself, not its derivative", z * logits + np.log(1 - p)),
        Suspect("only ones contribute: for z = 0 it is -p", z * (1 - p)),
        Suspect("the chain rule was applied twice", (z - p) * p * (1 - p)),
        Suspect("the sign", p - z),
    ]
    suspects += [
        *bernoulli_score_first(logits, p, z),
    ]
    check_answer(
        answer,
        {"z": z, "logits": logits},
        z - p,
        suspects,
        formula=lambda z, logits: z - 1 / (1 + np.exp(-logits)),
        sizes=SIZES,
    )
