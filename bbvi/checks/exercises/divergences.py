"""Checks of exercises about divergences of Gaussians in closed form."""

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import (
    SIZES,
    D,
    N,
)
from bbvi.checks.exercises.mistakes_in_bounds import (
    gaussian_kl_first,
    kl_first,
    kl_further,
    kl_to_prior_first,
    wrong_precisions_first,
    wrong_precisions_further,
)
from bbvi.checks.exercises.mistakes_in_bounds_2 import (
    wrong_precisions_more,
)
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_kl_to_prior(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean, log_scale)``: KL(N(mean, diag(sigma^2)) || N(0, I)), (N,), nats.

    mean and log_scale = log sigma are (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Rios, "Gaussian KL"; Kingma and Welling (2014), appendix B.
    """
    mean, log_scale = rng.standard_normal((N, D)), rng.uniform(0.3, 0.9, (N, D))
    sigma = np.exp(log_scale)

    def kl(variance: Array, log_variance: Array) -> Array:
        return 0.5 * (mean**2 + variance - 1 - log_variance)

    right = kl(sigma**2, 2 * log_scale)
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    suspects = [
        *kl_to_prior_first(forgotten, kl, log_scale, mean, right, sigma),
    ]
    terms = {
        "the mean's term mean^2 / 2": 0.5 * (mean**2).sum(axis=1),
        "the trace sigma^2 / 2": 0.5 * (sigma**2).sum(axis=1),
        "the -1/2 of each dimension": np.full(N, -0.5 * D),
        "-log sigma": -log_scale.sum(axis=1),
    }
    check_answer(
        answer,
        {"mean": mean, "log_scale": log_scale},
        right.sum(axis=1),
        [*suspects, *_kl_slips(mean, log_scale), *reductions(right, 1, "sum")],
        formula=_kl_to_prior,
        terms=terms,
        sizes=SIZES,
    )


def _kl_to_prior(mean: Array, log_scale: Array) -> Array:
    return (0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale).sum(axis=1)


def _kl_slips(mean: Array, log_scale: Array) -> list[Suspect]:
    """Single terms of the KL gone wrong."""
    right, sigma = _kl_to_prior(mean, log_scale), np.exp(log_scale)
    square, trace = 0.5 * (mean**2).sum(axis=1), 0.5 * (sigma**2).sum(axis=1)
    without_mean = right - square
    return [
        *kl_first(D, log_scale, mean, right, sigma, trace, without_mean),
        *kl_further(log_scale, mean, right, sigma, square, without_mean),
    ]


@without_frames
def check_gaussian_kl(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean_q, cov_q, mean_p, cov_p)``: KL(q || p) of two Gaussians, (N,), nats.

    Means are (N, D), covariances (N, D, D).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    means = rng.standard_normal((2, N, D))
    roots = rng.standard_normal((2, N, D, D))
    covs = roots @ roots.swapaxes(-1, -2) + 0.5 * np.eye(D)
    arguments = {"mean_q": means[0], "cov_q": covs[0], "mean_p": means[1], "cov_p": covs[1]}
    trace, square, log_det = _kl_terms(means[0], covs[0], means[1], covs[1])
    right = 0.5 * (trace + square - D + log_det)
    suspects = [
        *gaussian_kl_first(
            _kl_terms, _wrong_precisions, covs, D, log_det, means, N, right, square, trace
        ),
    ]
    terms = {
        "the trace tr(P^-1 Q)": 0.5 * trace,
        "the squared distance of the means": 0.5 * square,
        "the -D": np.full(N, -0.5 * D),
        "the log determinants": 0.5 * log_det,
        "log det cov_p": 0.5 * np.linalg.slogdet(covs[1])[1],
        "-log det cov_q": -0.5 * np.linalg.slogdet(covs[0])[1],
    }
    check_answer(answer, arguments, right, suspects, formula=_gaussian_kl, terms=terms, sizes=SIZES)


def _gaussian_kl(mean_q: Array, cov_q: Array, mean_p: Array, cov_p: Array) -> Array:
    return 0.5 * (np.sum(_kl_terms(mean_q, cov_q, mean_p, cov_p), axis=0) - mean_q.shape[1])


def _kl_terms(mean_q: Array, cov_q: Array, mean_p: Array, cov_p: Array) -> list[Array]:
    """tr(P^-1 Q), the squared distance of the means under P^-1, and log det P - log det Q."""
    precision = np.linalg.inv(cov_p)
    gap = mean_q - mean_p
    return [
        np.einsum("nij,nji->n", precision, cov_q),
        np.einsum("ni,nij,nj->n", gap, precision, gap),
        np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1],
    ]


def _wrong_precisions(means: Array, covs: Array, log_det: Array) -> list[Suspect]:
    """The KL with another matrix where the inverse of cov_p belongs."""
    gap, (cov_q, cov_p) = means[0] - means[1], covs

    def kl(matrix: Array) -> Array:
        trace = np.einsum("nij,nji->n", matrix, cov_q)
        return 0.5 * (trace + np.einsum("ni,nij,nj->n", gap, matrix, gap) - D + log_det)

    def pieces(trace: Array, square: Array, log_det: Array = log_det) -> Array:
        return 0.5 * (trace + square - D + log_det)

    right = np.linalg.inv(cov_p)
    trace = np.einsum("nij,nji->n", right, cov_q)
    square = np.einsum("ni,nij,nj->n", gap, right, gap)
    dets = np.linalg.det(cov_p), np.linalg.det(cov_q)
    elementwise = "P * C multiplies entry by entry: the matrix product is P @ C"
    reciprocal = "1 / C inverts each entry: the inverse of a matrix is np.linalg.inv(C)"
    diagonals = np.einsum("nii,nii->n", right, cov_q)
    bare = "the determinants, where their logs are meant"
    means_slip = "the distance of the means needs P^-1 once, between two gaps"
    return [
        *wrong_precisions_first(
            cov_p,
            cov_q,
            D,
            diagonals,
            elementwise,
            gap,
            kl,
            means_slip,
            pieces,
            reciprocal,
            right,
            square,
            trace,
        ),
        *wrong_precisions_further(
            bare, cov_p, cov_q, dets, kl, log_det, means, pieces, right, square, trace
        ),
        *wrong_precisions_more(cov_q, kl),
    ]
