import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bbvi.cli import main
from bbvi.experiments.identity import code_digest, described, this_bbvi
from bbvi.experiments.store import MANIFEST, check_folder, claim, claimed, finish
from bbvi.files import write_atomically
from bbvi.lectures import restoration

RUN = {"seed": 1, "model": "iris"}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_claimed_once_and_found_again_by_the_same_run(tmp_path):
    folder = tmp_path / "a" / "b"
    assert claim(folder, RUN)
    before = content(folder)
    assert not claim(folder, RUN)
    assert content(folder) == before
    finish(folder, {"seconds": 3})
    assert not claim(folder, RUN)
    assert json.loads((folder / MANIFEST).read_text())["seconds"] == 3


@pytest.mark.parametrize("other", [{"seed": 2}, {"model": "digits"}, {"more": None, "x": 1}])
def test_another_run_is_refused_and_writes_nothing(tmp_path, other):
    claim(tmp_path, RUN)
    before = content(tmp_path)
    with pytest.raises(ValueError, match=r"another experiment: its .*--out"):
        claim(tmp_path, {**RUN, **other})
    assert content(tmp_path) == before


def test_files_of_nobodys_run_are_refused(tmp_path):
    (tmp_path / "compare.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"compare\.csv\), so they are not this run's.*--out"):
        claim(tmp_path, RUN)
    assert content(tmp_path) == {"compare.csv": b"mine"}
    claim(tmp_path, RUN, beside=["compare.csv"])


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "3", "\x00"])
def test_a_damaged_manifest_is_refused_in_one_line(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match="cannot be read") as told:
        claim(tmp_path, RUN)
    assert "\n" not in str(told.value)


def test_places_that_cannot_hold_results(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    for place, match in [
        ("file", "is a file"), ("file/below", "is a file"), ("link", "does not exist"),
        ("link/below", "does not exist"),
    ]:  # fmt: skip
        with pytest.raises(OSError, match=match):
            check_folder(tmp_path / place)
    (tmp_path / "good").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "good")
    check_folder(tmp_path / "way" / "new")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc")
def test_a_place_that_only_looks_writable(tmp_path):
    with pytest.raises(OSError, match=r"/proc/x/y cannot hold results.*--out"):
        claim(Path("/proc/x/y"), RUN)


def race(folder, how_many=8):
    """Threads that claim a folder at once, each for a run of its own: who got it."""
    barrier, winners = threading.Barrier(how_many), []

    def enter(seed):
        barrier.wait()
        try:
            claim(folder, {"seed": seed})
        except ValueError:
            return
        winners.append(seed)

    threads = [threading.Thread(target=enter, args=(seed,)) for seed in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return winners


def test_of_runs_that_begin_at_once_one_has_the_folder(tmp_path):
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        (winner,) = race(folder)
        assert json.loads((folder / MANIFEST).read_text())["identity"] == {"seed": winner}
        assert [path.name for path in folder.iterdir()] == [MANIFEST]


def test_the_race_sees_a_manifest_that_is_written_over(tmp_path, monkeypatch):
    """Negative control: with a rename instead of a link several runs have one folder."""

    def replace(source, target):
        time.sleep(0.02)
        os.replace(source, target)
        source.write_bytes(b"")

    monkeypatch.setattr("bbvi.experiments.store.os.link", replace)
    assert any(len(race(tmp_path / str(k))) > 1 for k in range(20))


def test_an_error_before_the_first_file_gives_the_folder_back(tmp_path):
    with pytest.raises(ArithmeticError), claimed(tmp_path / "a" / "b", RUN):
        raise ArithmeticError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ArithmeticError):
        _write_and_fail(tmp_path / "a")
    assert sorted(content(tmp_path / "a")) == [MANIFEST, "rows.csv"]


def _write_and_fail(folder):
    with claimed(folder, RUN):
        write_atomically(folder / "rows.csv", b"1")
        raise ArithmeticError


def test_strays_of_killed_runs_are_swept_and_nothing_else(tmp_path):
    claim(tmp_path, RUN)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stray = tmp_path / f".rows.csv.bbvi-{ended.pid}-1"
    living = tmp_path / f".rows.csv.bbvi-{os.getpid()}-1"
    old = tmp_path / f".rows.csv.bbvi-{os.getpid()}-2"
    kept = [living, tmp_path / f".rows.csv.{ended.pid}.1", tmp_path / "x.bbvi-1-1", tmp_path / ".x"]
    for path in (stray, old, *kept):
        path.write_text("half")
    os.utime(old, (1, 1))
    claim(tmp_path, RUN)
    assert not stray.exists()
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_described_tells_what_differs():
    assert described(partial(race, how_many=3)) != described(partial(race, how_many=4))
    assert described(np.zeros(3)) != described(np.zeros(3, np.float32))
    assert described(np.zeros((2, 3))) != described(np.zeros((3, 2)))
    assert described({"a": np.arange(3)}) == described({"a": np.arange(3)})
    assert "0x" not in json.dumps(described([race, partial(race), object(), lambda: 0]))


def test_the_code_has_a_digest():
    assert len(code_digest()) == 16
    assert this_bbvi()["code"] == code_digest()


COMMANDS = {
    "compare": ["--dataset", "iris", "--seeds", "1", "--evaluations", "2000", "--workers", "1",
                "--methods", "amortized-reparameterized"],
    "uses": ["--steps", "2", "--images", "2", "--hidden", "4"],
    "posteriors": ["eight_schools", "--draws", "200"],
    "figures": ["naive-evidence", "--quick"],
    "variance": ["--quick", "--model", "quadratic", "--points", "start", "--estimators",
                 "reparameterized", "--replicates", "10", "--workers", "1"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_over_another_run_or_a_users_file(tmp_path, capsys, monkeypatch, command):
    # cold, refining and encoder's steps, hidden units, both numbers of samples
    monkeypatch.setattr(restoration.Budget.__new__, "__defaults__", (2, 2, 2, 4, 2, 2))
    out = tmp_path / "out"
    line = [command, *COMMANDS[command], "--out", str(out)]
    assert main(line) == 0
    before = content(out)
    capsys.readouterr()
    assert main([*line, "--seed", "5"]) == 2
    told = capsys.readouterr().err
    assert "another experiment: its seed is 0, here it is 5" in told
    assert "--out" in told
    assert told.count("\n") == 1
    assert content(out) == before
    assert main(line) == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "compare.csv").write_text("mine")
    assert main([command, *COMMANDS[command], "--out", str(mine)]) == 2
    assert "they are not this run's" in capsys.readouterr().err
    assert content(mine) == {"compare.csv": b"mine"}


@pytest.mark.parametrize("command", [*COMMANDS, "vae"])
def test_an_impossible_place_is_told_before_the_work(tmp_path, capsys, monkeypatch, command):
    def never(*args, **kwargs):
        pytest.fail("worked")

    (tmp_path / "link").symlink_to("/nowhere/at/all")
    monkeypatch.setattr("bbvi.experiments.sweep.compute", never)
    monkeypatch.setattr("bbvi.lectures.uses.learn_binary", never)
    monkeypatch.setattr("bbvi.lectures.vae.fixed_budget", never)
    for place in ("link", "link/x"):
        line = [command, *COMMANDS.get(command, ["--hidden", "4"])]
        assert main([*line, "--out", str(tmp_path / place)]) == 2
        told = capsys.readouterr().err
        assert "does not exist" in told
        assert told.count("\n") == 1
