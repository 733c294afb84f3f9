"""``bbvi posteriors``: from the command line to files and picture."""

import csv
import json
import sys

import pytest

import bbvi.cli

OWN = """
import autograd.numpy as anp
import bbvi

def mine():
    return bbvi.Posterior(lambda z: -anp.sum(z**2, axis=-1) - z[..., 0] * z[..., 1], 2)
"""


def read(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_posterior_of_your_own(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    file, out = tmp_path / "own_of_cli.py", tmp_path / "out"
    file.write_text(OWN)
    assert bbvi.cli.main(["posteriors", f"{file}:mine", "--draws", "1000", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "full covariance: " in printed
    assert "mean field: sd of z[" in printed
    table = read(out / "posteriors.csv")
    assert len(table) == 5
    assert {row["posterior"] for row in table} == {"mine"}
    assert len(read(out / "parameters.csv")) == 10
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["verdicts"].keys() == {"mine"}
    assert (out / "posteriors.png").stat().st_size > 10_000
    del sys.modules["own_of_cli"]


@pytest.mark.slow
def test_eight_schools_need_no_data(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("BBVI_DATA", raising=False)
    assert bbvi.cli.main(["posteriors", "--out", str(tmp_path)]) == 0
    assert "use linear response, weighted" in capsys.readouterr().out
    (row,) = [
        row
        for row in read(tmp_path / "posteriors.csv")
        if row["method"] == "linear response, weighted"
    ]
    assert row["off"] == "False"


def test_bad_words_end_in_one_line(tmp_path, capsys):
    assert bbvi.cli.main(["posteriors", "nothing", "--out", str(tmp_path)]) == 2
    assert "is no posterior" in capsys.readouterr().err
