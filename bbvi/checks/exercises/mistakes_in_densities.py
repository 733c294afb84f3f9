"""Tables of mistakes for the checks of `densities`."""

from typing import Any

import numpy as np

from bbvi.checks.mistakes import Suspect


def log_normal_first(
    log_normal: Any,
    bare: Any,
    D: Any,
    gap: Any,
    LOG_2PI: Any,
    log_scale: Any,
    mean: Any,
    sigma: Any,
    squares: Any,
    total: Any,
    z: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of log normal, part 1."""
    return [
        Suspect(
            "log(2 pi sigma) / 2 should be log(2 pi sigma^2) / 2: the variance is sigma squared",
            total + 0.5 * log_scale.sum(axis=-1),
        ),
        Suspect(
            "the square has the wrong sign: the density falls away from the mean",
            total + squares.sum(axis=-1),
        ),
        Suspect(
            "the square is missing: (z - mean) / sigma enters squared", bare - 0.5 * gap.sum(-1)
        ),
        Suspect("the absolute value where the square is meant", bare - 0.5 * np.abs(gap).sum(-1)),
        Suspect(
            "the square of the sum, where the sum of the squares is meant",
            bare - 0.5 * gap.sum(axis=-1) ** 2,
        ),
        Suspect(
            "sigma where its log is meant, in the normalizer", total - (sigma - log_scale).sum(-1)
        ),
        Suspect(
            "sigma where sigma squared is meant: (z - mean)^2 / sigma",
            bare - 0.5 * ((z - mean) ** 2 / sigma).sum(axis=-1),
        ),
        Suspect(
            "the parentheses: only z - mean is squared, or only sigma",
            bare - 0.5 * ((z - mean) / sigma**2).sum(axis=-1),
        ),
        Suspect("the division by sigma is missing", bare - 0.5 * ((z - mean) ** 2).sum(axis=-1)),
        Suspect("z + mean where z - mean is meant", log_normal(z, -mean, log_scale)),
        Suspect(
            "the log to base 10 or 2, where the natural one is meant",
            total + 0.5 * D * (LOG_2PI - LOG_2PI / np.log(10)),
        ),
        Suspect("the constant is log(2 pi), not log(pi)", total + 0.5 * D * np.log(2)),
        Suspect("2 pi itself, where its log is meant", total + 0.5 * D * (LOG_2PI - 2 * np.pi)),
        Suspect("the log density in base 10 or base 2: np.log is meant", total / np.log(10)),
        Suspect("the log density in base 10 or base 2: np.log is meant", total / np.log(2)),
        Suspect("the factor 1/2 of the square is missing", total - 0.5 * squares.sum(axis=-1)),
    ]


def log_normal_further(
    D: Any,
    LOG_2PI: Any,
    log_scale: Any,
    multiplied: Any,
    total: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of log normal, part 2."""
    return [
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


def mean_first(
    highest: Any,
    log_mean_exp: Any,
    log_w: Any,
    rest: Any,
    S: Any,
    total: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of mean, part 1."""
    return [
        Suspect("the log was divided by S: the sum is, inside the log", total / S),
        Suspect("divided by log S, where log S is subtracted", total / np.log(S)),
        Suspect("S was subtracted, where its log is meant", total - S),
        Suspect("the largest term alone: the sum is missing", highest),
        Suspect("the largest term was added with the wrong sign", rest - np.log(S) - highest),
        Suspect("the largest term was added twice", total - np.log(S) + highest),
        Suspect(
            "the largest term was added before the log", np.log(np.abs(np.exp(rest) / S + highest))
        ),
        Suspect("the log is missing", highest + np.exp(rest) / S),
        Suspect("the exp is missing", highest + np.log(np.abs((log_w - highest).mean(axis=0)))),
        Suspect("exp(-log p) where exp(log p) is meant", log_mean_exp(-log_w)),
        Suspect("the sign of the result is wrong, and of the exponent", -log_mean_exp(-log_w)),
        Suspect("log S is a mean over S - 1, not S", total - np.log(S - 1)),
        Suspect("the samples are multiplied: p(x) is a mean over them", log_w.sum(axis=0)),
        Suspect("the median or the largest is no mean", np.median(log_w, axis=0)),
        Suspect(
            "the log of the mean over everything: each datapoint has its own",
            np.full(log_w.shape[1:], np.log(np.exp(log_w).mean())),
        ),
        Suspect(
            "the log of the mean over everything: each datapoint has its own",
            np.log(np.exp(log_w).mean()),
        ),
        Suspect("no mean over the samples (axis 0)", log_w),
        Suspect("half of the squared weights: exp was applied to 2 log w", log_mean_exp(2 * log_w)),
        Suspect("np.log1p where np.log is meant", np.log1p(np.exp(total) / S)),
        Suspect("np.log1p where np.log is meant", highest + np.log1p(np.exp(rest) / S)),
        Suspect(
            "np.expm1 where np.exp is meant",
            highest + np.log(np.abs(np.expm1(log_w - highest).mean(axis=0))),
        ),
        Suspect(
            "np.log2 or np.log10 where the natural logarithm is meant",
            (total - np.log(S)) / np.log(10),
        ),
    ]


def mean_further(
    highest: Any,
    rest: Any,
    S: Any,
    total: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of mean, part 2."""
    return [
        Suspect(
            "np.log2 or np.log10 where the natural logarithm is meant",
            (total - np.log(S)) / np.log(2),
        ),
        Suspect(
            "np.log2 or np.log10 where the natural logarithm is meant",
            highest + (rest - np.log(S)) / np.log(10),
        ),
        Suspect(
            "np.log2 or np.log10 where the natural logarithm is meant",
            highest + (rest - np.log(S)) / np.log(2),
        ),
    ]
