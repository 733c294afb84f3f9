"""The schedule, the bound against an exact one, and that better objectives end higher."""

import numpy as np
import pytest

from bbvi.experiments.reproductions import iwae_ordering as ordering
from bbvi.experiments.reproductions.agreement import compare

CELL = {"hidden": 12, "latents": 3, "k": 5, "last": 2, "particles": 500, "held": 60}


def grey(num=400, width=20):
    """Two patterns with pixels of 0.1 and 0.9, and some of 0.5."""
    rng = np.random.default_rng(0)
    patterns = rng.choice([0.1, 0.5, 0.9], (2, width))
    return patterns[rng.integers(0, 2, num)].astype(np.float32)


def test_the_schedule_is_that_of_the_paper():
    sizes = ordering.rates(7)
    assert len(sizes) == 3280
    assert sizes[0] == 1e-3
    assert sizes.count(sizes[1]) == 3
    assert sizes[-1] == pytest.approx(1e-4)


def test_pixels_are_on_with_the_probability_of_their_grey_value():
    rng = np.random.default_rng(1)
    x = np.tile(np.linspace(0, 1, 5, dtype=np.float32), (20000, 1))
    on = ordering.binary(x, rng)
    assert set(np.unique(on)) == {0.0, 1.0}
    np.testing.assert_allclose(on.mean(axis=0), x[0], atol=5 * 0.5 / np.sqrt(20000))


def test_the_prior_as_q_gives_log_p_of_a_decoder_that_ignores_z():
    parts = ordering.networks(20, 4, 2)
    theta, phi = ordering.begin(parts, grey(), np.random.default_rng(2))
    theta["decoder.W2"][:] = 0
    phi = {key: np.zeros_like(value) for key, value in phi.items()}
    x, means = ordering.binary(grey(10), np.random.default_rng(3)), grey().mean(axis=0)
    wanted = (x * np.log(means) + (1 - x) * np.log1p(-means)).sum(axis=1).mean()
    found = ordering.mean_log_evidence(parts, theta, phi, x, 40, np.random.default_rng(4))
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_every_objective_learns_and_all_start_alike():
    x = grey()
    held = ordering.binary(grey(60), np.random.default_rng(5))
    rows = {r["quantity"]: r["value"] for r in ordering.compare_objectives(x, held, CELL, 6)}
    means = x.mean(axis=0)
    alone = (held * np.log(means) + (1 - held) * np.log1p(-means)).sum(axis=1).mean()
    for name in ordering.OBJECTIVES:
        assert rows[f"log p, test, {name}"] > alone + 0.2
    again = ordering.compare_objectives(x, held, CELL, 6)
    assert [row["value"] for row in again] == list(rows.values())


def test_the_order_turned_round_differs():
    published = [p for p in ordering.ENTRY.published if p.kind == "above"]
    rows = [{"quantity": p.quantity, "value": 0.5 + 0.01 * k} for p in published for k in range(3)]
    assert {one.verdict for one in compare(published, rows)} == {"agrees"}
    for row in rows:
        row["value"] = -row["value"]
    assert {one.verdict for one in compare(published, rows)} == {"differs"}
