"""Draws of q after a fit, on the scale on which they are reported."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from bbvi.evaluation.monte_carlo import check_start
from bbvi.families.diagonal_gaussian import cholesky
from bbvi.importance_weights import WeightedMoments, normalized, psis, smoothed_moments
from bbvi.types import Array, Family, Target
from bbvi.validation import as_count, as_float_array, check_rng


class Draws(NamedTuple):
    """S draws of q for each of N rows, and their log-densities in nats.

    Attributes
    ----------
    names : tuple of str
        Of the R numbers reported.
    values : ndarray (S, N, R)
        What is reported, on its own scale.
    z : ndarray (S, N, D)
        The same draws, unconstrained.
    log_p, log_q : ndarray (S, N)
        log p(x, z), up to the model's constant, and log q(z); both are densities of z.
    """

    names: tuple[str, ...]
    values: Array
    z: Array
    log_p: Array
    log_q: Array


def draw(
    family: Family,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    num_samples: int = 1000,
    *,
    of: Callable[[Array], Array] | None = None,
    names: tuple[str, ...] | None = None,
) -> Draws:
    """z ~ q_lam and what is reported of it.

    Parameters
    ----------
    family, target
        q and log p(x, .).
    lam : ndarray (N, P)
        Variational parameters.
    rng : numpy Generator
        For the draws.
    num_samples : int
        S.
    of : callable, optional
        What to report: z (S, N, D) -> (S, N, R), e.g. ``posterior.constrain``; by default z.
    names : tuple of str, optional
        Of the R numbers, e.g. ``posterior.names``; by default z[1], z[2], ...

    Returns
    -------
    Draws
        ``log_p - log_q`` are the log-weights of `bbvi.psis` and `importance_resample`.

    Raises
    ------
    TypeError, ValueError
        If lam is not (N, P), finite and of the target's dtype, rng is no Generator, ``of`` does not
        keep S and N, or there is not one name for each number.
    """
    S = as_count("num_samples", num_samples)
    check_start(family, target, lam, rng)
    z = family.transform(lam, family.noise(rng, S, target.num_data, target.dtype))
    return _reported(z, of, names, target.value(z), family.log_prob(lam, z))


def _reported(
    z: Array,
    of: Callable[[Array], Array] | None,
    names: tuple[str, ...] | None,
    log_p: Array,
    log_q: Array,
) -> Draws:
    values = z if of is None else np.asarray(of(z))
    if values.ndim != 3 or values.shape[:2] != z.shape[:2]:
        raise ValueError(
            f"of(z) has shape {values.shape} for z of shape {z.shape}; expected (S, N, R)."
        )
    R = values.shape[-1]
    names = names or tuple(f"z[{i + 1}]" for i in range(R))
    if len(names) != R:
        raise ValueError(f"names are {names}; expected {R}, one for each number reported.")
    return Draws(tuple(names), values, z, log_p, log_q)


def heavier_draws(
    mean: Array,
    covariance: Array,
    target: Target,
    rng: np.random.Generator,
    num_samples: int = 1000,
    *,
    of: Callable[[Array], Array] | None = None,
    names: tuple[str, ...] | None = None,
) -> Draws:
    """Draws of a multivariate t with a Gaussian's mean and scale: safer to weight than its own.

    z = mean + L e / sqrt(g / nu), e ~ N(0, I), g ~ chi^2_nu,  nu = max(30, 3 D)

    A Gaussian's tails are lighter than those of most posteriors, so that the largest weights p / q
    are the tails'.  In the middle the two differ little: where the Gaussian is the posterior, the
    weights of the t have an effective sample size of about .96 S at any D.  Far out a log p that
    has overflowed into NaN counts as -inf, a weight of 0.

    Parameters
    ----------
    mean, covariance : ndarray (N, D) and (N, D, D)
        E.g. ``family.moments(lam)``, or those of linear response.
    target, rng, num_samples, of, names
        As for `draw`.

    Notes
    -----
    Owen (2013), "Monte Carlo theory, methods and examples", section 9.1, on tails of proposals.
    """
    S, (N, D) = as_count("num_samples", num_samples), mean.shape
    check_rng(rng)
    L = cholesky(covariance)
    nu = max(30, 3 * D)
    e = rng.standard_normal((S, N, D)) / np.sqrt(rng.chisquare(nu, (S, N, 1)) / nu)
    z = mean + np.einsum("nij,snj->sni", L, e)
    log_q = -0.5 * (nu + D) * np.log1p((e**2).sum(axis=-1) / nu)
    log_q += float(gammaln(0.5 * (nu + D)) - gammaln(0.5 * nu) - 0.5 * D * np.log(nu * np.pi))
    log_q -= np.log(np.diagonal(L, axis1=-2, axis2=-1)).sum(axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        log_p = target.value(z)
    return _reported(z, of, names, np.where(np.isnan(log_p), -np.inf, log_p), log_q)


def weighted_moments(draws: Draws) -> WeightedMoments:
    """Moments of p from draws of q: sum_s w_s f(z_s), w_s the Pareto-smoothed weights p / q.

    Beside q's own moments they show what is wrong with q, as far as k-hat is below 0.7.
    """
    return smoothed_moments(draws.log_p - draws.log_q, draws.values)


def importance_resample(
    log_weights: Array, rng: np.random.Generator, num_samples: int | None = None
) -> Array:
    """Indices of draws, each as often as its Pareto-smoothed weight asks for: (num_samples, N).

    Systematic: draw s comes floor or ceil of num_samples * w_s times, num_samples * w_s on average,
    in random order.  ``values[indices[:, n], n]`` are then draws of p, as far as k-hat allows.

    Parameters
    ----------
    log_weights : ndarray (S, N)
        log p - log q, up to a constant.
    rng : numpy Generator
        For the choice and the order.
    num_samples : int, optional
        By default S.

    Raises
    ------
    TypeError, ValueError
        If the weights are not (S >= 25, N) floats, a weight is NaN, or rng is no Generator.

    Notes
    -----
    Smith and Gelfand (1992), "Bayesian statistics without tears"; Kitagawa (1996) on systematic
    resampling; Vehtari et al. (2024) on the weights.
    """
    check_rng(rng)
    if np.ndim(log_weights) != 2:
        raise ValueError(
            f"log_weights has shape {np.shape(log_weights)}; expected (S, N): draws.log_p - "
            "draws.log_q."
        )
    num = as_count("num_samples", len(log_weights) if num_samples is None else num_samples)
    w = normalized(psis(log_weights).log_weights)
    as_float_array("weights", w, ndim=2)
    chosen = np.empty((num, w.shape[1]), dtype=np.int64)
    for n, column in enumerate(w.T):
        places = (rng.random() + np.arange(num)) / num
        sample = np.searchsorted(np.cumsum(column), places, side="right")
        # The weights' sum is below 1 by rounding, now and then.
        chosen[:, n] = rng.permutation(np.minimum(sample, np.flatnonzero(column)[-1]))
    return chosen
