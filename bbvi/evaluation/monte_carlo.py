"""The ELBO by Monte Carlo, with its standard error."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.arguments import check_table
from bbvi.limits import check_time
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count, as_float_array, check_rng

_ROWS = 2**16


class MonteCarlo(NamedTuple):
    """A Monte Carlo value for each datapoint, with its standard error (nats).

    Attributes
    ----------
    value, standard_error : ndarray (N,)
        The standard error is that of the sampling of z, not of the choice of datapoints.
    """

    value: Array
    standard_error: Array


def elbo(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int = 1000
) -> MonteCarlo:
    """ELBO_n = E_q[log p(x_n, z) - log q_n(z)], the mean over S samples.

    Parameters
    ----------
    family, target
        q and log p(x, .).
    lam : ndarray (N, P)
        Variational parameters.
    rng : numpy Generator
        For the samples.
    num_samples : int
        S >= 2; drawn and evaluated in parts, so memory does not grow with S.

    Returns
    -------
    MonteCarlo

    Raises
    ------
    TypeError, ValueError
        If S < 2 (one sample has no standard error), lam is not (N, P), finite and of the target's
        dtype, or rng is no Generator.

    Notes
    -----
    Ermon/Grover notes, "Learning directed latent variable models"; Rios, "Evidence lowerbound".
    """
    S = as_count("num_samples", num_samples, minimum=2)
    # The first part's mean is the origin of the sums, so that no digits cancel in the variance.
    parts = log_weights(family, target, lam, rng, S)
    origin, total, squares = np.full(len(lam), np.nan), np.zeros(len(lam)), np.zeros(len(lam))
    for log_w in parts:
        origin = np.where(np.isnan(origin), log_w.mean(axis=0), origin)
        total += (log_w - origin).sum(axis=0)
        squares += ((log_w - origin) ** 2).sum(axis=0)
    mean = total / S
    variance = np.maximum(squares / S - mean**2, 0) * S / (S - 1)
    return MonteCarlo(origin + mean, np.sqrt(variance / S))


def log_weights(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> Iterator[Array]:
    """log p(x, z_s) - log q(z_s) for S samples, in float64 parts of shape (at most S, N).

    Raises
    ------
    TypeError, ValueError
        If lam, the family and the target do not fit each other, or rng is no Generator.
    """
    check_start(family, target, lam, rng)
    return _parts(family, target, lam, rng, num_samples)


def check_start(family: Any, target: Target, lam: Array, rng: Any) -> None:
    """Raise unless samples of q can be drawn at lam and set beside the target.

    Raises
    ------
    TypeError, ValueError
        If lam, the family and the target do not fit each other, lam is not finite, or rng is no
        Generator.
    """
    check_table(family, target, lam)
    as_float_array("lam", lam, ndim=2)
    check_rng(rng)


def _parts(
    family: Family, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> Iterator[Array]:
    part = max(1, _ROWS // target.num_data)
    begun = time.perf_counter()
    for start in range(0, num_samples, part):
        if start == part:
            seconds = (time.perf_counter() - begun) * num_samples / part
            check_time(f"num_samples is {num_samples}", seconds, advice="Ask for fewer.")
        size = min(part, num_samples - start)
        z = family.transform(lam, family.noise(rng, size, target.num_data, target.dtype))
        yield (target.value(z) - family.log_prob(lam, z)).astype(np.float64)
