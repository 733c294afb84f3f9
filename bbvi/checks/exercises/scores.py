"""The checks of the exercises about scores: of a Gaussian and of a Bernoulli."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import D, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, mean, log_scale)``: d log q(z) / d(mean, log sigma), (S, N, 2 D).

    z is (S, N, D); mean and log_scale = log sigma are (N, D).
    """
    arguments = {
        "z": rng.standard_normal((S, N, D)),
        "mean": rng.standard_normal((N, D)),
        "log_scale": rng.uniform(0.3, 0.9, (N, D)),
    }
    suspects = _mistakes_of_the_score(**arguments)
    check_formula(answer, arguments, _score, suspects, also=[_score_by_steps])


def _score(z: Array, mean: Array, log_scale: Array) -> Array:
    sigma = np.exp(log_scale)
    return np.concatenate([(z - mean) / sigma**2, ((z - mean) / sigma) ** 2 - 1], axis=-1)


def _score_by_steps(z: Array, mean: Array, log_scale: Array) -> Array:
    standardized = (z - mean) * np.exp(-log_scale)
    in_mean = standardized * np.exp(-log_scale)
    return np.concatenate([in_mean, standardized**2 - 1], axis=-1)


def _mistakes_of_the_score(z: Array, mean: Array, log_scale: Array) -> list[Suspect]:
    sigma, gap = np.exp(log_scale), z - mean
    in_mean, square = gap / sigma**2, (gap / sigma) ** 2

    def both(in_mean: Array = in_mean, in_log_scale: Array = square - 1) -> Array:
        return np.concatenate([in_mean, in_log_scale], axis=-1)

    first_half = [
        ("divide by sigma squared in the mean's part", gap / sigma),
        ("the sign: log q rises towards the mean", -in_mean),
        ("the division by sigma^2 is missing in the mean's part", gap),
        ("multiplied by sigma squared, where it is divided", gap * sigma**2),
        ("divided by sigma^4: sigma^2 is the variance", gap / sigma**4),
        ("a factor 2: the 1/2 of the square cancels it", 2 * in_mean),
        ("a factor 1/2: the square's 2 cancels it", in_mean / 2),
    ]
    second_half = [
        (
            "that is the derivative in sigma; in log sigma it is sigma times as large",
            square / sigma,
        ),
        (
            "that is the derivative in sigma; in log sigma it is sigma times as large",
            (square - 1) / sigma,
        ),
        (
            "that is the derivative in log sigma squared, half of that in log sigma",
            (square - 1) / 2,
        ),
        ("the -1, from the normalizer -log sigma, is missing", square),
        ("the square is missing in the part of log sigma", gap / sigma - 1),
        ("the square is halved: its derivative in log sigma has no 1/2", square / 2 - 1),
        ("the square is doubled: a factor 2 too many", 2 * square - 1),
        ("the -1 has the wrong sign", square + 1),
        ("the sign of log sigma's part", 1 - square),
        ("gap^2 is not divided by sigma^2", gap**2 - 1),
        ("the -1 is -log sigma, differentiated", square - log_scale),
        ("-1/2: the -1 is the derivative of -log sigma", square - 0.5),
        ("that is log q's term, not its derivative", -0.5 * square - log_scale),
    ]
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    return [
        Suspect(forgotten, both(gap / log_scale**2, (gap / log_scale) ** 2 - 1)),
        Suspect("the sign: that is the derivative in z", -both()),
        *(Suspect(mistake, both(in_mean=wrong)) for mistake, wrong in first_half),
        *(Suspect(mistake, both(in_log_scale=wrong)) for mistake, wrong in second_half),
    ]


@without_frames
def check_bernoulli_score(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``score(z, logits)``: d log Bernoulli(z; sigmoid(l)) / dl, (S, N, D).

    z (S, N, D) in {0, 1}; logits (N, D).
    """
    z = rng.integers(0, 2, (S, N, D)).astype(float)
    logits = rng.uniform(0.3, 2, (N, D))
    arguments = {"z": z, "logits": logits}
    check_formula(answer, arguments, _bernoulli_score, _mistakes_of_a_bit(z, logits))


def _bernoulli_score(z: Array, logits: Array) -> Array:
    return z - 1 / (1 + np.exp(-logits))


def _mistakes_of_a_bit(z: Array, logits: Array) -> list[Suspect]:
    p = 1 / (1 + np.exp(-logits)) + 0 * z
    elsewhere = "the product z (1 - z) or p (1 - p) belongs to another formula"
    table = [
        (
            "that is the derivative in the probability: times p (1 - p) it is in the logit",
            (z - p) / (p * (1 - p)),
        ),
        ("logits are not probabilities: the sigmoid is missing", z - logits),
        ("that is log q itself, not its derivative", z * logits + np.log(1 - p)),
        ("only ones contribute: for z = 0 it is -p", z * (1 - p)),
        ("only zeros contribute: for z = 1 it is 1 - p", -(1 - z) * p),
        ("the chain rule was applied twice", (z - p) * p * (1 - p)),
        ("the sign", p - z),
        ("that is a probability: subtract it from z", p),
        ("p (1 - p) is the variance, not the score", p * (1 - p)),
        ("p of -l: 1 / (1 + exp(l)) is the probability of 0", z - (1 - p)),
        ("z + p where z - p is meant", z + p),
        ("z p, where z - p is meant", z * p),
        ("z divided by p: that is the derivative of z log p alone, in p", z / p),
        ("(1 - z) has the wrong sign", z * (1 - p) + (1 - z) * p),
        ("the probability of z, not the derivative of its log", z * p + (1 - z) * (1 - p)),
        ("exp(l) is no probability: divide by 1 + exp(l)", z - np.exp(logits)),
        ("tanh, where the sigmoid is meant", z - np.tanh(logits)),
        ("softplus, where the sigmoid is meant", z - np.log1p(np.exp(logits))),
        (elsewhere, (z - p) * p),
        (elsewhere, (z - p) * (1 - p)),
        ("divided by p alone", (z - p) / p),
        ("divided by 1 - p alone", (z - p) / (1 - p)),
        ("the squared error or its half, not the score", (z - p) ** 2),
        ("z of -1 and 1, where z is 0 or 1", 2 * z - 1 - p),
        (
            "a softmax over the dimensions: each bit has a sigmoid of its own",
            z - np.exp(logits) / np.exp(logits).sum(-1, keepdims=True),
        ),
        ("the sigmoid was applied twice", z - 1 / (1 + np.exp(-p))),
    ]
    return [Suspect(*row) for row in table]
