"""Baselines and control variates of the score function.

Because E_q[score] = 0, anything independent of z_s may be subtracted from f(z_s):

    d/dlam E_q[f] = E_q[(f(z) - b) score],        Var smallest at b_p = E[f h_p^2] / E[h_p^2],

h = score.  Nothing here keeps state of its own.  What was learned before the call is an argument
(`constant`, ``start``, ``coefficients``); what is learned after it is the value of a function
that the caller keeps (`after`).

lam is (N, P) and eps (S, N, ...).  TypeError or ValueError is raised if shapes or dtypes disagree.
"""

from functools import partial
from typing import Any

import numpy as np

from bbvi.estimators.arguments import check_arguments
from bbvi.estimators.expectations import Baseline, leave_one_out
from bbvi.types import Array, Estimate, Family, Target

__all__ = [
    "after",
    "constant",
    "control_variate",
    "cross_fitted_control_variate",
    "leave_one_out",
    "moving_average",
    "optimal_coefficients",
    "var_grad",
]


def constant(value: Array | float) -> Baseline:
    """b = value, fixed before the samples were drawn: a number or one per datapoint (N,).

    Parameters
    ----------
    value : float or ndarray (N,)
        E.g. a running mean of the ELBO, or the predictions of a network from x
        (`bbvi.estimators.nvil`).
    """
    return partial(_fixed, value)


def _fixed(value: Array | float, f: Array) -> Array:
    return np.asarray(value, dtype=f.dtype)


def moving_average(f: Array, start: Array | float = 0.0, decay: float = 0.9) -> Array:
    """b_s = the running mean of the *earlier* samples' f: (S, N).

    b_1 = start,  b_{s+1} = decay b_s + (1 - decay) f_s: f_s enters only after b_s was used.
    Updating first would put f_s into its own baseline and shrink the gradient by ``decay``.

    Parameters
    ----------
    f : ndarray (S, N)
        In the order of the samples.
    start : float or ndarray (N,)
        The running mean so far; see `after`.
    decay : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the decay is not between 0 and 1.

    Notes
    -----
    Williams (1992), "reinforcement comparison"; Rios, "baselines".

    Examples
    --------
    >>> import numpy as np
    >>> moving_average(np.array([[1.0], [1.0], [1.0]]), decay=0.5).ravel().tolist()
    [0.0, 0.5, 0.75]
    """
    _check_decay(decay)
    baseline = np.empty_like(f)
    running = np.broadcast_to(np.asarray(start, dtype=f.dtype), f.shape[1:])
    for s, f_s in enumerate(f):
        baseline[s] = running
        running = decay * running + (1 - decay) * f_s
    return baseline


def after(mean: Array | float, elbo: Array, decay: float = 0.9) -> Array:
    """The running mean once an estimate has been used: decay mean + (1 - decay) elbo, (N,).

    Parameters
    ----------
    mean : float or ndarray (N,)
        The running mean that was this call's baseline.
    elbo : ndarray (N,)
        ``Estimate.elbo`` of that call.

    Raises
    ------
    ValueError
        If the decay is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> float(after(0.0, np.array([-80.0]))[0].round(6))
    -8.0
    """
    _check_decay(decay)
    return decay * np.asarray(mean, dtype=elbo.dtype) + (1 - decay) * elbo


def control_variate(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
    coefficients: Array | float = 0.0,
) -> Estimate:
    """E_q[(f(z) - a_p) h_p]: the score as a control variate, one coefficient per parameter.

    Requires
    --------
    Coefficients that do not depend on these samples, e.g. from `optimal_coefficients` of others.
    Unbiased.

    Parameters
    ----------
    coefficients : float or ndarray (N, P)
        a.

    Notes
    -----
    Ranganath et al. (2014), section 3.2; Rios, "baselines and control variates".
    """
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    a = np.asarray(coefficients, dtype=lam.dtype)
    grad = ((f[..., None] - a) * family.score(lam, z)).mean(axis=0)
    return Estimate(f.mean(axis=0), grad, dtheta)


def optimal_coefficients(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
) -> Array:
    """a_p = sum_s f_s h_sp^2 / sum_s h_sp^2, the estimated optimum of `control_variate`: (N, P).

    A weighted mean of f, so that it is bounded by f whatever S is; Cov(f h, h) / Var(h) with the
    known E[h] = 0.

    Notes
    -----
    Ranganath et al. (2014), equation 8.
    """
    check_arguments(family, target, lam, eps)
    z = family.transform(lam, eps)
    f = target.evaluate(z).log_p
    return _optimum(f, family.score(lam, z))


def cross_fitted_control_variate(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """`control_variate` whose coefficients come from the other half of the samples.

    Requires
    --------
    S >= 2.  Unbiased, because no sample meets a coefficient that it has helped to choose.

    Raises
    ------
    ValueError
        If S = 1.

    Notes
    -----
    Ranganath et al. (2014), section 3.2, who estimate the coefficients from the same samples,
    which is biased.
    """
    check_arguments(family, target, lam, eps)
    S = _at_least_two(eps, "cross_fitted_control_variate")
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    score = family.score(lam, z)
    halves = slice(0, S // 2), slice(S // 2, S)
    grad = np.zeros_like(lam)
    for half, other in (halves, halves[::-1]):
        a = _optimum(f[other], score[other])
        grad += ((f[half][..., None] - a) * score[half]).sum(axis=0)
    return Estimate(f.mean(axis=0), grad / S, dtheta)


def var_grad(
    family: Family,
    target: Target,
    lam: Array,
    eps: Array,
) -> Estimate:
    """(1 / (S - 1)) sum_s (f_s - mean f) h_s: half the gradient of the sample variance of f.

    The same number as the score function with the leave-one-out baseline, reached from the
    log-variance divergence.

    Requires
    --------
    S >= 2.  Unbiased.

    Raises
    ------
    ValueError
        If S = 1.

    Notes
    -----
    Richter et al. (2020), equation 9.
    """
    check_arguments(family, target, lam, eps)
    S = _at_least_two(eps, "var_grad")
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    mean = f.mean(axis=0)
    grad = ((f - mean)[..., None] * family.score(lam, z)).sum(axis=0) / (S - 1)
    return Estimate(mean, grad, dtheta)


def _optimum(f: Array, score: Array) -> Array:
    squares = score**2
    # Scores of all zero leave nothing to correct; the floor only avoids 0 / 0 there.
    total = np.maximum(squares.sum(axis=0), np.finfo(score.dtype).tiny)
    return (f[..., None] * squares).sum(axis=0) / total


def _at_least_two(eps: Array, name: str) -> int:
    if len(eps) < 2:
        raise ValueError(
            f"{name} got S = {len(eps)} sample; expected S >= 2, because every sample is compared "
            "with others. Draw more samples, or use the plain score function."
        )
    return len(eps)


def _check_decay(decay: Any) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay}; expected a number from 0 to 1, e.g. 0.9.")
