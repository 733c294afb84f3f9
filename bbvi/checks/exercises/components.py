"""Checks of exercises about parts of priors and families."""

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.exercises.answers import Answer, check_answer
from bbvi.checks.exercises.densities import (
    NOT_ADDED,
    ONE_MAXIMUM,
    SIZES,
    D,
    N,
    S,
    check_far_away,
    far_apart,
)
from bbvi.checks.mistakes import Suspect, without_frames
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

    right, at_mean = through(factor), np.einsum("nij,nj->ni", factor, mean)
    suspects = [
        Suspect("L is transposed: the covariance would be L^T L", through(factor.swapaxes(1, 2))),
        Suspect(
            "the covariance L L^T instead of its factor", through(factor @ factor.swapaxes(1, 2))
        ),
        Suspect("the inverse of L: it would whiten z", through(np.linalg.inv(factor))),
        Suspect("only the diagonal of L is used", through(factor * np.eye(D))),
        Suspect("the mean is missing", through(factor) - mean),
        Suspect("one L for all datapoints", through(np.broadcast_to(factor[:1], factor.shape))),
        Suspect("elementwise * instead of the matrix product", mean + eps * factor.sum(axis=-1)),
        Suspect("L times (mean + eps): the mean is not multiplied", right - mean + at_mean),
        Suspect("eps is added: L eps replaces it", right + eps),
        Suspect(
            "(L^T)^-1 solves, where L multiplies", through(np.linalg.inv(factor.swapaxes(1, 2)))
        ),
        Suspect("L is missing: z has the covariance L L^T", mean + eps),
        Suspect("L L eps: the factor was applied twice", through(factor @ factor)),
    ]
    terms = {"the mean": np.tile(mean, (S, 1, 1)), "L eps": right - mean}
    check_answer(
        answer,
        {"eps": eps, "mean": mean, "factor": factor},
        right,
        suspects,
        formula=lambda eps, mean, factor: mean + np.einsum("nij,snj->sni", factor, eps),
        terms=terms,
        sizes=SIZES,
    )


@without_frames
def log_sum_exp_last(terms: Array) -> Array:
    """The log of the sum of exp over the last axis."""
    return np.log(np.exp(terms).sum(axis=-1))


def _log_mixture(log_weights: Array, log_densities: Array) -> Array:
    return log_sum_exp_last(log_weights + log_densities)


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
    terms = np.log(weights) + log_p
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
        Suspect(
            "log w_k outside the log: it weighs the component inside the sum",
            np.log(np.exp(log_p).sum(axis=-1)) + np.log(weights).sum(),
        ),
        Suspect("log w_k multiplies, where it is added", log_sum_exp_last(np.log(weights) * log_p)),
        Suspect("w_k multiplies the log-density inside exp", log_sum_exp_last(weights * log_p)),
        Suspect(
            "log w_k is subtracted, where it is added", log_sum_exp_last(log_p - np.log(weights))
        ),
        Suspect(
            "log w_k as a weight of exp(log N_k)",
            np.log(np.abs((np.log(weights) * np.exp(log_p)).sum(-1))),
        ),
        Suspect("the largest component alone: the sum is missing", terms.max(axis=-1)),
        Suspect("the largest component alone: the sum is missing", log_p.max(axis=-1)),
        Suspect("the logs are added: a mixture is a sum of densities", terms.sum(axis=-1)),
        Suspect("the mean of the logs: the logarithm belongs outside", terms.mean(axis=-1)),
        Suspect("the first component alone: sum over all", terms[..., 0]),
        Suspect("the last component alone: sum over all", terms[..., -1]),
        *reductions(np.exp(terms), -1, "sum"),
        *(
            Suspect(s.mistake, np.log(np.abs(s.consequence)))
            for s in reductions(np.exp(terms), -1, "sum")
        ),
    ]
    arguments = {"log_weights": np.log(weights), "log_densities": log_p}
    sizes = {"K, the number of components": K} | SIZES
    check_answer(answer, arguments, right, suspects, formula=_log_mixture, sizes=sizes)
    check_far_away(answer, {**arguments, "log_densities": log_p - 2000}, right - 2000)
    apart = far_apart(S * N).reshape(S, N)
    shifted = {**arguments, "log_densities": log_p - apart[..., None]}
    check_far_away(answer, shifted, right - apart, ONE_MAXIMUM)
