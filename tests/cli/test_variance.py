import csv
import json

import pytest

from bbvi.cli import main

TINY = [
    *("--model", "quadratic", "--samples", "1", "2", "--dimensions", "1", "2"),
    *("--replicates", "40", "--estimators", "score-function", "reparameterized"),
]


def run(out, *options):
    return main(["variance", "--out", str(out), "--workers", "1", *options])


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_it_writes_rows_manifest_and_figures_and_prints_a_ranking(tmp_path, capsys):
    assert run(tmp_path, *TINY) == 0
    said = capsys.readouterr().out
    assert "quadratic: gradient in the mean" in said
    assert said.index("reparameterized") < said.index("score-function")
    assert "beforehand are spread over 1,000,000 gradients" in said
    rows = read(tmp_path / "variance.csv")
    assert len(rows) == 2 * 2 * 2 * 3 * 2
    assert {"bias_z", "variance", "interval", "seconds", "variance_x_seconds"} <= set(rows[0])
    assert "seconds" not in read(tmp_path / "reproducible.csv")[0]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["identity"]["seed"] == 0
    assert manifest["settings"]["replicates"] == 40
    assert manifest["environment"]["versions"]["numpy"]
    assert "blas" in manifest["environment"]
    for kind in ("curves", "ranking"):
        picture = (tmp_path / f"quadratic-mean-{kind}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 20_000


def test_the_cosine_has_a_figure_against_the_frequency(tmp_path):
    options = ["--model", "cosine", "--samples", "2", "--points", "start", "--replicates", "30"]
    assert run(tmp_path, *options, "--frequencies", "1", "2") == 0
    assert (tmp_path / "cosine-mean-frequencies.png").stat().st_size > 20_000


def test_a_second_run_reads_what_is_there_and_mends_a_corrupt_cell(tmp_path, capsys):
    run(tmp_path, *TINY)
    before = {
        name: (tmp_path / name).read_bytes() for name in ("reproducible.csv", "manifest.json")
    }
    cell, *others = (tmp_path / "cells").iterdir()
    finished = {path: path.stat().st_mtime_ns for path in others}
    cell.write_text("half a fi")
    assert run(tmp_path, *TINY) == 0
    assert f"{cell} is corrupt" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert {path: path.stat().st_mtime_ns for path in others} == finished
    assert run(tmp_path, *TINY, "--seed", "5") == 2
    assert "holds another experiment: its seed is 0, here it is 5" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--estimators", "reinforce"], "estimator is 'reinforce'; expected one of score-function"),
        (["--model", "mnist"], "models has 'mnist'; expected some of quadratic"),
        (["--estimators", "arm"], "arm got the family DiagonalGaussian"),
        (["--estimators", "leave-one-out"], "expected S >= 2"),
        (["--estimators", "sticking-the-landing"], "plain expectation"),
        (["--replicates", "1"], "replicates is 1; expected at least 2"),
        (["--frequencies", "2"], "no model of quadratic has a frequency; expected --model cosine"),
        (["--workers", "0"], "workers is 0; expected at least 1"),
        (["--seed", "-1"], "seed is -1; expected at least 0"),
    ],
)
def test_bad_input_is_one_line_and_status_2(options, message, tmp_path, capsys):
    assert run(tmp_path / "out", *TINY, *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out" / "cells").exists()


def test_workers_are_not_ignored_beside_a_scheduler(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path / "out", *TINY, "--scheduler", "tcp://127.0.0.1:8786")
    assert "not allowed with argument --workers" in capsys.readouterr().err


@pytest.mark.slow
def test_a_scheduler_gives_the_same_table(tmp_path, scheduler):
    run(tmp_path / "here", *TINY)
    there = ["--out", str(tmp_path / "there"), "--scheduler", scheduler]
    assert main(["variance", *TINY, *there]) == 0
    here, there = (tmp_path / name / "reproducible.csv" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()


@pytest.mark.slow
def test_quick_runs_the_digits_model(tmp_path, capsys):
    few = ["--estimators", "reparameterized", "score-function"]
    assert main(["variance", "--quick", *few, "--out", str(tmp_path), "--workers", "2"]) == 0
    rows = read(tmp_path / "variance.csv")
    assert {row["block"] for row in rows} == {"mean", "log-scale", "theta"}
    assert {row["dimension"] for row in rows} == {"2", "8"}
    assert (tmp_path / "digits-mean-curves.png").exists()
