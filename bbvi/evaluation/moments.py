"""First and second moments of a gradient over replicates, as they stream by."""

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from bbvi.evaluation.intervals import Interval, variance_interval
from bbvi.evaluation.tail_index import tail_index
from bbvi.types import Array


class BlockStatistics(NamedTuple):
    """The gradient in one block of parameters (all means, all log scales, theta, ...).

    Attributes
    ----------
    block : str
        Its name.
    mean, variances : ndarray (P_b,)
        Of each parameter's gradient, over replicates.
    variance : float
        Mean of ``variances``: variance per parameter, comparable across dimensions.
    interval : Interval
        Of ``variance``: low, high, and the method, chi-square or bootstrap.
    snr : float
        sqrt(sum of squared means / sum of variances), the squared means without their bias.
    bias, bias_z : float or None
        The difference from the exact gradient, at the parameter where it is largest in standard
        errors, and that number of standard errors, corrected for being the largest of P_b and for
        standard errors that are themselves estimated from R replicates; None without an exact
        gradient.
    tail_index : float
        k of the replicates' distance from their median, nan where single replicates are not seen.
    variance_exists : bool or None
        False where k says that ``variance`` is infinite, see `bbvi.evaluation.tail_index`; None
        where there are too few replicates to tell.
    not_finite : int
        Replicates whose gradient is not finite; where there are any, ``variance``, ``snr`` and
        ``tail_index`` are nan, ``bias`` and ``variance_exists`` None.
    """

    block: str
    mean: Array
    variances: Array
    variance: float
    interval: Interval
    snr: float
    bias: float | None
    bias_z: float | None
    tail_index: float = np.nan
    variance_exists: bool | None = None
    not_finite: int = 0


class Moments:
    """Running moments of one block, about the first chunk's mean so that no digits cancel."""

    def __init__(self) -> None:
        self.count = 0
        self.not_finite = 0
        self.sizes: list[Array] = []
        self.spread: list[Array] = []
        self.values: list[Array] = []
        self.distances: list[Array] = []

    def add(self, grad: Array) -> None:
        """Add replicates as rows, (R, P_b)."""
        grad = grad.astype(np.float64, copy=False)
        finite = np.isfinite(grad).all(axis=1)
        if not finite.all():
            self.not_finite += int(np.sum(~finite))
            self.width = grad.shape[1]
            return
        if not self.count:
            self.origin = grad.mean(axis=0)
            self.median = np.median(grad, axis=0)
        self.see(grad)
        centred = grad - self.origin
        if centred.shape[1] == 1:
            self.values.append(centred[:, 0])
        squares = centred**2
        self.spread.append(squares.mean(axis=1))
        self.sizes.append(np.ones(len(grad)))
        self._accumulate(len(grad), centred.sum(axis=0), squares.sum(axis=0))

    def see(self, grad: Array) -> None:
        """Let the tail index, and nothing else, know of these replicates too."""
        grad = grad[np.isfinite(grad).all(axis=1)]
        self.distances.append(np.sqrt(((grad - self.median) ** 2).mean(axis=1)))

    def add_moments(self, count: int, total: Array, squares: Array) -> None:
        """Add the sum and the sum of squares of ``count`` replicates, (P_b,) each."""
        if not np.isfinite(total).all() or not np.isfinite(squares).all():
            self.not_finite += count
            self.width = len(total)
            return
        if not self.count:
            self.origin = total / count
        centred = total - count * self.origin
        squares = squares - 2 * self.origin * total + count * self.origin**2
        # A difference of moments may fall below zero by rounding.
        squares = np.maximum(squares, 0)
        self.spread.append(np.array([squares.mean()]))
        self.sizes.append(np.array([float(count)]))
        self._accumulate(count, centred, squares)

    def _accumulate(self, count: int, total: Array, squares: Array) -> None:
        if not self.count:
            self.total, self.squares = np.zeros_like(total), np.zeros_like(squares)
        self.count += count
        self.total = self.total + total
        self.squares = self.squares + squares

    def statistics(
        self, name: str, exact: Array | None, level: float, rng: np.random.Generator
    ) -> BlockStatistics:
        """The block's statistics."""
        if self.not_finite:
            none = np.full(self.width, np.nan)
            interval = Interval(np.nan, np.nan, "none")
            unknown = (np.nan, None, None, np.nan, None, self.not_finite)
            return BlockStatistics(name, none, none, np.nan, interval, *unknown)
        R = self.count
        shift = self.total / R
        mean = self.origin + shift
        variances = np.maximum(self.squares / R - shift**2, 0) * R / (R - 1)
        # A spread below rounding is none: the linearized pathwise gradient of a quadratic.
        rounding = 64 * np.finfo(np.float64).eps * np.maximum(np.abs(mean), np.abs(self.origin))
        variances = np.where(variances <= rounding**2, 0.0, variances)
        values = np.concatenate(self.values) if self.values else None
        interval = variance_interval(
            float(variances.mean()),
            np.concatenate(self.spread),
            np.concatenate(self.sizes),
            level,
            rng,
            values=values,
        )
        signal = max(float((mean**2 - variances / R).sum()), 0.0)
        noise = float(variances.sum())
        snr = np.sqrt(signal / noise) if noise > 0 else np.inf if signal > 0 else 0.0
        bias = bias_z = None
        if exact is not None and np.isfinite(exact).all():
            bias, bias_z = _bias(mean, variances / R, exact, R - 1)
        variance = float(variances.mean())
        k, exists = self.tail(variance)
        return BlockStatistics(
            name, mean, variances, variance, interval, float(snr), bias, bias_z, k, exists
        )

    def tail(self, variance: float) -> tuple[float, bool | None]:
        """k and whether the variance exists, where every replicate was seen by itself."""
        if not self.distances:
            return np.nan, None
        if variance == 0:
            return -np.inf, True
        k, _, exists = tail_index(np.concatenate(self.distances))
        return k, exists


def _bias(mean: Array, squared_errors: Array, exact: Array, degrees: int) -> tuple[float, float]:
    """The bias where it is largest in standard errors, and how many, for one parameter of many.

    The largest of P standard normals is not standard normal.  Its probability p under no bias,
    1 - (1 - p_1)^P, is turned back into the number of standard errors that has it (Sidak 1967).
    Nor is a difference over an estimated standard error: Student's t with few degrees of freedom
    goes far out, and is first turned into its normal equivalent (Wallace 1959).
    """
    difference = mean - exact
    # Where the estimator has no variance at all, what remains is rounding.
    floor = 1e-9 * (1e-3 + np.abs(exact))
    t = difference / np.maximum(np.sqrt(squared_errors), floor)
    shrink = (8 * degrees + 1) / (8 * degrees + 3)
    z = np.sign(t) * shrink * np.sqrt(degrees * np.log1p(t**2 / degrees))
    worst = int(np.argmax(np.abs(z)))
    log_single = min(np.log(2) + log_ndtr(-abs(z[worst])), -1e-12)
    log_p = log_single + np.log(len(z))
    if log_p > -30:
        log_p = np.log(-np.expm1(len(z) * np.log1p(-np.exp(log_single))))
    size = max(0.0, float(-ndtri_exp(log_p - np.log(2))))
    return float(difference[worst]), float(np.sign(z[worst]) * size)
