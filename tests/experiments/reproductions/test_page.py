"""The page and the stored verdicts are those of the stored rows."""

import json
from pathlib import Path

import pytest

from bbvi.experiments.reproductions.agreement import summary
from bbvi.experiments.reproductions.belief_network import NAMES, OTHER_RATES
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.reproductions.page import page
from bbvi.experiments.reproductions.run import reproduce, store, stored

ROOT = Path(__file__).parents[3] / "benchmarks"
FOLDER = ROOT / "reproductions"
STORED = sorted(path.stem for path in FOLDER.glob("*.csv"))


def test_the_page_is_that_of_the_stored_results():
    assert (ROOT / "reproductions.md").read_text("utf-8") == page(FOLDER)


@pytest.mark.parametrize("name", STORED)
def test_a_stored_verdict_is_that_of_the_stored_rows(name):
    record = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert record["verdict"] == summary(stored(name, FOLDER).comparisons)
    assert record["failures"] == 0
    assert not record["quick"]
    assert (FOLDER / f"{name}.png").exists()


def test_changed_rows_change_the_page(tmp_path):
    result = stored("noisy-cone", FOLDER)
    store(result, tmp_path)
    before = page(tmp_path)
    rows = [{**row, "value": float(row["value"]) + 5} for row in result.rows]
    store(result._replace(rows=rows), tmp_path)
    assert page(tmp_path) != before
    assert "differs" in page(tmp_path)


def test_every_entry_says_what_it_is():
    for name, entry in REPRODUCTIONS.items():
        assert all((entry.title, entry.source, entry.setup, entry.time)), name
        assert all(one.source and one.by for one in entry.published), name


def test_unknown_names_and_missing_short_versions_are_refused():
    with pytest.raises(ValueError, match="noisy-cone"):
        reproduce("cone")


def test_aevb_is_ahead_of_wake_sleep_in_as_many_stored_runs_as_the_page_says():
    rows = [r for r in stored("aevb-wake-sleep", FOLDER).rows if "minus" in r["quantity"]]
    ahead = {
        images: [float(r["value"]) > 0 for r in rows if r["quantity"].endswith(f"{images} images")]
        for images in (30000, 60000)
    }
    assert {images: (sum(its), len(its)) for images, its in ahead.items()} == {
        30000: (24, 25),
        60000: (25, 25),
    }


def test_each_estimator_of_the_belief_network_has_one_run_and_its_epochs():
    """Of one seed a number that stands twice is another run under a wrong name."""
    rows = stored("belief-network", FOLDER).rows
    assert len({row["quantity"] for row in rows}) == len(rows)
    last = {}
    for row in rows:
        last[row["series"]] = max(int(row["x"]), last.get(row["series"], 0))
    names = set(NAMES.values()) - {"MuProp"}
    assert {name: last[name] for name in names} == dict.fromkeys(names, 130)
    assert set(last) - names == {f"REBAR, scale 1 with step {rate:g}" for rate in OTHER_RATES}
