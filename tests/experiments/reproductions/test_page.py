"""The page and the stored verdicts are those of the stored rows."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from bbvi.experiments.reproductions.agreement import summary
from bbvi.experiments.reproductions.belief_network import NAMES, OTHER_RATES
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.reproductions.page import page
from bbvi.experiments.reproductions.run import judge_again, reproduce, store, stored

ROOT = Path(__file__).parents[3] / "benchmarks"
FOLDER = ROOT / "reproductions"
STORED = sorted(path.stem for path in FOLDER.glob("*.csv"))


def test_the_page_is_that_of_the_stored_results():
    assert (ROOT / "reproductions.md").read_text("utf-8") == page(FOLDER)


@pytest.mark.parametrize("name", STORED)
def test_a_stored_verdict_is_that_of_the_stored_rows(name):
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    assert "NaN" not in text
    assert "Infinity" not in text
    record = json.loads(text)
    assert record["verdict"] == summary(stored(name, FOLDER).comparisons)
    assert record["failures"] == 0
    assert not record["quick"]
    assert (FOLDER / f"{name}.png").exists()


def bars(line):
    """Bars that begin a cell: not those after a backslash."""
    return len(re.findall(r"(?<!\\)\|", line))


def test_every_line_of_a_table_has_the_cells_of_its_head():
    lines = (ROOT / "reproductions.md").read_text("utf-8").splitlines()
    for before, line in pairwise(lines):
        if line.startswith("|") and before.startswith("|"):
            assert bars(line) == bars(before), line
    assert any(r"best \|mean y\|" in line for line in lines)


def test_the_rendered_page_keeps_the_bars_of_a_name():
    markdown_it = pytest.importorskip("markdown_it")
    text = (ROOT / "reproductions.md").read_text("utf-8")
    html = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert "<td>best |mean y|</td>" in html
    assert html.count("<table>") == text.count("| --- |\n")
    assert "| ---" not in html
    assert "<s>" not in html


def test_theirs_stands_as_it_is_printed():
    """The last digits tell the rounding: -98.00 is not -98."""
    text = (ROOT / "reproductions.md").read_text("utf-8")
    for printed in ("-98.00", "-8.0760", "-97.620", "-111.20"):
        assert f"| {printed} |" in text


def test_an_interval_of_one_seed_is_left_blank():
    assert not re.search(r"\b(inf|nan)\b", (ROOT / "reproductions.md").read_text("utf-8"))


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


def test_todays_verdicts_are_written_beside_the_cost_of_the_stored_run(tmp_path):
    store(stored("noisy-cone", FOLDER), tmp_path)
    path = tmp_path / "noisy-cone.json"
    record = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(record | {"verdict": "old", "seconds": 123.0}))
    judge_again("noisy-cone", tmp_path)
    assert json.loads(path.read_text("utf-8")) == record | {"seconds": 123.0}


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
    names = set(NAMES.values())
    assert {name: last[name] for name in names} == dict.fromkeys(names, 130)
    assert set(last) - names == {f"REBAR, scale 1 with step {rate:g}" for rate in OTHER_RATES}
