"""Figures 2 and 3: evidence by quadrature, equal starts, equal axes; a swap changes the sign."""

import numpy as np
import pytest
from scipy import stats

from bbvi.experiments.reproductions import aevb_monte_carlo_em as figure_3
from bbvi.experiments.reproductions import aevb_wake_sleep as figure_2
from bbvi.nets import astype


def images(num=300, width=16):
    """Three patterns with one pixel in twenty flipped."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (3, width))
    x = patterns[rng.integers(0, 3, num)]
    return np.where(rng.random(x.shape) < 0.05, 1 - x, x).astype(np.float32)


def test_both_start_from_the_same_weights(monkeypatch):
    monkeypatch.setattr(figure_2, "RATES", (1e-12,))
    cell = {"latents": 2, "hidden": 8, "steps": 2, "every": 1, "compared": [1], "held": 50}
    x = images()
    rows = figure_2.compare_procedures(x, x[:50], cell, np.random.default_rng(1))
    assert rows[-1]["value"] == pytest.approx(0, abs=1e-5)


@pytest.mark.slow
def test_aevb_learns_and_an_exchange_changes_the_sign(monkeypatch):
    cell = {"latents": 2, "hidden": 8, "steps": 150, "every": 50, "compared": [150], "held": 50}
    x = images()
    rows = figure_2.compare_procedures(x, x[:50], cell, np.random.default_rng(1))
    curve = [row["value"] for row in rows if row.get("series") == "AEVB"]
    assert curve[-1] > curve[0] + 0.5
    right = rows[-1]["value"]
    assert right != 0
    swapped = dict(zip(figure_2.PROCEDURES, list(figure_2.PROCEDURES.values())[::-1]))
    monkeypatch.setattr(figure_2, "PROCEDURES", swapped)
    rows = figure_2.compare_procedures(x, x[:50], cell, np.random.default_rng(1))
    assert rows[-1]["value"] == pytest.approx(-right)


def test_a_step_size_that_diverges_is_not_chosen():
    x, parts = images(), figure_2.networks(2, 8, 16)
    settings = {"encoder": parts[1], "num_samples": 1, "batch_size": 100, "progress": False}
    with np.errstate(all="ignore"):
        bad = figure_2._after_trial("AEVB", parts, x, 0, 1e30, settings)
    good = figure_2._after_trial("AEVB", parts, x, 0, 0.01, settings)
    assert good > bad


def test_draws_of_the_prior_give_log_p():
    """Three latents of which one acts: a one-dimensional integral."""
    rng = np.random.default_rng(2)
    model, _, _ = figure_2.networks(3, 4, 6)
    theta = astype(model.init(rng), np.float32)
    theta["decoder.W0"] = 3 * theta["decoder.W0"]
    theta["decoder.W0"][1:] = 0
    x = rng.integers(0, 2, (5, 6)).astype(np.float32)
    found = figure_3.log_evidence(model, theta, x, figure_3.prior_draws(rng))
    t = np.linspace(-9, 9, 20001)
    z = np.column_stack([t, 0 * t, 0 * t])
    logits = model.decoder({k[8:]: v for k, v in theta.items()}, z)
    p = np.exp(logits @ x.T - np.logaddexp(0, logits).sum(axis=1)[:, None])
    wanted = np.log(np.trapezoid(p * stats.norm.pdf(t)[:, None], t, axis=0))
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_gaps_at_equal_cost():
    def course(slope, cost):
        return [figure_3.Point(k, cost * k, 2.0 * k, slope * k, 0.0) for k in (1, 2, 4)]

    one, other = course(3.0, 1), course(1.0, 10)
    assert figure_3._gap(one, other, "images") == pytest.approx(4 * 3.0 - 4 * 1.0)
    # After 4 evaluations the other has seen less than one image: its first point is taken.
    assert figure_3._gap(one, other, "evaluations") == pytest.approx(4 * 3.0 - 1.0)


@pytest.mark.slow
def test_all_three_learn_and_every_published_quantity_is_measured(monkeypatch):
    cell = {"images": [100, 300], "hidden": 6, "held": 50, "points": [5, 40, 120]}
    monkeypatch.setattr(figure_3, "RATE", 0.1)
    monkeypatch.setattr(figure_3, "WIDENS", "gap of gaps")
    x = images()
    rows = figure_3.compare_procedures(x, x[:50], cell, np.random.default_rng(3))
    for name in figure_3.PROCEDURES:
        series = [r for r in rows if r.get("series") == name and r["panel"] == "N = 300, training"]
        assert series[-1]["value"] > series[0]["value"]
        assert [r["x"] for r in series] == [500, 4000, 12000]
    value = {row["quantity"]: row["value"] for row in rows}
    counted = value["evaluations, Monte Carlo EM, N = 300, 12000 images seen"]
    assert counted > 10 * value["evaluations, AEVB, N = 300, 12000 images seen"]
    gaps = [value[figure_3.difference("Monte Carlo EM", N)] for N in (100, 300)]
    assert value["gap of gaps"] == pytest.approx(gaps[1] - gaps[0])
