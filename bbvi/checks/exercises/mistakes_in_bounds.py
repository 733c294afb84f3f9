"""Tables of mistakes for the checks of `bounds`."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect


def elbo_first(
    again: Any,
    log_joint: Any,
    log_mean_exp: Any,
    log_q: Any,
    log_w: Any,
    q: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of elbo, part 1."""
    return [
        Suspect(again, (q * log_w).sum(axis=0)),
        Suspect(again, (q * log_w).mean(axis=0)),
        Suspect(again, (q * log_w).sum(axis=0) / q.sum(axis=0)),
        Suspect("the entropy is missing: subtract log q", log_joint.mean(axis=0)),
        Suspect("the entropy has the wrong sign: it is -E[log q]", (log_joint + log_q).mean(0)),
        Suspect("summed over the samples instead of averaged", log_w.sum(axis=0)),
        Suspect(
            "the log of the mean weight estimates log p(x): the ELBO is the mean of the logs",
            log_mean_exp(log_w),
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", log_w.mean(axis=1)),
        Suspect("the mean over everything: one ELBO per datapoint is asked for", log_w.mean()),
        Suspect("no mean over the samples (axis 0)", log_w),
        Suspect(
            "the quotient of the logs, where their difference is meant", (log_joint / log_q).mean(0)
        ),
        Suspect("q where log q is meant", (log_joint - q).mean(axis=0)),
        Suspect("densities, where their logs are meant", (np.exp(log_joint) - q).mean(axis=0)),
        Suspect("the weights p / q, where their log is meant", np.exp(log_w).mean(axis=0)),
        Suspect(
            "the entropy is -E[log q]: its minus is inside already", (log_joint - q * log_q).mean(0)
        ),
        *reductions(log_w, 0, "mean"),
    ]


def kl_to_prior_first(
    forgotten: Any,
    kl: Any,
    log_scale: Any,
    mean: Any,
    right: Any,
    sigma: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of kl to prior, part 1."""
    return [
        Suspect(forgotten, kl(log_scale**2, 2 * log_scale).sum(axis=1)),
        Suspect(forgotten, kl(log_scale**2, 2 * np.log(log_scale)).sum(axis=1)),
        Suspect("sigma where sigma squared is meant", kl(sigma, 2 * log_scale).sum(axis=1)),
        Suspect("log sigma was taken for log sigma squared", kl(sigma, log_scale).sum(axis=1)),
        Suspect(
            "log sigma squared is 2 log sigma: a factor 2 is missing",
            kl(sigma**2, log_scale).sum(axis=1),
        ),
        Suspect("the factor 1/2 is missing", 2 * right.sum(axis=1)),
        Suspect("the -1 is missing", (right + 0.5).sum(axis=1)),
        Suspect("the term of the mean is missing", (right - 0.5 * mean**2).sum(axis=1)),
        Suspect(
            "the direction: that is KL(N(0, I) || q)",
            (0.5 * ((1 + mean**2) / sigma**2 - 1) + log_scale).sum(axis=1),
        ),
        Suspect("the entropy has the wrong sign", kl(sigma**2, -2 * log_scale).sum(axis=1)),
        Suspect("a mean over the latent dimensions: their KLs add up", right.mean(axis=1)),
        Suspect("summed over the wrong axis: dimensions are axis=-1", right.sum(axis=0)),
        Suspect("summed over the datapoints too: one KL for each is asked for", right.sum()),
    ]


def kl_first(
    D: Any,
    log_scale: Any,
    mean: Any,
    right: Any,
    sigma: Any,
    trace: Any,
    without_mean: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of kl, part 1."""
    return [
        Suspect("the -1 belongs to every dimension, not once", right + 0.5 * (D - 1)),
        Suspect(
            "log_scale was taken for sigma: np.exp(log_scale) is missing in the trace",
            right - trace + 0.5 * (log_scale**2).sum(axis=1),
        ),
        Suspect(
            "log_scale was taken for sigma: np.exp(log_scale) is missing in the trace",
            right - trace + 0.5 * log_scale.sum(axis=1),
        ),
        Suspect("sigma^4 where sigma^2 is meant", right - trace + 0.5 * (sigma**4).sum(axis=1)),
        Suspect("sigma where sigma^2 is meant", right - trace + 0.5 * sigma.sum(axis=1)),
        Suspect(
            "1 / sigma^2 where sigma^2 is meant", right - trace + 0.5 * (sigma**-2.0).sum(axis=1)
        ),
        Suspect(
            "sigma^2 or sigma, where its log is meant", right + (log_scale - 0.5 * sigma**2).sum(1)
        ),
        Suspect(
            "sigma^2 or sigma, where its log is meant", right + (log_scale - sigma).sum(axis=1)
        ),
        Suspect(
            "log(log_scale): log_scale is a log already",
            right + (log_scale - np.log(log_scale)).sum(1),
        ),
        Suspect(
            "the mean is squared, its term is mean^2 / 2", without_mean + 0.5 * mean.sum(axis=1)
        ),
        Suspect(
            "the absolute value of the mean, where its square is meant",
            without_mean + 0.5 * np.abs(mean).sum(1),
        ),
        Suspect(
            "the square of the summed mean, where the squares are summed",
            without_mean + 0.5 * mean.sum(1) ** 2,
        ),
    ]


def kl_further(
    log_scale: Any,
    mean: Any,
    right: Any,
    sigma: Any,
    square: Any,
    without_mean: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of kl, part 2."""
    return [
        Suspect(
            "the mean is divided by sigma: the prior's scale is 1",
            without_mean + 0.5 * ((mean / sigma) ** 2).sum(axis=1),
        ),
        Suspect(
            "the factor 1/2 belongs to log sigma^2 = 2 log sigma too: it is counted once for all",
            right - log_scale.sum(axis=1),
        ),
        Suspect("the mean over N(mean, 1): sigma is not used", square),
    ]


def gaussian_kl_first(
    kl_terms: Any,
    wrong_precisions: Any,
    covs: Any,
    D: Any,
    log_det: Any,
    means: Any,
    N: Any,
    right: Any,
    square: Any,
    trace: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of gaussian kl, part 1."""
    return [
        Suspect(
            "the direction: that is KL(p || q)",
            0.5 * (np.sum(kl_terms(means[1], covs[1], means[0], covs[0]), axis=0) - D),
        ),
        Suspect("log det has the wrong sign", 0.5 * (trace + square - D - log_det)),
        Suspect("the log determinants are missing", 0.5 * (trace + square - D)),
        Suspect("the -D is missing", 0.5 * (trace + square + log_det)),
        Suspect("the term of the means is missing", 0.5 * (trace - D + log_det)),
        Suspect("the factor 1/2 is missing", 2 * right),
        Suspect(
            "D is the number of dimensions, not of datapoints",
            0.5 * (trace + square - N + log_det),
        ),
        *wrong_precisions(means, covs, log_det),
    ]


def wrong_precisions_first(
    cov_p: Any,
    cov_q: Any,
    D: Any,
    diagonals: Any,
    elementwise: Any,
    gap: Any,
    kl: Any,
    means_slip: Any,
    pieces: Any,
    reciprocal: Any,
    right: Any,
    square: Any,
    trace: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of wrong precisions, part 1."""
    return [
        Suspect(elementwise, pieces(diagonals, square)),
        Suspect(elementwise, pieces(diagonals, (gap**2 * np.einsum("nii->ni", right)).sum(1))),
        Suspect(elementwise, pieces(trace, (gap**2 * np.einsum("nii->ni", right)).sum(axis=1))),
        Suspect(reciprocal, kl(1 / cov_p)),
        Suspect(reciprocal, pieces(np.einsum("nij,nji->n", 1 / cov_p, cov_q), square)),
        Suspect(reciprocal, pieces(trace, np.einsum("ni,nij,nj->n", gap, 1 / cov_p, gap))),
        Suspect("only the diagonals of the covariances are used", kl(right * np.eye(D))),
        Suspect(
            "the sum of all entries, where the trace is meant",
            pieces((right @ cov_q).sum((1, 2)), square),
        ),
        Suspect(
            "the trace of cov_p^-1 alone: cov_q is missing",
            pieces(np.trace(right, axis1=1, axis2=2), square),
        ),
        Suspect(
            "the trace of cov_q alone: cov_p^-1 is missing",
            pieces(np.trace(cov_q, axis1=1, axis2=2), square),
        ),
        Suspect(
            "the trace of P^-1 Q is meant, not of Q^-1 P",
            pieces(np.einsum("nij,nji->n", np.linalg.inv(cov_q), cov_p), square),
        ),
        Suspect(
            "the trace of P Q: the inverse is missing",
            pieces(np.einsum("nij,nji->n", cov_p, cov_q), square),
        ),
        Suspect(
            "a determinant, where a trace is meant", pieces(np.linalg.det(right @ cov_q), square)
        ),
        Suspect(means_slip, pieces(trace, (gap**2).sum(axis=1))),
        Suspect(means_slip, pieces(trace, np.einsum("ni,nij,nj->n", gap, cov_p, gap))),
        Suspect(
            means_slip, pieces(trace, np.einsum("ni,nij,nj->n", gap, np.linalg.inv(cov_q), gap))
        ),
        Suspect(means_slip, pieces(trace, np.einsum("ni,nij,nj->n", gap, cov_q, gap))),
        Suspect(means_slip, pieces(trace, np.einsum("nij,nj->n", right, gap))),
        Suspect(means_slip, pieces(trace, (np.einsum("nij,nj->ni", right, gap) ** 2).sum(axis=1))),
    ]


def wrong_precisions_further(
    bare: Any,
    cov_p: Any,
    cov_q: Any,
    dets: Any,
    kl: Any,
    log_det: Any,
    means: Any,
    pieces: Any,
    right: Any,
    square: Any,
    trace: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of wrong precisions, part 2."""
    return [
        Suspect(
            "the square root of the distance: it enters squared", pieces(trace, np.sqrt(square))
        ),
        Suspect(
            "mean_q + mean_p where their difference is meant",
            pieces(trace, np.einsum("ni,nij,nj->n", means.sum(0), right, means.sum(0))),
        ),
        Suspect(bare, pieces(trace, square, dets[0] - dets[1])),
        Suspect(bare, pieces(trace, square, dets[0] / dets[1])),
        Suspect(
            "the quotient of the log determinants, where their difference is meant",
            pieces(trace, square, np.log(dets[0]) / np.log(dets[1])),
        ),
        Suspect(
            "the sum of the log determinants, where their difference is meant",
            pieces(trace, square, np.log(dets[0]) + np.log(dets[1])),
        ),
        Suspect(
            "the log of a trace, where the log of a determinant is meant",
            pieces(
                trace,
                square,
                np.log(np.trace(cov_p, axis1=1, axis2=2) / np.trace(cov_q, axis1=1, axis2=2)),
            ),
        ),
        Suspect(
            "the log of the diagonal's product, where a determinant is meant",
            pieces(
                trace,
                square,
                np.log(np.einsum("nii->ni", cov_p).prod(1) / np.einsum("nii->ni", cov_q).prod(1)),
            ),
        ),
        Suspect(
            "the sign of a determinant, where its log is meant: slogdet returns (sign, log)",
            pieces(trace, square, 0 * log_det),
        ),
        Suspect("cov_p where its inverse is meant", kl(cov_p)),
    ]
