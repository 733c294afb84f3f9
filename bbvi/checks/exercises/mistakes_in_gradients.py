"""Tables of mistakes for the checks of `gradients`."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def score_first(
    halves: Any,
    both: Any,
    forgotten: Any,
    gap: Any,
    in_log_scale: Any,
    in_mean: Any,
    log_scale: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score, part 1."""
    return [
        Suspect(
            "that is the derivative in sigma; in log sigma it is sigma times as large",
            both(in_mean, in_log_scale / sigma),
        ),
        Suspect(
            "that is the derivative in log sigma squared, half of that in log sigma",
            both(in_mean, in_log_scale / 2),
        ),
        Suspect(forgotten, both(gap / log_scale**2, (gap / log_scale) ** 2 - 1)),
        Suspect("divide by sigma squared in the mean's part", both(gap / sigma, in_log_scale)),
        Suspect(
            "the -1, from the normalizer -log sigma, is missing", both(in_mean, in_log_scale + 1)
        ),
        Suspect("the sign: log q rises towards the mean", both(-in_mean, in_log_scale)),
        Suspect("the sign: that is the derivative in z", -both(in_mean, in_log_scale)),
        Suspect("the halves are exchanged: first the mean", both(in_log_scale, in_mean)),
        *halves(in_mean, in_log_scale),
    ]


