"""log p(x) by importance sampling with q as the proposal."""

from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import log_weights
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count


class ImportanceEvidence(NamedTuple):
    """log p(x_n) by importance sampling.

    Attributes
    ----------
    value : ndarray (N,)
        Log of the mean weight, nats: biased downwards by about half its variance.
    standard_error : ndarray (N,)
        By the delta method: sd(w) / (mean(w) sqrt(S)).
    effective_sample_size : ndarray (N,)
        (sum w)^2 / sum w^2, from 1 to S.  Far below S, the standard error is too small.
    """

    value: Array
    standard_error: Array
    effective_sample_size: Array


def log_evidence_is(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int = 5000
) -> ImportanceEvidence:
    """log p(x) ~ log (1/S) sum_s w_s with w_s = p(x, z_s) / q(z_s) and z_s ~ q.

    Parameters
    ----------
    family, target
        q and log p(x, .).
    lam : ndarray (N, P)
        The proposal's parameters.
    rng : numpy Generator
        For the samples.
    num_samples : int
        S >= 2; drawn and evaluated in parts, so memory does not grow with S.

    Returns
    -------
    ImportanceEvidence

    Raises
    ------
    TypeError, ValueError
        If S < 2, lam is not (N, P) of the target's dtype, or rng is no Generator.

    Notes
    -----
    Ermon/Grover notes, "Learning directed latent variable models", with q in place of the prior;
    Burda, Grosse and Salakhutdinov (2016), section 5.
    """
    S = as_count("num_samples", num_samples, minimum=2)
    parts = log_weights(family, target, lam, rng, S)
    # Finite, so that weights of 0 can be rescaled too.
    highest = np.full(len(lam), np.finfo(np.float64).min)
    total, squares = np.zeros(len(lam)), np.zeros(len(lam))
    for log_w in parts:
        # Log-sum-exp as it streams: when a new maximum comes, rescale what has been summed.
        new = np.maximum(highest, log_w.max(axis=0))
        shrink = np.exp(highest - new)
        w = np.exp(log_w - new)
        total = total * shrink + w.sum(axis=0)
        squares = squares * shrink**2 + (w**2).sum(axis=0)
        highest = new
    mean = total / S
    variance = np.maximum(squares / S - mean**2, 0) * S / (S - 1)
    return ImportanceEvidence(
        highest + np.log(mean), np.sqrt(variance / S) / mean, total**2 / squares
    )
