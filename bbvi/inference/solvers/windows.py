"""The course of noisy ELBOs, row by row: whether they still rise, and where they fell."""

from typing import Any

import numpy as np

from bbvi.optimizers import put_rows, take_rows
from bbvi.types import Array

ERRORS = 4.0
"""Standard errors beyond which a difference is not noise."""
UNSEEN = 0.02
"""Nats that a rise may have and count as none."""
LOUD = 5.0
"""Nats that noise may hide: where it hides more, nobody can tell whether the ELBO rises."""


class Windows:
    """ELBOs of N rows in windows of steps, and the best window of each row.

    Attributes
    ----------
    length : int
        Steps of a window: a twentieth of all.
    elbos : list of ndarray (N,)
        One per step.
    best_elbo, best_lam : ndarray (N,), (N, P)
        Of the best window: its mean ELBO, and lam at its end.  The start counts as one.
    best_moments
        The optimizer's moments there.
    ends : tuple of ndarray (N, P)
        lam at the end of the last window but one, and of the last.
    scale : ndarray (N, 1)
        Halved whenever a row went back.
    """

    def __init__(self, lam: Array, moments: Any, num_steps: int, start: Array) -> None:
        """``start``: ELBOs of lam before the first step (S, N)."""
        self.length = max(5, num_steps // 20)
        self.elbos: list[Array] = []
        mean, error = mean_and_error(start)
        known = np.isfinite(mean) & np.isfinite(error)
        self.best_elbo, self.best_error = np.where(known, mean, -np.inf), np.where(known, error, 0)
        self.best_lam = lam.copy()
        self.ends = self.best_lam, self.best_lam
        self.best_moments = take_rows(moments, np.arange(len(lam)))
        self.scale = np.ones((len(lam), 1), dtype=lam.dtype)

    def shortened(self, lam: Array, moved: Array) -> Array:
        """The step from lam to ``moved``, shortened in the rows that went back."""
        return moved if (self.scale == 1).all() else lam + self.scale * (moved - lam)

    def add(self, elbo: Array, lam: Array, moments: Any) -> Array:
        """Note a step's ELBO, and lam and moments after it: the rows (n,) that must go back."""
        self.elbos.append(elbo.astype(np.float64))
        if len(self.elbos) % self.length:
            return np.array([], dtype=np.int64)
        mean, error = mean_and_error(np.array(self.elbos[-self.length :]))
        better = mean > self.best_elbo
        fell = mean < self.best_elbo - ERRORS * np.hypot(error, self.best_error) - UNSEEN
        self.best_elbo = np.where(better, mean, self.best_elbo)
        self.best_error = np.where(better, error, self.best_error)
        self.best_lam[better] = lam[better]
        put_rows(self.best_moments, better, take_rows(moments, better))
        self.ends = self.ends[1], np.where(fell[:, None], self.best_lam, lam)
        self.scale[fell] *= 0.5
        return np.flatnonzero(fell)


def mean_and_error(elbos: Array) -> tuple[Array, Array]:
    """Mean and standard error over the steps: (steps, ...) -> (...) each.

    The noise of two steps is independent.
    """
    return elbos.mean(axis=0), elbos.std(axis=0) / np.sqrt(len(elbos))


def rising(elbos: Array) -> Array:
    """Whether the ELBO (steps, ...) still rises: its last quarter beside the one before.

    Too few steps to tell count as rising, and too much noise.
    """
    quarter = len(elbos) // 4
    if quarter < 5:
        return np.ones(elbos.shape[1:], dtype=bool)
    (before, error_before), (after, error_after) = (
        mean_and_error(part) for part in (elbos[-2 * quarter : -quarter], elbos[-quarter:])
    )
    noise = ERRORS * np.hypot(error_before, error_after)
    return ~((np.abs(after - before) <= noise + UNSEEN) & (noise <= LOUD))
