"""One Hamiltonian transition that leaves a density of z invariant.

With momentum p ~ N(0, I) and step sizes h, L leapfrog steps

    p <- p + h/2 d log f / dz,      z <- z + h p,      p <- p + h/2 d log f / dz

lead to (z', p'), accepted with probability min(1, f(z') N(p'; 0, I) / (f(z) N(p; 0, I))).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.types import Array

TARGET_ACCEPTANCE = 0.65
"""Of a well-chosen step size; Neal (2011), section 4.4."""


def transition(
    at: Callable[[Array], Any],
    log_f: Callable[[Any], Array],
    slope: Callable[[Any], Array],
    rng: np.random.Generator,
    point: Any,
    step: Array,
    num_leapfrog: int,
) -> tuple[Any, Array]:
    """Move S chains of N densities at once: one point (S, N, D) to the next.

    Parameters
    ----------
    at : callable
        z (S, N, D) -> a point: a NamedTuple of arrays (S, N) or (S, N, D), the first one z, which
        holds all that is known at z.
    log_f, slope : callable
        point -> log f (S, N), and d log f / dz (S, N, D).
    rng : numpy Generator
        For momenta and acceptance.
    point : NamedTuple
        Where the chains are.
    step : ndarray (N, D)
        Step sizes h, which is also a diagonal mass matrix: the scale of each z_d.
    num_leapfrog : int
        L >= 1; L calls of ``at``.

    Returns
    -------
    point : NamedTuple
        Where the chains go on.
    acceptance : ndarray (N,)
        Mean acceptance probability of the S chains.

    Notes
    -----
    Neal (2011), "MCMC using Hamiltonian dynamics", section 3.
    """
    z = point[0]
    momentum = np.asarray(rng.standard_normal(z.shape, dtype=z.dtype))
    end, p = point, momentum
    # A diverging path ends in infinity or NaN, which the comparison below rejects.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(num_leapfrog):
            p = p + 0.5 * step * slope(end)
            end = at(end[0] + step * p)
            p = p + 0.5 * step * slope(end)
        kinetic = 0.5 * (np.sum(p**2, axis=-1) - np.sum(momentum**2, axis=-1))
        log_ratio = log_f(end) - log_f(point) - kinetic
    probability = np.exp(np.minimum(np.nan_to_num(log_ratio, nan=-np.inf), 0))
    accept = rng.random(probability.shape) < probability
    moved = [
        np.where(accept if new.ndim == 2 else accept[..., None], new, old)
        for new, old in zip(end, point)
    ]
    return type(point)(*moved), probability.mean(axis=0)


def adapted(step: Array, acceptance: Array, gain: Array | float = 0.3) -> Array:
    """Step sizes (N,) a little longer where much was accepted, shorter where little was."""
    return step * np.exp(gain * (acceptance - TARGET_ACCEPTANCE))
