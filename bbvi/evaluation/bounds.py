"""Importance-weighted bounds: between the ELBO (K = 1) and log p(x) (K -> infinity)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import log_weights
from bbvi.logs import log_mean_exp
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count, as_steps


class ImportanceBounds(NamedTuple):
    """L_K = E[log (1/K) sum_k w_k] of each datapoint, for several K; nats.

    Attributes
    ----------
    num_weights : ndarray of int (B,)
        The K, ascending.
    value, standard_error : ndarray (B, N)
    """

    num_weights: Array
    value: Array
    standard_error: Array


def importance_bounds(
    family: Family,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    num_weights: Sequence[int] = (1, 10, 100),
    num_replicates: int = 10,
) -> ImportanceBounds:
    """L_1 = ELBO <= L_K <= L_K' <= log p(x) for K <= K'.

    All bounds are averages over groups of the same max(K) * num_replicates samples, so that their
    differences are less noisy than they are.

    Parameters
    ----------
    family, target
        q and log p(x, .).
    lam : ndarray (N, P)
        Variational parameters.
    rng : numpy Generator
        For the samples.
    num_weights : sequence of int
        The K; each must divide the largest.
    num_replicates : int
        Independent groups at the largest K, at least 2.

    Returns
    -------
    ImportanceBounds

    Raises
    ------
    ValueError
        If there is no K, one does not divide the largest, or there are fewer than 2 groups.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), equation 8 and theorem 1.
    """
    sizes = sorted({as_count("num_weights", K) for K in num_weights})
    if not sizes:
        raise ValueError("num_weights is empty; expected numbers of samples, e.g. (1, 10, 100).")
    R = as_steps("num_replicates", num_replicates, minimum=2)
    if any(sizes[-1] % K for K in sizes):
        raise ValueError(f"num_weights is {sizes}; expected divisors of the largest, {sizes[-1]}.")
    bounds = []
    for _ in range(R):
        log_w = np.concatenate(list(log_weights(family, target, lam, rng, sizes[-1])))
        bounds.append([_log_mean(log_w, K).mean(axis=0) for K in sizes])
    replicates = np.array(bounds)
    error = replicates.std(axis=0, ddof=1) / np.sqrt(R)
    return ImportanceBounds(np.array(sizes), replicates.mean(axis=0), error)


def _log_mean(log_w: Array, size: int) -> Array:
    """Log of the mean weight of each group of ``size``: (S, N) -> (S / size, N)."""
    groups = log_w.reshape(-1, size, log_w.shape[1])
    return log_mean_exp(groups, axis=1)
