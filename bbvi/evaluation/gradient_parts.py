"""Where the noise of a minibatch's gradient comes from, by nested replicates.

One step's gradient G depends on the minibatch B and on all that is drawn for it: Step 1's samples
and Step 2's.  The law of total variance splits its variance, and with the gradient g at the
optimum of Step 1 there is a bias:

    E |G - g|^2  =  E Var(G | B)  +  Var E(G | B)  +  |E G - g|^2
                    Monte Carlo      minibatch        unconverged Step 1

M minibatches, each with R >= 2 replicates, estimate the parts without bias (analysis of variance
with one random effect): a part that is nearly zero may come out below zero.  Everything is the sum
over the parameters, divided by their number.

Notes
-----
Searle, Casella and McCulloch (1992), "Variance components", section 3.5.
"""

from typing import NamedTuple

import numpy as np

from bbvi.types import Array


class Part(NamedTuple):
    """An estimate and its standard error."""

    value: float
    error: float


class Parts(NamedTuple):
    """The parts of a gradient's mean squared error, per parameter.

    Attributes
    ----------
    monte_carlo : Part
        E_B Var(G | B): what draws of z leave, in Step 1 and in Step 2.
    minibatch : Part
        Var_B E(G | B): what another choice of datapoints changes.
    variance : Part
        Their sum, estimated as such: the parts have errors in common.
    total : Part
        Var G from single draws on separate minibatches: independent of the sum.
    bias_squared : Part or None
        |E G - g|^2; None without a reference.
    gradient_squared : Part
        |E G|^2: the signal beside the noise.
    """

    monte_carlo: Part
    minibatch: Part
    variance: Part
    total: Part
    bias_squared: Part | None
    gradient_squared: Part

    @property
    def z(self) -> float:
        """The sum of the parts less the total, in standard errors."""
        error = float(np.hypot(self.variance.error, self.total.error))
        difference = self.variance.value - self.total.value
        if error == 0:
            return 0.0 if difference == 0 else float(np.copysign(np.inf, difference))
        return difference / error


def gradient_parts(nested: Array, single: Array, reference: Array | None = None) -> Parts:
    """Split a gradient's variance into its parts.

    Parameters
    ----------
    nested : ndarray (M, R, p)
        R >= 2 gradients for each of M minibatches, which are drawn independently.
    single : ndarray (T, p)
        One gradient for each of T other minibatches.
    reference : ndarray (M, p), optional
        The gradient at the optimum of Step 1, on the minibatches of ``nested``.

    Raises
    ------
    ValueError
        If shapes do not agree, or M, R or T is below 2.

    Examples
    --------
    A minibatch's effect with variance 4, and noise with variance 9 on top of it:

    >>> rng = np.random.default_rng(0)
    >>> effects = 2 * rng.standard_normal((2, 20_000, 1, 1))
    >>> nested, single = effects + 3 * rng.standard_normal((2, 20_000, 2, 1))
    >>> parts = gradient_parts(nested, single[:, 0])
    >>> round(parts.monte_carlo.value), round(parts.minibatch.value), round(parts.total.value)
    (9, 4, 13)
    """
    _check_shapes(nested, single, reference)
    (M, R, p), T = nested.shape, len(single)
    within_mean = nested.mean(axis=1)
    # Each line has one number for each minibatch, whose mean is the estimate.
    within = ((nested - within_mean[:, None]) ** 2).sum(axis=(1, 2)) / (R - 1)
    between = ((within_mean - within_mean.mean(axis=0)) ** 2).sum(axis=1) * M / (M - 1)
    total = ((single - single.mean(axis=0)) ** 2).sum(axis=1) * T / (T - 1)
    bias = None if reference is None else _squared_mean(within_mean - reference)
    return Parts(
        _mean(within / p),
        _mean((between - within / R) / p),
        _mean((between + within * (1 - 1 / R)) / p),
        _mean(total / p),
        bias,
        _squared_mean(within_mean),
    )


def _mean(values: Array) -> Part:
    return Part(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _squared_mean(rows: Array) -> Part:
    """|E row|^2 per parameter, without the bias that the mean's own noise has.

    |mean|^2 is too large by tr(C) / M, with C the covariance of a row.  Its variance is
    4 mean^T C mean / M + 2 tr(C^2) / M^2, the second term alone where the expectation is zero.
    """
    M, p = rows.shape
    mean = rows.mean(axis=0)
    centred = rows - mean
    spread = (centred**2).sum() / (M - 1)
    along = ((centred @ mean) ** 2).sum() / (M - 1)
    # |C C^T| = |C^T C|: the smaller product has the same Frobenius norm.
    products = centred @ centred.T if p >= M else centred.T @ centred
    squares = (products**2).sum() / (M - 1) ** 2
    value, error = mean @ mean - spread / M, np.sqrt(4 * along / M + 2 * squares / M**2)
    return Part(float(value / p), float(error / p))


def _check_shapes(nested: Array, single: Array, reference: Array | None) -> None:
    if nested.ndim != 3 or min(nested.shape[:2]) < 2:
        raise ValueError(
            f"nested has shape {nested.shape}; expected (M, R, p) with at least 2 minibatches and "
            "2 replicates of each."
        )
    if single.ndim != 2 or len(single) < 2 or single.shape[1] != nested.shape[2]:
        raise ValueError(
            f"single has shape {single.shape}; expected (T, {nested.shape[2]}) with T >= 2."
        )
    wanted = (nested.shape[0], nested.shape[2])
    if reference is not None and reference.shape != wanted:
        raise ValueError(f"reference has shape {reference.shape}; expected {wanted}.")
