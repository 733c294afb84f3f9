"""Tables of mistakes for the checks of `gradients`, continued."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def pathwise_gradient_more(
    halves: Any,
    both: Any,
    D: Any,
    df_dz: Any,
    right: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of pathwise gradient, part 3."""
    return [
        Suspect(
            "summed over the samples in one half, averaged in the other",
            np.concatenate([df_dz.mean(0), right[..., D:].sum(0)], -1),
        ),
        Suspect(
            "summed over the samples in one half, averaged in the other",
            np.concatenate([df_dz.sum(0), right[..., D:].mean(0)], -1),
        ),
        Suspect(
            "log sigma's part minus 1: f is all there is", both(df_dz, right[..., D:] - 1).mean(0)
        ),
        *halves(df_dz.mean(axis=0), right[..., D:].mean(axis=0)),
        *reductions(right, 0, "mean"),
    ]


def score_variance_first(
    score_variance: Any,
    wrong_moments: Any,
    d: Any,
    k: Any,
    mean: Any,
    right: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score variance, part 1."""
    return [
        Suspect("the squared mean (2 d)^2 is not subtracted: that is E[g^2]", right + 4 * d**2),
        Suspect("that is the pathwise estimator's variance", 4 * sigma**2),
        Suspect("the division by sigma^2, from the score, is missing", right * sigma**2),
        Suspect("d = mean - k: the mean was used", score_variance(mean, sigma)),
        Suspect("that is a standard deviation", np.sqrt(right)),
        Suspect("that is the variance with the best baseline", 8 * d**2 + 6 * sigma**2),
        Suspect(
            "(d + sigma eps)^4 has cross terms, 6 d^2 sigma^2 eps^2 among them",
            (d**4 + 15 * sigma**4) / sigma**2 - 4 * d**2,
        ),
        Suspect("the sixth moment of eps is 15, the fourth 3", wrong_moments(d, sigma)),
        Suspect("that is the estimator's mean, 2 d", 2 * d),
        Suspect("that is the squared mean, 4 d^2", 4 * d**2),
        Suspect("divided by sigma: the score's 1/sigma is squared", right * sigma),
        Suspect("divided by sigma^4: that forgets the sigma of z - mean", right / sigma**2),
        Suspect("d = mean + k: it is mean - k", score_variance(mean + k, sigma)),
        Suspect("the mean was subtracted without its square", right + 4 * d**2 - 2 * d),
        Suspect("(2 d)^2 is 4 d^2: a factor is wrong in the squared mean", right + 2 * d**2),
        Suspect("the squared mean is subtracted twice", right - 4 * d**2),
        Suspect("the squared mean is added, where it is subtracted", right + 8 * d**2),
        Suspect(
            "the cross term: 2 d sigma eps, squared, is 4 d^2 sigma^2 eps^2", right - 12 * d**2
        ),
        Suspect("sigma was taken for sigma^2", score_variance(d, np.sqrt(sigma))),
        Suspect("sigma^2 was taken for sigma", score_variance(d, sigma**2)),
        Suspect("d^2 where d^4 is meant", right + (d**2 - d**4) / sigma**2),
        Suspect(
            "sigma^2 where sigma^4 is meant, or sigma where sigma^2", right + 15 - 15 * sigma**2
        ),
    ]


def bernoulli_score_first(
    logits: Any,
    p: Any,
    z: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of bernoulli score, part 1."""
    return [
        Suspect("that is a probability: subtract it from z", np.broadcast_to(p, z.shape)),
        Suspect("p (1 - p) is the variance, not the score", np.broadcast_to(p * (1 - p), z.shape)),
        Suspect("p of -l: 1 / (1 + exp(l)) is the probability of 0", z - (1 - p)),
        Suspect("z + p where z - p is meant", z + p),
        Suspect("z p, where z - p is meant", z * p),
        Suspect("z divided by p: that is the derivative of z log p alone, in p", z / p),
        Suspect("(1 - z) has the wrong sign", z * (1 - p) + (1 - z) * p),
        Suspect("only zeros contribute: for z = 1 it is 1 - p", -(1 - z) * p),
        Suspect("the probability of z, not the derivative of its log", z * p + (1 - z) * (1 - p)),
        Suspect("the log-probability, not its derivative", z * np.log(p) + (1 - z) * np.log(1 - p)),
        Suspect("exp(l) is no probability: divide by 1 + exp(l)", z - np.exp(logits)),
        Suspect("tanh, where the sigmoid is meant", z - np.tanh(logits)),
        Suspect("log p where p is meant", z - np.log(p)),
        Suspect("softplus, where the sigmoid is meant", z - np.log1p(np.exp(logits))),
        Suspect("the product z (1 - z) or p (1 - p) belongs to another formula", (z - p) * p),
        Suspect("the product z (1 - z) or p (1 - p) belongs to another formula", (z - p) * (1 - p)),
        Suspect("divided by p alone", (z - p) / p),
        Suspect("divided by 1 - p alone", (z - p) / (1 - p)),
        Suspect("the squared error or its half, not the score", (z - p) ** 2),
        Suspect("z of -1 and 1, where z is 0 or 1", 2 * z - 1 - p),
        Suspect(
            "a softmax over the dimensions: each bit has a sigmoid of its own",
            z - np.exp(logits) / np.exp(logits).sum(-1, keepdims=True),
        ),
        Suspect("the sigmoid was applied twice", z - 1 / (1 + np.exp(-p))),
        *reductions(z - p, (), "sum"),
    ]
