import json
import os
from pathlib import Path

import numpy as np
import pytest

from bbvi.experiments.csv_and_json import (
    environment,
    format_table,
    read_csv,
    write_atomically,
    write_csv,
    write_durably,
    write_json,
)


def test_csv_has_the_union_of_the_columns_and_exact_numbers(tmp_path):
    rows = [{"a": np.float64(0.1), "b": 1}, {"a": 1 / 3, "c": "x, y"}]
    write_csv(tmp_path / "deep" / "rows.csv", rows)
    back = read_csv(tmp_path / "deep" / "rows.csv")
    assert list(back[0]) == ["a", "b", "c"]
    assert float(back[0]["a"]) == 0.1
    assert float(back[1]["a"]) == 1 / 3
    assert back[1] == {"a": repr(1 / 3), "b": "", "c": "x, y"}


def test_json_takes_numpy_and_paths(tmp_path):
    write_json(tmp_path / "r.json", {"n": np.int64(3), "v": np.arange(2), "p": Path("a/b")})
    assert json.loads((tmp_path / "r.json").read_text()) == {"n": 3, "v": [0, 1], "p": "a/b"}


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


def test_environment_names_versions_and_blas():
    found = environment()
    assert found["versions"]["numpy"] == np.__version__
    assert found["blas"][0]["version"]


def test_tables_align():
    text = format_table([{"a": 1, "b": "long text"}, {"a": 22}], ["a", "b"])
    assert text == "a   b\n1   long text\n22"
