"""``bbvi reproduce``: the short versions in time, resumable, and nothing differs."""

import json
import time

import pytest

from bbvi.cli import main
from bbvi.cli.rerun import arguments_again
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.results import read_results

SHORT = [name for name, entry in REPRODUCTIONS.items() if entry.quick_cells]
TWO_MINUTES = 120


@pytest.mark.slow
def test_all_short_versions_take_less_than_two_minutes_and_none_differs(tmp_path, capsys):
    assert {"noisy-cone", "relax-toys", "gaussian-variances", "binary-toys"} <= set(SHORT)
    start = time.process_time()
    assert main(["reproduce", "--quick", "--workers", "1", "--out", str(tmp_path)]) == 0
    assert time.process_time() - start < TWO_MINUTES
    printed = capsys.readouterr().out
    for name in SHORT:
        record = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        assert record["quick"]
        assert "differs" not in record["verdict"], record["verdict"]
        assert record["failures"] == 0
        assert f"{name} (short version): " in printed
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000

    # A second run measures nothing anew and says the same.
    start = time.process_time()
    again = ["reproduce", "relax-toys", "--quick", "--workers", "1", "--out", str(tmp_path)]
    before = (tmp_path / "relax-toys.csv").read_bytes()
    assert main(again) == 0
    assert time.process_time() - start < 10
    assert (tmp_path / "relax-toys.csv").read_bytes() == before
    # The folder tells all that is in it to `bbvi rerun`.
    told = arguments_again(read_results(tmp_path))
    assert (told.command, sorted(told.names), told.quick) == ("reproduce", sorted(SHORT), True)


def test_the_list_names_every_entry_with_its_time(capsys):
    assert main(["reproduce", "--list"]) == 0
    printed = capsys.readouterr().out
    for name, entry in REPRODUCTIONS.items():
        assert name in printed
        assert entry.time in printed


def test_no_name_and_an_unknown_one_are_refused(tmp_path, capsys):
    assert main(["reproduce", "--out", str(tmp_path)]) == 2
    assert "--list" in capsys.readouterr().err
    assert main(["reproduce", "cone", "--out", str(tmp_path)]) == 2
    assert "noisy-cone" in capsys.readouterr().err
