"""Replicates of an estimator as rows, and how far their mean or variance is from the truth."""

from functools import partial
from typing import NamedTuple

import numpy as np

from bbvi.checks.problem import tile_target
from bbvi.estimators import independent

LIMIT = 5.0


class Replicates(NamedTuple):
    """elbo (R, N) and grad (R, N, P) of every replicate; grad_theta as block means (B, ...)."""

    elbo: np.ndarray
    grad: np.ndarray
    grad_theta: dict


def replicate(
    estimator,
    family,
    target,
    lam,
    num_samples,
    rng,
    *,
    draws=1,
    source=independent,
    num_replicates=100_000,
    num_blocks=50,
):
    """R independent S-sample estimates at lam, in blocks of rows."""
    R = num_replicates // num_blocks
    tiled, rows = tile_target(target, R), np.tile(lam, (R, 1))
    elbo, grad, theta = [], [], []
    for _ in range(num_blocks):
        parts = [source(family, rng, num_samples, len(rows), lam.dtype) for _ in range(draws)]
        found = estimator(family, tiled, rows, np.concatenate(parts))
        elbo.append(found.elbo.reshape(R, -1))
        grad.append(found.grad.reshape(R, *lam.shape))
        theta.append({key: value / R for key, value in (found.grad_theta or {}).items()})
    blocks = {key: np.stack([block[key] for block in theta]) for key in theta[0]}
    return Replicates(np.concatenate(elbo), np.concatenate(grad), blocks)


def z_score(values, exact, allowed=0.0):
    """The largest |mean - exact| over entries, in standard errors of the mean over axis 0.

    ``allowed`` is what a declared bias may leave of the difference.
    """
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    rounding = 1e-9 * (1 + np.abs(exact))
    excess = np.maximum(np.abs(values.mean(axis=0) - exact) - allowed, 0)
    return float(np.max(excess / np.maximum(error, rounding)))


def z_scores(found, exact, allowed=0.0):
    """`z_score` of elbo, of the lam gradient and of the theta gradient (0 if there is no theta)."""
    theta = [z_score(found.grad_theta[key], exact.grad_theta[key]) for key in exact.grad_theta]
    grad = z_score(found.grad, exact.grad, allowed)
    return z_score(found.elbo, exact.elbo), grad, max(theta, default=0.0)


def declared_bias(record, estimator, replicated):
    """What the declared order leaves of the bias in grad: 0 for none, infinity for unknown.

    Measured, with ``replicated(estimator)`` at h and at 2 h in the same noise: the difference is
    2^r - 1 times the leading term at h.  Terms of higher order may double it.
    """
    bias = record.bias
    if not bias.vanishes:
        return 0.0 if bias.order else np.inf
    h = bias.value(estimator)
    means = [
        replicated(partial(estimator, **{bias.parameter: step})).grad.mean(axis=0)
        for step in (h, 2 * h)
    ]
    return 2 * np.abs(means[1] - means[0]) / (2**bias.order - 1)


def variance_z(values, exact):
    """(sample variance - exact) in standard errors, those from the fourth moment; per column."""
    centred = values - values.mean(axis=0)
    variance = (centred**2).mean(axis=0)
    error = np.sqrt(((centred**4).mean(axis=0) - variance**2) / len(values))
    return (variance - exact) / np.maximum(error, 1e-12)