def score_further(
    both: Any,
    gap: Any,
    in_log_scale: Any,
    in_mean: Any,
    log_scale: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score, part 2."""
    return [
        *(
            Suspect(mistake, both(in_mean, other))
            for mistake, other in (
                ("the square is missing in the part of log sigma", gap / sigma - 1),
                (
                    "the square is halved: its derivative in log sigma has no 1/2",
                    (gap / sigma) ** 2 / 2 - 1,
                ),
                ("the square is doubled: a factor 2 too many", 2 * (gap / sigma) ** 2 - 1),
                ("sigma^3: that is a term of the derivative in sigma", gap**2 / sigma**3 - 1),
                ("the -1 has the wrong sign", in_log_scale + 2),
                ("the sign of log sigma's part", -in_log_scale),
                ("the sign of the square, and +1", 1 - (gap / sigma) ** 2),
                ("divided by sigma once: the square has sigma^2", gap**2 / sigma - 1),
                ("gap^2 is not divided by sigma^2", gap**2 - 1),
                ("the -1 is -log sigma, differentiated", (gap / sigma) ** 2 - log_scale),
                (
                    "the -1 is divided by sigma: that is the derivative in sigma",
                    (gap / sigma) ** 2 - 1 / sigma,
                ),
                ("-1/2: the -1 is the derivative of -log sigma", (gap / sigma) ** 2 - 0.5),
                ("that is log q's term, not its derivative", -0.5 * (gap / sigma) ** 2 - log_scale),
                (
                    "multiplied by sigma: in log sigma it is (z - mean)^2 / sigma^2 - 1",
                    in_log_scale * sigma,
                ),
                ("the mean's part is repeated", in_mean),
            )
        ),
    ]


def score_more(
    both: Any,
    gap: Any,
    in_log_scale: Any,
    in_mean: Any,
    mean: Any,
    sigma: Any,
    z: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score, part 3."""
    return [
        *(
            Suspect(mistake, both(other, in_log_scale))
            for mistake, other in (
                ("the division by sigma^2 is missing in the mean's part", gap),
                ("multiplied by sigma squared, where it is divided", gap * sigma**2),
                ("multiplied by sigma, where it is divided by sigma^2", gap * sigma),
                ("divided by sigma^4: sigma^2 is the variance", gap / sigma**4),
                ("divided by sigma^3", gap / sigma**3),
                ("a factor 2: the 1/2 of the square cancels it", 2 * in_mean),
                ("a factor 1/2: the square's 2 cancels it", in_mean / 2),
                ("z where z - mean is meant", z / sigma**2),
                ("z + mean where z - mean is meant", (z + mean) / sigma**2),
                ("the square: its derivative is linear in z - mean", (gap / sigma) ** 2),
            )
        ),
    ]


def score_gradient_first(
    f: Any,
    score: Any,
    terms: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score gradient, part 1."""
    return [
        Suspect("the sign: the ELBO is climbed, not descended", -terms.mean(axis=0)),
        Suspect("summed over the samples instead of averaged", terms.sum(axis=0)),
        Suspect(
            "the mean of a product is not the product of means: f_s belongs to its own score",
            f.mean(axis=0)[:, None] * score.mean(axis=0),
        ),
        Suspect("f is missing: E[score] is zero, it has no direction", score.mean(axis=0)),
        Suspect(
            "f minus its mean over all samples is a baseline that has seen its own sample",
            ((f - f.mean(axis=0))[..., None] * score).mean(axis=0),
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", terms.mean(axis=1)),
        Suspect("averaged over the datapoints too", terms.mean(axis=(0, 1))),
        Suspect("no mean over the samples (axis 0)", terms),
    ]


def score_gradient_further(
    f: Any,
    S: Any,
    score: Any,
    terms: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of score gradient, part 2."""
    return [
        Suspect(
            "f minus its mean over the datapoints",
            ((f - f.mean(1, keepdims=True))[..., None] * score).mean(0),
        ),
        Suspect("divided by f: f multiplies the score", (score / f[..., None]).mean(axis=0)),
        Suspect("the score is squared", (f[..., None] * score**2).mean(axis=0)),
        Suspect("f and the score are added", (f[..., None] + score).mean(axis=0)),
        Suspect("the score is subtracted from f", (f[..., None] - score).mean(axis=0)),
        Suspect(
            "f is averaged first: each sample has its own f", (f.mean(0)[:, None] * score).mean(0)
        ),
        Suspect(
            "f is summed first: each sample has its own f", (f.sum(0)[:, None] * score).mean(0)
        ),
        Suspect("divided by S - 1: that is for a variance", terms.sum(axis=0) / (S - 1)),
        Suspect(
            "weights f / sum f: that is no mean over the samples", terms.sum(0) / f.sum(0)[:, None]
        ),
        Suspect("f is missing, and its mean is no factor", f.mean() * score.mean(axis=0)),
        *reductions(terms, 0, "mean"),
    ]


def pathwise_gradient_first(
    both: Any,
    df_dz: Any,
    eps: Any,
    log_scale: Any,
    right: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of pathwise gradient, part 1."""
    return [
        Suspect(
            "that is the derivative in sigma: dz/d(log sigma) = sigma eps (sigma for log sigma)",
            both(df_dz, df_dz * eps).mean(axis=0),
        ),
        Suspect(
            "sigma for log sigma: np.exp(log_scale) is missing",
            both(df_dz, df_dz * eps * log_scale).mean(axis=0),
        ),
        Suspect(
            "sigma squared where sigma is meant",
            both(df_dz, df_dz * eps * sigma**2).mean(axis=0),
        ),
        Suspect(
            "the +1 of the entropy belongs to the ELBO; here f is all there is",
            both(df_dz, df_dz * eps * sigma + 1).mean(axis=0),
        ),
        Suspect(
            "eps is missing: dz/d(log sigma) = sigma eps", both(df_dz, df_dz * sigma).mean(axis=0)
        ),
        Suspect("summed over the samples instead of averaged", right.sum(axis=0)),
        Suspect(
            "the mean of a product is not the product of means",
            both(df_dz.mean(axis=0), df_dz.mean(axis=0) * eps.mean(axis=0) * sigma),
        ),
        Suspect(
            "the halves are exchanged: first the mean", both(df_dz * eps * sigma, df_dz).mean(0)
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", right.mean(axis=1)),
        Suspect("no mean over the samples (axis 0)", right),
        Suspect(
            "divided by sigma, where it is multiplied", both(df_dz, df_dz * eps / sigma).mean(0)
        ),
        Suspect("df_dz is missing in the part of log sigma", both(df_dz, eps * sigma).mean(axis=0)),
        Suspect(
            "df_dz and sigma eps are added, not multiplied",
            both(df_dz, df_dz + eps * sigma).mean(0),
        ),
        Suspect("eps is squared", both(df_dz, df_dz * eps**2 * sigma).mean(axis=0)),
    ]


def pathwise_gradient_further(
    both: Any,
    D: Any,
    df_dz: Any,
    eps: Any,
    log_scale: Any,
    right: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of pathwise gradient, part 2."""
    return [
        Suspect(
            "eps belongs to the part of log sigma alone", both(df_dz * eps, right[..., D:]).mean(0)
        ),
        Suspect(
            "sigma belongs to the part of log sigma alone",
            both(df_dz * sigma, right[..., D:]).mean(0),
        ),
        Suspect(
            "divided by sigma: dz/d mean is 1", both(df_dz / sigma, right[..., D:]).mean(axis=0)
        ),
        Suspect(
            "divided by sigma^2, as in the score: dz/d mean is 1",
            both(df_dz / sigma**2, right[..., D:]).mean(0),
        ),
        Suspect(
            "the score function's formula, (eps^2 - 1), in the part of log sigma",
            both(df_dz, df_dz * (eps**2 - 1)).mean(0),
        ),
        Suspect(
            "dz/d mean = 1, without df_dz", both(np.ones_like(df_dz), right[..., D:]).mean(axis=0)
        ),
        Suspect(
            "log sigma is added: dz/d(log sigma) = sigma eps",
            both(df_dz, df_dz * (eps + log_scale)).mean(0),
        ),
        Suspect("the sign of log sigma's part", both(df_dz, -right[..., D:]).mean(axis=0)),
        Suspect("the sign of the mean's part", both(-df_dz, right[..., D:]).mean(axis=0)),
        Suspect(
            "a factor 1/2 or 2 in the part of log sigma",
            both(df_dz, right[..., D:] / 2).mean(axis=0),
        ),
        Suspect(
            "a factor 1/2 or 2 in the part of log sigma",
            both(df_dz, right[..., D:] * 2).mean(axis=0),
        ),
    ]
