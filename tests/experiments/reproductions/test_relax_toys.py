"""The toy's hand-made slopes and variances against differences and sums; a wrong estimator."""

import numpy as np
import pytest
from scipy.special import expit

from bbvi.experiments.reproductions import relax_toys as toys
from bbvi.experiments.reproductions.agreement import compare


def setting(seed=0, N=4):
    rng = np.random.default_rng(seed)
    lam = rng.normal(size=(N, 1))
    return rng, lam, toys.Q.noise(rng, 1, N)


@pytest.mark.parametrize("name", ["relax", "rebar-learned"])
def test_the_slope_of_g_squared(name):
    rng, lam, eps = setting()
    learned = toys.begin(name, rng, len(lam))
    g = toys.gradient(name, 0.45, lam, eps, learned)
    teach = toys.learn if name == "relax" else toys.learn_rebar
    slopes = teach(learned, 0.45, lam, eps, g)
    for key, value in learned.items():
        direction = rng.normal(size=value.shape)
        ends = [
            toys.gradient(name, 0.45, lam, eps, {**learned, key: value + by * direction})
            for by in (1e-5, -1e-5)
        ]
        wanted = (ends[0] ** 2 - ends[1] ** 2).sum() / 2e-5
        assert np.sum(slopes[key] * direction) == pytest.approx(wanted, rel=1e-5, abs=1e-9), key


def test_the_slope_of_the_net_in_zeta():
    rng, lam, _ = setting(1)
    net, zeta = toys.begin_net(rng, len(lam)), rng.normal(size=(4, 1))
    ends = [toys.forward(net, lam, zeta + by).c for by in (1e-6, -1e-6)]
    found = toys.forward(net, lam, zeta).dc
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-9)


def test_the_variance_of_reinforce_is_that_of_two_points():
    lam, t = np.array([[0.7], [-2.0]]), 0.45
    p = expit(lam[:, 0])
    g = np.stack([(1 - t) ** 2 * (1 - p), -(t**2) * p])
    wanted = np.sum([p, 1 - p] * (g - np.sum([p, 1 - p] * g, axis=0)) ** 2, axis=0)
    found = toys.log_variance("score-function", t, lam, None)
    np.testing.assert_allclose(found, np.log(wanted), rtol=1e-10)


@pytest.mark.parametrize("name", ["rebar-learned", "relax"])
def test_the_estimates_stay_unbiased(name):
    rng, lam, _ = setting(2, 1)
    learned = toys.begin(name, rng, 1)
    wide = np.repeat(lam, 40000, axis=0)
    many = {key: np.repeat(value, len(wide), axis=0) for key, value in learned.items()}
    g = toys.gradient(name, 0.45, wide, toys.Q.noise(rng, 1, len(wide)), many)[:, 0]
    error = g.std() / np.sqrt(len(g))
    assert abs(g.mean() - toys.exact_gradient(lam, 0.45)[0, 0]) < 5 * error
    assert np.log(g.var()) == pytest.approx(toys.log_variance(name, 0.45, lam, learned)[0], abs=0.1)


def verdicts(cell):
    rows = toys.measure(cell, np.random.default_rng(3))
    names = {row["quantity"] for row in rows}
    return compare([p for p in toys.ENTRY.published if p.quantity in names], rows)


def test_a_toy_that_learns_nothing_never_agrees():
    """Every run stays at l = 0, with as much spread as the stored runs have or with none."""
    ends = [p for p in toys.ENTRY.published if p.quantity.endswith("end") and "loss" in p.quantity]
    for spread in (0.0, 3e-4, 1e-3):
        noise = spread * np.random.default_rng(5).normal(size=20)
        for theirs in ends:
            start = 0.2525 if "0.45" in theirs.quantity else 0.250001
            rows = [{"quantity": theirs.quantity, "value": start + by} for by in noise]
            (one,) = compare([theirs], rows)
            assert one.verdict != "agrees", one


def test_relax_agrees_and_a_wrong_sign_differs(monkeypatch):
    cell = {"estimator": "relax", "t": 0.45, "steps": 3000, "runs": 8}
    assert {one.verdict for one in verdicts(cell)} == {"agrees"}
    right = toys.gradient
    monkeypatch.setattr(toys, "gradient", lambda *given: -right(*given))
    assert {one.verdict for one in verdicts(cell)} == {"differs"}
