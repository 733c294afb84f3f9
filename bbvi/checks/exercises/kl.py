"""The checks of the exercises about divergences of Gaussians in closed form."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import D, N
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_kl_to_prior(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean, log_scale)``: KL(N(mean, diag(sigma^2)) || N(0, I)), (N,), nats.

    mean and log_scale = log sigma are (N, D).

    Notes
    -----
    Rios, "Gaussian KL"; Kingma and Welling (2014), appendix B.
    """
    mean, log_scale = rng.standard_normal((N, D)), rng.uniform(0.3, 0.9, (N, D))
    terms = {
        "the mean's term mean^2 / 2": 0.5 * (mean**2).sum(axis=1),
        "the trace sigma^2 / 2": 0.5 * np.exp(2 * log_scale).sum(axis=1),
        "the -1/2 of each dimension": np.full(N, -0.5 * D),
        "-log sigma": -log_scale.sum(axis=1),
    }
    arguments = {"mean": mean, "log_scale": log_scale}
    suspects = _mistakes_to_the_prior(mean, log_scale)
    check_formula(answer, arguments, _kl_to_prior, suspects, also=_WRITINGS, terms=terms)


def _kl_to_prior(mean: Array, log_scale: Array) -> Array:
    sigma = np.exp(log_scale)
    return np.sum(0.5 * (mean**2 + sigma**2 - 1) - log_scale, axis=1)


def _kl_of_logs(mean: Array, log_scale: Array) -> Array:
    return np.sum(0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale, axis=1)


def _kl_at_once(mean: Array, log_scale: Array) -> Array:
    sigma = np.exp(log_scale)
    return 0.5 * np.sum(mean**2 + sigma**2 - 1 - 2 * log_scale, axis=1)


_WRITINGS = (_kl_of_logs, _kl_at_once)


def _mistakes_to_the_prior(mean: Array, log_scale: Array) -> list[Suspect]:
    sigma = np.exp(log_scale)

    def kl(trace: Array, log_variance: Array = 2 * log_scale, square: Array = mean**2) -> Array:
        return (0.5 * (square + trace - 1 - log_variance)).sum(axis=1)

    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    logs = "sigma^2 or sigma, where its log is meant"
    right = kl(sigma**2)
    table = [
        (forgotten, kl(log_scale**2)),
        (forgotten, kl(log_scale**2, 2 * np.log(log_scale))),
        (forgotten, kl(log_scale)),
        ("sigma where sigma squared is meant", kl(sigma)),
        ("log sigma was taken for log sigma squared", kl(sigma, log_scale)),
        ("log sigma squared is 2 log sigma: a factor 2 is missing", kl(sigma**2, log_scale)),
        ("the factor 1/2 is missing", 2 * right),
        ("the -1 is missing", right + 0.5 * D),
        ("the -1 belongs to every dimension, not once", right + 0.5 * (D - 1)),
        ("the term of the mean is missing", right - 0.5 * (mean**2).sum(axis=1)),
        (
            "the direction: that is KL(N(0, I) || q)",
            (0.5 * ((1 + mean**2) / sigma**2 - 1) + log_scale).sum(axis=1),
        ),
        ("the entropy has the wrong sign", kl(sigma**2, -2 * log_scale)),
        ("a mean over the latent dimensions: their KLs add up", right / D),
        ("summed over the datapoints too: one KL for each is asked for", right.sum()),
        ("sigma^4 where sigma^2 is meant", kl(sigma**4)),
        ("1 / sigma^2 where sigma^2 is meant", kl(1 / sigma**2)),
        (logs, kl(sigma**2, sigma**2)),
        (logs, kl(sigma**2, 2 * sigma)),
        ("log(log_scale): log_scale is a log already", kl(sigma**2, 2 * np.log(log_scale))),
        ("the mean is squared, its term is mean^2 / 2", kl(sigma**2, square=mean)),
        (
            "the square of the summed mean, where the squares are summed",
            kl(sigma**2) + 0.5 * (mean.sum(axis=1) ** 2 - (mean**2).sum(axis=1)),
        ),
        (
            "the product of the variances is det Sigma: the trace is their sum",
            right + 0.5 * ((sigma**2).prod(axis=1) - (sigma**2).sum(axis=1)),
        ),
        (
            "the mean is divided by sigma: the prior's scale is 1",
            kl(sigma**2, square=(mean / sigma) ** 2),
        ),
    ]
    return [Suspect(*row) for row in table]


