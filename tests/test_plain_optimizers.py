"""The Adam to run and the Adam to read are the same."""

import numpy as np
import pytest

from bbvi.optimizers import adam, cosine_decay, tree_map
from bbvi.plain_optimizers import textbook_adam

ULPS = 1


def farthest(make, reference, dtype, rows, num_steps=200):
    """Units in the last place between one step of each from the same params, at the worst."""
    rng = np.random.default_rng(0)
    shape = (40, 3000) if rows else (200_000,)
    params = {"w": rng.uniform(1, 2, shape).astype(dtype)} if not rows else None
    if rows:
        params = rng.uniform(1, 2, shape).astype(dtype)
    fast, slow = make.init(params, rows=rows), reference.init(params, rows=rows)
    worst = 0.0
    for step in range(num_steps if dtype == np.float64 else 30):

        def gradient(p, step=step):
            # Of changing size and sign, as a noisy gradient is.
            scale = 10.0 ** rng.integers(-3, 4)
            return (scale * rng.standard_normal(p.shape)).astype(p.dtype)

        g = tree_map(gradient, params)
        one, fast = make.update(g, fast, params)
        two, slow = reference.update(g, slow, params)
        a, b = (new if rows else new["w"] for new in (one, two))
        assert a.dtype == b.dtype == dtype
        worst = max(worst, float(np.max(np.abs(a - b) / np.spacing(np.abs(b)))))
        params = tree_map(lambda p: 1 + (p - 1) % 1, two)
    return worst


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rate", [0.01, cosine_decay(0.05, 100)])
def test_a_step_is_the_textbooks_to_an_ulp(rate, dtype, rows):
    assert farthest(adam(rate), textbook_adam(rate), dtype, rows, 40) <= ULPS


@pytest.mark.parametrize("wrong", [{"beta1": 0.9001}, {"beta2": 0.99901}, {"tiny": 1e-6}])
def test_another_adam_is_told_apart(wrong):
    assert farthest(adam(0.01, **wrong), textbook_adam(0.01), np.float64, False, 5) > 1000 * ULPS
