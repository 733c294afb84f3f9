"""A file is written whole or not at all; what must last is on the disk before it has its name."""

import os

import pytest

from bbvi.experiments.csv_and_json import write_csv, write_json
from bbvi.files import write_atomically, write_durably


def calls_of(monkeypatch, write, path):
    """The names of the system's calls that a writer makes, in order."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*args, name=name, real=real):
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, noted)
    write(path)
    monkeypatch.undo()
    return calls


def test_results_are_on_the_disk_before_they_have_their_name(tmp_path, monkeypatch):
    writers = {
        "data": lambda path: write_durably(path, b"x"),
        "table": lambda path: write_csv(path, [{"a": 1}]),
        "record": lambda path: write_json(path, {"a": 1}),
    }
    for name, write in writers.items():
        calls = calls_of(monkeypatch, write, tmp_path / name)
        assert calls == ["fsync", "replace", "fsync"], name
    plain = calls_of(monkeypatch, lambda path: write_atomically(path, b"x"), tmp_path / "x")
    assert plain == ["replace"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "file", b"old")

    def refuse(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_are_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_bytes(b"x")
    write_atomically(tmp_path / "file", b"x")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
