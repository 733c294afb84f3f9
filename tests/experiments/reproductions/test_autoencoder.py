"""The softplus scale by differences, the bound against the family, and that learning learns."""

import numpy as np
import pytest

from bbvi.experiments.reproductions import autoencoder

SIZES = (12, 8, 3)


def images(num=256):
    """Two patterns with one pixel in ten flipped."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (2, SIZES[0]))
    x = patterns[rng.integers(0, 2, num)]
    return np.where(rng.random(x.shape) < 0.1, 1 - x, x).astype(np.float32)


def test_the_scale_is_softplus_and_its_pullback_fits():
    rng = np.random.default_rng(1)
    out, grad = rng.normal(size=(2, 4, 6))
    m, s = np.split(out, 2, axis=1)
    np.testing.assert_allclose(
        autoencoder.to_lam(out), np.concatenate([m, np.log(np.log1p(np.exp(s)))], axis=1)
    )
    direction = rng.normal(size=out.shape)
    ends = [autoencoder.to_lam(out + by * direction) for by in (1e-6, -1e-6)]
    wanted = np.sum(grad * (ends[0] - ends[1])) / 2e-6
    found = np.sum(autoencoder.to_lam_pullback(out, grad) * direction)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_learning_raises_the_bound_and_the_tighter_bound_is_above_it():
    x, cell = images(), {"rate": 1e-2, "start": "he", "gradient": "mean"}
    steps = autoencoder.train(x, SIZES, cell, np.random.default_rng(2), (1, 150))
    found = [
        autoencoder.bounds(theta, phi, x, SIZES, (5, 50), np.random.default_rng(3))
        for _, theta, phi in steps
    ]
    first, last = (values[1] for values in found)
    assert last.mean() > first.mean() + 0.5
    assert np.all(found[1][50] >= last)
    assert last.mean() < found[1][5].mean() < found[1][50].mean()
    independent = x.mean(axis=0)
    alone = (np.log(independent) * x + np.log1p(-independent) * (1 - x)).sum(axis=1)
    assert last.mean() > alone.mean() - 1.0
