import json
from pathlib import Path

import numpy as np

from bbvi.experiments.csv_and_json import format_table, read_csv, write_csv, write_json


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


def test_tables_align():
    text = format_table([{"a": 1, "b": "long text"}, {"a": 22}], ["a", "b"])
    assert text == "a   b\n1   long text\n22"
