"""The sums against brute force over outcomes; a wrong estimator differs."""

import itertools

import numpy as np
import pytest

from bbvi.experiments.reproductions import binary_toys as toys
from bbvi.experiments.reproductions.agreement import compare


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_leave_one_out_by_brute_force(p):
    N, q = 4, []
    g = []
    for z in itertools.product([0.0, 1.0], repeat=N):
        z = np.array(z)
        f = toys.f(z)
        g.append(((f - f.mean()) * (z - p)).sum() / (N - 1))
        q.append(np.prod(np.where(z == 1, p, 1 - p)))
    mean = np.dot(q, g)
    found = toys.moments("leave-one-out", p, N)
    np.testing.assert_allclose(found, [mean, np.dot(q, (np.array(g) - mean) ** 2)], rtol=1e-10)


@pytest.mark.parametrize("name", toys.NAMES)
@pytest.mark.parametrize("p", toys.PROBABILITIES)
@pytest.mark.parametrize("N", [2, 6, 10])
def test_every_mean_is_the_gradient(name, p, N):
    wanted = p * (1 - p) * (toys.f(1.0) - toys.f(0.0))
    assert toys.moments(name, p, N)[0] == pytest.approx(wanted, rel=1e-9)


def test_two_samples_of_arms_are_a_pair_of_disarm():
    for p in (0.2, 0.6):
        found, wanted = toys.moments("arms", p, 2), toys.moments("disarm", p, 2)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-18)


def test_counts_are_a_distribution_with_mean_p():
    for N, p in itertools.product((2, 5, 10), toys.PROBABILITIES):
        q = toys.counts("arms", p, N)
        assert q.min() > -1e-9
        assert q.sum() == pytest.approx(1)
        assert q @ np.arange(N + 1) == pytest.approx(N * p)


def test_arms_agrees_and_leave_one_out_in_its_place_differs(monkeypatch):
    cell = {"estimator": "arms", "samples": 6, "replicates": 4000}
    right = compare((), toys.measure(cell, np.random.default_rng(0)))
    assert {one.verdict for one in right} == {"agrees"}
    monkeypatch.setitem(toys.ESTIMATORS, "arms", toys.ESTIMATORS["leave-one-out"])
    wrong = compare((), toys.measure(cell, np.random.default_rng(0)))
    assert "differs" in {one.verdict for one in wrong}
