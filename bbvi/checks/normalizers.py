"""Does exp(log_joint) integrate to 1?  Two samples, compared over a bridge.

p~ = kappa p is the density under test, of whose p there are draws (x, z); g is a density fitted to
other draws, in a region where p is simple.  For any c > 0

    E_p[c g / (c g + p~)] = E_g[c p~ / (c g + p~)] / kappa,

so that the two means, over draws of p and of g, agree if and only if p~ is normalized, however
bad g is.  No term is above 1 (or c): unlike E_p[g / p~], whose largest terms may all be missing
from the draws, neither mean hides its error.  Where g misses p both are near 0: no verdict then.
Columns of x that p is conditioned on, as a regression's features, are those of the draws in g too.

Notes
-----
Meng and Wong (1996), "Simulating ratios of normalizing constants via a simple identity".
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from bbvi.checks.statistics import LIMIT, mean_of
from bbvi.logs import LOG_2PI
from bbvi.types import Array

LARGEST_MARGIN = 0.75
"""A margin of the means' difference, in units of the mean, beyond which equality says nothing."""

PROPOSED = 4
"""Draws of g for each draw of p."""

FEWEST = 100
"""Draws in the region that g is fitted to."""


class UncheckedWarning(UserWarning):
    """A property of a model could not be checked."""


class Bridge(NamedTuple):
    """The two means of the identity, and how far apart chance may put them."""

    drawn: float
    proposed: float
    limit: float


class _Region(NamedTuple):
    """Discrete latents at their most frequent values, the others in a box of half width w."""

    discrete: Array
    pattern: Array
    mean: Array
    L: Array
    width: float


def bridge(
    rng: np.random.Generator,
    z: Array,
    x: Array,
    log_joint: Callable[[Array, Array], Array],
    given: Array,
) -> Bridge | None:
    """The two means for draws of a model; None where they cannot tell a factor of 2.5 from 1.

    Parameters
    ----------
    rng : numpy Generator
        For draws of g.
    z, x : ndarray (M, D), (M, Dx)
        Draws of the model; g is fitted to the first half, the second is averaged.
    log_joint : callable
        (x, z) -> log p(x, z) of each draw.
    given : ndarray of bool (Dx,)
        Columns of x that p is conditioned on.
    """
    half = len(z) // 2
    region = _region(z[:half])
    u, inside = _coordinates(region, z)
    first, second = np.flatnonzero(inside[:half]), half + np.flatnonzero(inside[half:])
    if len(first) < max(FEWEST, 3 * _columns(u, given)):
        return None
    conditional = _Conditional(u[first], x[first], given)
    if conditional.degenerate:
        return None
    both = np.concatenate([z, x], axis=1)
    low, high = both[:half].min(axis=0), both[:half].max(axis=0)
    share = len(first) / half

    def log_g(u: Array, x: Array) -> Array:
        uniform = np.log(2 * ndtr(region.width) - 1)
        log_u = -0.5 * np.sum(u**2 + LOG_2PI, axis=1) - u.shape[1] * uniform
        return log_u - np.log(np.diagonal(region.L)).sum() + conditional.log_density(u, x)

    def ratios(u: Array, z: Array, x: Array) -> tuple[Array, Array]:
        """c g / (c g + p~) and c p~ / (c g + p~), 0 beyond the range of a column of draws.

        A density of positive numbers need not be defined elsewhere.
        """
        both = np.concatenate([z, x], axis=1)
        possible = ((both >= low) & (both <= high)).all(axis=1)
        terms = np.zeros((2, len(x)))
        log_p = np.nan_to_num(log_joint(x[possible], z[possible]), nan=-np.inf)
        # Where neither is above 0 there is nothing to share out.
        difference = np.clip(log_p - log_g(u[possible], x[possible]) - np.log(share), -700, 700)
        terms[0, possible] = 1 / (1 + np.exp(difference))
        terms[1, possible] = share / (1 + np.exp(-difference))
        return terms[0], terms[1]

    drawn = np.zeros(len(z) - half)
    drawn[second - half] = ratios(u[second], z[second], x[second])[0]
    num = PROPOSED * len(drawn)
    edge = ndtr(region.width)
    u_g = ndtri(rng.uniform(1 - edge, edge, size=(num, u.shape[1])))
    z_g = np.empty((num, z.shape[1]))
    z_g[:, region.discrete] = region.pattern
    z_g[:, ~region.discrete] = region.mean + u_g @ region.L.T
    x_g = conditional.sample(rng, u_g, np.tile(x[half:], (PROPOSED, 1)))
    proposed = ratios(u_g, z_g, x_g)[1].reshape(PROPOSED, -1).mean(axis=0)
    a, b = float(drawn.mean()), float(proposed.mean())
    # Bernstein's inequality: what a rare large term may add beyond the standard error.
    rare = LIMIT**2 / 3 * (1 / len(drawn) + share / num)
    limit = LIMIT * float(mean_of(drawn - proposed).error) + rare
    if limit > LARGEST_MARGIN * max(a, b) and abs(a - b) <= limit:
        return None
    return Bridge(a, b, limit)


def _columns(u: Array, given: Array) -> int:
    """How many numbers a column's regression and the covariance of all columns learn."""
    return (1 + u.shape[1]) * (1 + int(given.sum())) + int((~given).sum())