@without_frames
def check_gaussian_kl(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``kl(mean_q, cov_q, mean_p, cov_p)``: KL(q || p) of two Gaussians, (N,), nats.

    Means are (N, D), covariances (N, D, D).
    """
    means = rng.standard_normal((2, N, D))
    roots = rng.standard_normal((2, N, D, D))
    covs = roots @ roots.swapaxes(-1, -2) + 0.5 * np.eye(D)
    arguments = {"mean_q": means[0], "cov_q": covs[0], "mean_p": means[1], "cov_p": covs[1]}
    precision, gap = np.linalg.inv(covs[1]), means[0] - means[1]
    log_dets = np.linalg.slogdet(covs)[1]
    terms = {
        "the trace tr(P^-1 Q)": 0.5 * np.einsum("nij,nji->n", precision, covs[0]),
        "the squared distance of the means": 0.5 * np.einsum("ni,nij,nj->n", gap, precision, gap),
        "the -D": np.full(N, -0.5 * D),
        "the log determinants": 0.5 * (log_dets[1] - log_dets[0]),
        "log det cov_p": 0.5 * log_dets[1],
        "-log det cov_q": -0.5 * log_dets[0],
    }
    suspects = _mistakes_of_two_gaussians(**arguments)
    check_formula(answer, arguments, _gaussian_kl, suspects, terms=terms)


def _gaussian_kl(mean_q: Array, cov_q: Array, mean_p: Array, cov_p: Array) -> Array:
    precision, gap = np.linalg.inv(cov_p), mean_q - mean_p
    trace = np.einsum("nij,nji->n", precision, cov_q)
    square = np.einsum("ni,nij,nj->n", gap, precision, gap)
    log_det = np.log(np.linalg.det(cov_p)) - np.log(np.linalg.det(cov_q))
    return 0.5 * (trace + square - gap.shape[1] + log_det)


def _wrong_log_dets(cov_q: Array, cov_p: Array) -> list[tuple[str, Array]]:
    """What is written for log(det P / det Q)."""
    det_p, det_q = np.linalg.det(cov_p), np.linalg.det(cov_q)
    bare = "the determinants, where their logs are meant"
    return [
        (bare, det_p - det_q),
        (bare, det_p / det_q),
        ("the sum of the log determinants, where their difference is meant", np.log(det_p * det_q)),
        (
            "the log of a trace, where the log of a determinant is meant",
            np.log(np.trace(cov_p, 0, 1, 2) / np.trace(cov_q, 0, 1, 2)),
        ),
    ]


def _mistakes_of_two_gaussians(
    mean_q: Array, cov_q: Array, mean_p: Array, cov_p: Array
) -> list[Suspect]:
    precision, gap = np.linalg.inv(cov_p), mean_q - mean_p
    det_p, det_q = np.linalg.det(cov_p), np.linalg.det(cov_q)

    def trace_of(matrix: Array) -> Array:
        return np.einsum("nij,nji->n", matrix, cov_q)

    def square_of(matrix: Array) -> Array:
        return np.einsum("ni,nij,nj->n", gap, matrix, gap)

    trace, square, right = trace_of(precision), square_of(precision), np.log(det_p / det_q)

    def kl(trace: Array = trace, square: Array = square, log_det: Array = right) -> Array:
        return 0.5 * (trace + square - D + log_det)

    diagonals, at_once = np.einsum("nii,nii->n", precision, cov_q), precision * np.eye(D)
    entrywise = "P * C multiplies entry by entry: the matrix product is P @ C"
    reciprocal = "1 / C inverts each entry: the inverse of a matrix is np.linalg.inv(C)"
    distance = "the distance of the means needs P^-1 once, between two gaps"
    swapped = "the trace of P^-1 Q is meant, not of Q^-1 P"
    other = "the inverse of cov_q where that of cov_p is meant"
    inverse_q, identity = np.linalg.inv(cov_q), np.broadcast_to(np.eye(D), cov_q.shape)
    quadratic = [square_of(m) for m in (identity, cov_p, inverse_q, cov_q, precision @ precision)]
    table = [
        ("the direction: that is KL(p || q)", _gaussian_kl(mean_p, cov_p, mean_q, cov_q)),
        ("log det has the wrong sign", kl(log_det=-right)),
        ("the -D is missing", kl() + 0.5 * D),
        ("the factor 1/2 is missing", 2 * kl()),
        ("D is the number of dimensions, not of datapoints", kl() + 0.5 * (D - N)),
        (entrywise, kl(diagonals)),
        (entrywise, kl(diagonals, square_of(at_once))),
        (entrywise, kl(square=square_of(at_once))),
        (reciprocal, kl(trace_of(1 / cov_p), square_of(1 / cov_p))),
        (reciprocal, kl(trace_of(1 / cov_p))),
        (reciprocal, kl(square=square_of(1 / cov_p))),
        ("only the diagonals are used", kl(trace_of(at_once), square_of(at_once))),
        ("the sum of all entries, where the trace is meant", kl((precision @ cov_q).sum((1, 2)))),
        ("the trace of cov_p^-1 alone: cov_q is missing", kl(trace_of(precision @ inverse_q))),
        ("the trace of cov_q alone: cov_p^-1 is missing", kl(trace_of(identity))),
        (swapped, kl(np.einsum("nij,nji->n", inverse_q, cov_p))),
        ("the trace of P Q: the inverse is missing", kl(trace_of(cov_p))),
        ("a determinant, where a trace is meant", kl(det_q / det_p)),
        *((distance, kl(square=form)) for form in quadratic),
        (distance, kl(square=np.einsum("nij,nj->n", precision, gap))),
        (distance, kl(square=np.einsum("nij,nj->n", precision, gap**2))),
        (distance, kl(square=np.linalg.norm(gap, axis=1))),
        (f"{distance}; the root is too much", kl(square=np.sqrt(square))),
        *((what, kl(log_det=wrong)) for what, wrong in _wrong_log_dets(cov_q, cov_p)),
        ("cov_p where its inverse is meant", kl(trace_of(cov_p), square_of(cov_p))),
        (other, kl(trace_of(inverse_q), square_of(inverse_q))),
    ]
    return [Suspect(*row) for row in table]
