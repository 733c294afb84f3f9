"""The checks of the exercises about richer families and priors: full covariance, mixture."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.log_mean_exp import (
    NOT_ADDED,
    NOT_THE_LARGEST,
    ONE_MAXIMUM,
    check_far_away,
    far_apart,
    far_apart_samples,
)
from bbvi.checks.exercises.sizes import SIZES, D, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_full_covariance_transform(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``transform(eps, mean, factor)``: z = mean + L eps for each datapoint, (S, N, D).

    eps (S, N, D), mean (N, D), factor L (N, D, D) lower triangular, covariance L L^T.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": the Cholesky factor of the covariance.
    """
    eps, mean = rng.standard_normal((S, N, D)), rng.standard_normal((N, D))
    factor = np.tril(rng.uniform(0.5, 1.5, (N, D, D)))
    factor[::2] *= 2 * np.eye(D) - 1  # either sign below the diagonal: an abs is seen
    right = _transform(eps, mean, factor)

    def through(matrix: Array) -> Array:
        return _transform(eps, mean, matrix)

    transposed = factor.swapaxes(1, 2)
    table = [
        ("L is transposed: the covariance would be L^T L", through(transposed)),
        ("the covariance L L^T instead of its factor", through(factor @ transposed)),
        ("L L^T / 2 instead of L: its root is no half", through(factor @ transposed / 2)),
        ("the inverse of L: it would whiten z", through(np.linalg.inv(factor))),
        ("(L^T)^-1 solves, where L multiplies", through(np.linalg.inv(transposed))),
        ("only the diagonal of L is used", through(factor * np.eye(D))),
        ("the mean is missing", right - mean),
        ("one L for all datapoints", through(np.broadcast_to(factor[:1], factor.shape))),
        ("elementwise * instead of the matrix product", mean + eps * factor.sum(axis=-1)),
        (
            "L times (mean + eps): the mean is not multiplied",
            _transform(eps + mean, 0 * mean, factor),
        ),
        ("eps is added: L eps replaces it", right + eps),
        ("L is missing: z has the covariance L L^T", mean + eps),
        ("L L eps: the factor was applied twice", through(factor @ factor)),
    ]
    terms = {"the mean": np.tile(mean, (S, 1, 1)), "L eps": right - mean}
    arguments = {"eps": eps, "mean": mean, "factor": factor}
    check_formula(answer, arguments, _transform, [Suspect(*row) for row in table], terms=terms)


def _transform(eps: Array, mean: Array, factor: Array) -> Array:
    return mean + np.einsum("nij,snj->sni", factor, eps)


@without_frames
def check_log_mixture(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_mixture(log_weights, log_densities)``: log sum_k w_k N_k(z), (..., K) -> (...).

    log_weights (K,) sum to 1 after exp; log_densities (S, N, K) are the components' at z.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": a mixture as the prior.
    """
    K = 4
    log_weights = np.log(rng.dirichlet(np.ones(K)))
    log_p = rng.standard_normal((S, N, K)) - 3
    arguments = {"log_weights": log_weights, "log_densities": log_p}
    suspects = _mistakes_of_the_mixture(log_weights, log_p)
    sizes = {"K, the number of components": K} | SIZES
    check_formula(answer, arguments, _log_mixture, suspects, also=[_stable], sizes=sizes)
    right = _log_mixture(log_weights, log_p)
    check_far_away(answer, {**arguments, "log_densities": log_p - 2000}, right - 2000)
    apart = far_apart(S * N).reshape(S, N)
    shifted = {**arguments, "log_densities": log_p - apart[..., None]}
    check_far_away(answer, shifted, right - apart, ONE_MAXIMUM)
    uneven = {**arguments, "log_densities": log_p - far_apart_samples(K)}
    check_far_away(answer, uneven, _stable(**uneven), NOT_THE_LARGEST)


def _log_mixture(log_weights: Array, log_densities: Array) -> Array:
    return np.log(np.sum(np.exp(log_weights + log_densities), axis=-1))


def _stable(log_weights: Array, log_densities: Array) -> Array:
    terms = log_weights + log_densities
    highest = np.max(terms, axis=-1)
    return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))


def _mistakes_of_the_mixture(log_weights: Array, log_p: Array) -> list[Suspect]:
    weights, right = np.exp(log_weights), _log_mixture(log_weights, log_p)
    terms, K = log_weights + log_p, len(log_weights)

    def log_sum(terms: Array) -> Array:
        return np.log(np.exp(terms).sum(axis=-1))

    means = "the mean of the logs: the logarithm belongs outside the sum over components"
    largest = "the largest component alone: the sum is missing"
    table = [
        (means, (weights * log_p).sum(axis=-1)),
        (means, terms.mean(axis=-1)),
        ("the weights are missing", log_sum(log_p)),
        ("equal weights instead of w_k", log_sum(log_p) - np.log(K)),
        ("w_k where log w_k is meant", log_sum(weights + log_p)),
        (NOT_ADDED, right - terms.max(axis=-1)),
        ("divided by K: the weights have sum 1 already", right - np.log(K)),
        ("divided by the sum of all N_k(z): the weights have sum 1", right - log_sum(log_p)),
        ("a density, where its log is meant", np.exp(right)),
        (
            "log w_k outside the log: it weighs the component inside the sum",
            log_sum(log_p) + log_weights.sum(),
        ),
        ("log w_k multiplies, where it is added", log_sum(log_weights * log_p)),
        ("w_k multiplies the log-density inside exp", log_sum(weights * log_p)),
        ("log w_k is subtracted, where it is added", log_sum(log_p - log_weights)),
        (
            "log w_k as a weight of exp(log N_k)",
            np.log(np.abs((log_weights * np.exp(log_p)).sum(axis=-1))),
        ),
        (
            "log w_k as a weight of exp(log N_k), and the log is missing",
            (log_weights * np.exp(log_p)).sum(axis=-1),
        ),
        (largest, terms.max(axis=-1)),
        (largest, log_p.max(axis=-1)),
        ("the logs are added: a mixture is a sum of densities", terms.sum(axis=-1)),
        ("the first component alone: sum over all", terms[..., 0]),
        ("the last component alone: sum over all", terms[..., -1]),
    ]
    return [Suspect(*row) for row in table]