def _region(z: Array) -> _Region:
    discrete = (z == np.round(z)).all(axis=0)
    patterns, counts = np.unique(z[:, discrete], axis=0, return_counts=True)
    pattern = patterns[np.argmax(counts)]
    known = z[(z[:, discrete] == pattern).all(axis=1)][:, ~discrete]
    K = known.shape[1]
    if K == 0 or len(known) < FEWEST:
        return _Region(discrete, pattern, np.zeros(K), np.eye(K), np.inf)
    mean, L = known.mean(axis=0), np.linalg.cholesky(np.cov(known.T).reshape(K, K))
    radius = np.abs(np.linalg.solve(L, (known - mean).T)).max(axis=0)
    return _Region(discrete, pattern, mean, L, float(np.quantile(radius, 0.9)))


def _coordinates(region: _Region, z: Array) -> tuple[Array, Array]:
    """The whitened continuous latents u (M, K), and which rows lie in the region (M,)."""
    u = np.linalg.solve(region.L, (z[:, ~region.discrete] - region.mean).T).T
    inside = (z[:, region.discrete] == region.pattern).all(axis=1)
    return u, inside & (np.abs(u) < region.width).all(axis=1)


class _Conditional:
    """g(x | u, given): frequencies for whole numbers, a linear regression for other columns.

    Whole numbers that others determine, as counts that add up to a fixed total, follow from them;
    ``degenerate`` tells that real columns do so, whose density is one of fewer columns.
    """

    def __init__(self, u: Array, x: Array, given: Array):
        whole = (x == np.round(x)).all(axis=0)
        self.given, self.real = given, np.flatnonzero(~whole & ~given)
        counts, tied = np.flatnonzero(whole & ~given), _determined(x[:, whole & ~given])
        self.whole, self.tied = counts[~tied], counts[tied]
        self.equations = np.linalg.lstsq(self._free(x), x[:, self.tied], rcond=None)[0]
        self.values = [np.unique(x[:, j], return_counts=True) for j in self.whole]
        design = self._design(u, x)
        self.slopes = np.linalg.lstsq(design, x[:, self.real], rcond=None)[0]
        rest = x[:, self.real] - design @ self.slopes
        self.degenerate = bool(
            _determined(np.concatenate([design[:, 1:], x[:, self.real]], axis=1))[
                design.shape[1] - 1 :
            ].any()
        )
        C, K = rest.T @ rest / max(1, len(x) - design.shape[1]), len(self.real)
        self.L = np.linalg.cholesky(C + 1e-9 * np.trace(C) / max(1, K) * np.eye(K))

    def _free(self, x: Array) -> Array:
        """1 and the whole numbers that no others determine."""
        return np.concatenate([np.ones((len(x), 1)), x[:, self.whole]], axis=1)

    def _follow(self, x: Array) -> Array:
        """The determined whole numbers; nan where the equations have no whole solution."""
        solution = self._free(x) @ self.equations
        nearest = np.round(solution)
        return np.where(np.abs(solution - nearest) < 1e-6, nearest, np.nan)

    def _design(self, u: Array, x: Array) -> Array:
        """1, u, the given columns and their products with u."""
        ones, c = np.ones((len(u), 1)), x[:, self.given]
        products = (u[:, :, None] * c[:, None, :]).reshape(len(u), -1)
        return np.concatenate([ones, u, c, products], axis=1)

    def log_density(self, u: Array, x: Array) -> Array:
        log_g = np.zeros(len(x))
        for j, (values, counts) in zip(self.whole, self.values):
            place = np.minimum(np.searchsorted(values, x[:, j]), len(values) - 1)
            log_share = np.log(counts[place] / counts.sum())
            log_g += np.where(values[place] == x[:, j], log_share, -np.inf)
        log_g[(self._follow(x) != x[:, self.tied]).any(axis=1)] = -np.inf
        w = np.linalg.solve(self.L, (x[:, self.real] - self._design(u, x) @ self.slopes).T)
        return log_g - 0.5 * np.sum(w**2 + LOG_2PI, axis=0) - np.log(np.diagonal(self.L)).sum()

    def sample(self, rng: np.random.Generator, u: Array, x: Array) -> Array:
        """x with all columns drawn anew but the given ones."""
        x = x.copy()
        for j, (values, counts) in zip(self.whole, self.values):
            x[:, j] = rng.choice(values, size=len(u), p=counts / counts.sum())
        # nan lies in no range: such a row is not possible.
        x[:, self.tied] = self._follow(x)
        noise = rng.standard_normal((len(u), len(self.L)))
        x[:, self.real] = self._design(u, x) @ self.slopes + noise @ self.L.T
        return x


def _determined(columns: Array) -> Array:
    """Which columns (M, K) are 1 and the columns before them, times constants: (K,) of bool."""
    ones = np.ones((len(columns), 1))
    size = np.maximum(columns.std(axis=0), 1e-300)
    R = np.linalg.qr(np.concatenate([ones, (columns - columns.mean(axis=0)) / size], axis=1), "r")
    remainder = np.zeros(columns.shape[1])
    remainder[: len(R) - 1] = np.abs(np.diagonal(R))[1:]
    return remainder < 1e-7 * np.sqrt(len(columns))
