"""Checks of exercises about parts of priors and families (floor 5)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import NOT_ADDED, D, N, S, check_far_away
from bbvi.checks.verdicts import Suspect, without_frames
from bbvi.types import Array


@without_frames
def check_full_covariance_transform(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``transform(eps, mean, factor)``: z = mean + L eps for each datapoint, (S, N, D).

    eps (S, N, D), mean (N, D), factor L (N, D, D) lower triangular, covariance L L^T.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": the Cholesky factor of the covariance.
    """
    eps, mean = rng.standard_normal((S, N, D)), rng.standard_normal((N, D))
    factor = np.tril(rng.uniform(0.5, 1.5, (N, D, D)))

    def through(matrix: Array) -> Array:
        return mean + np.einsum("nij,snj->sni", matrix, eps)

    suspects = [
        Suspect("L is transposed: the covariance would be L^T L", through(factor.swapaxes(1, 2))),
        Suspect(
            "the covariance L L^T instead of its factor", through(factor @ factor.swapaxes(1, 2))
        ),
        Suspect("the inverse of L: it would whiten z", through(np.linalg.inv(factor))),
        Suspect("only the diagonal of L is used", through(factor * np.eye(D))),
        Suspect("the mean is missing", through(factor) - mean),
        Suspect("one L for all datapoints", through(np.broadcast_to(factor[:1], factor.shape))),
    ]
    check_answer(answer, {"eps": eps, "mean": mean, "factor": factor}, through(factor), suspects)


@without_frames
def check_log_mixture(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_mixture(log_weights, log_densities)``: log sum_k w_k N_k(z), (..., K) -> (...).

    log_weights (K,) sum to 1 after exp; log_densities (S, N, K) are the components' at z.

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": a mixture as the prior.
    """
    K = 4
    weights = rng.dirichlet(np.ones(K))
    log_p = rng.standard_normal((S, N, K)) - 3
    right = np.log((weights * np.exp(log_p)).sum(axis=-1))
    suspects = [
        Suspect(
            "the mean of the logs: the logarithm belongs outside the sum over components",
            (weights * log_p).sum(axis=-1),
        ),
        Suspect("the weights are missing", np.log(np.exp(log_p).sum(axis=-1))),
        Suspect("equal weights instead of w_k", np.log(np.exp(log_p).mean(axis=-1))),
        Suspect("w_k where log w_k is meant", np.log((np.exp(weights + log_p)).sum(axis=-1))),
        Suspect(NOT_ADDED, right - (np.log(weights) + log_p).max(axis=-1)),
        Suspect("divided by K: the weights have sum 1 already", right - np.log(K)),
        Suspect("a density, where its log is meant", np.exp(right)),
    ]
    arguments = {"log_weights": np.log(weights), "log_densities": log_p}
    check_answer(answer, arguments, right, suspects)
    check_far_away(answer, {**arguments, "log_densities": log_p - 2000}, right - 2000)
