"""Partly observed binary images, and the linear baseline that knows how they were damaged."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bbvi.models import BlockCounts, FlippedBernoulli, LinearGaussian, MaskedBernoulli
from bbvi.types import Array


class Task(NamedTuple):
    """One kind of damage, and what is linear about it.

    Attributes
    ----------
    name : str
    likelihood
        p(y | z) for the observation y.
    observe : callable
        (x, rng) -> y.
    scored : ndarray of bool (pixels,)
        The pixels whose truth y does not tell.
    linear : tuple (A, offset, variance)
        For the PCA baseline: v(y) = A x + offset, up to noise of this variance.
    seen : callable
        v, the numbers of y that the baseline looks at.
    shown : callable
        y as an image (N, pixels), for pictures.
    """

    name: str
    likelihood: Any
    observe: Callable[[Array, np.random.Generator], Array]
    scored: Array
    linear: tuple[Array, float, float]
    seen: Callable[[Array], Array]
    shown: Callable[[Array], Array]


def inpainting(side: int) -> Task:
    """The lower half of the image is hidden."""
    mask = np.arange(side * side) < side * (side // 2)
    return Task(
        "inpainting",
        MaskedBernoulli(),
        lambda x, rng: MaskedBernoulli().observe(x, mask),
        ~mask,
        (np.eye(side * side)[mask], 0.0, 0.0),
        lambda y: y[:, : side * side][:, mask],
        lambda y: np.where(mask, y[:, : side * side], np.nan),
    )


def denoising(side: int, rate: float = 0.15) -> Task:
    """Every pixel is flipped with this probability."""
    likelihood = FlippedBernoulli(rate)
    return Task(
        "denoising",
        likelihood,
        likelihood.observe,
        np.ones(side * side, dtype=bool),
        ((1 - 2 * rate) * np.eye(side * side), rate, rate * (1 - rate)),
        lambda y: y,
        lambda y: y,
    )


def super_resolution(side: int, block: int = 2) -> Task:
    """Only the number of ones in each block is seen."""
    likelihood = BlockCounts(side, block)
    A = likelihood.observe(np.eye(side * side)).T
    return Task(
        "super-resolution",
        likelihood,
        lambda x, rng: likelihood.observe(x),
        np.ones(side * side, dtype=bool),
        (A, 0.0, 0.0),
        lambda y: y,
        lambda y: y @ A / block**2,
    )


def restore_by_pca(task: Task, train: Array, y: Array, latent_dim: int) -> Array:
    """E[x | y] under probabilistic PCA of whole images with as many components.

    With x ~ N(b, C) and y = A x + a + noise of variance v,

        E[x | y] = b + C A^T (A C A^T + v I)^-1 (y - A b - a).

    This knows the observation as well as the autoencoder does, but is linear.
    """
    theta = LinearGaussian(latent_dim, train.shape[1]).fit_ml(train.astype(np.float64))
    W, b = theta["W"], theta["b"]
    C = W @ W.T + np.exp(2 * theta["log_sigma"]) * np.eye(len(b))
    A, offset, variance = task.linear
    gain = C @ A.T @ np.linalg.inv(A @ C @ A.T + variance * np.eye(len(A)))
    return np.clip(b + (task.seen(y) - A @ b - offset) @ gain.T, 0, 1)
