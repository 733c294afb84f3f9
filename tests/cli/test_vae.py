import json
import subprocess
import sys

import pytest

from bbvi.cli import main
from bbvi.experiments.identity import digest

QUICK = ["vae", "--hidden", "4", "--batch-size", "700", "--epochs", "2"]


def test_log_rows_and_pictures(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "** epoch 1: objective" in printed
    assert "held-out objective" in printed
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "checkpoint-00001.npz", "checkpoint-00002.npz", "checkpoint.json",
        "checkpoint-previous.json", "epochs.csv", "iterations.csv", "manifest.json",
        "averages.png", "interpolations.png", "latent_space.png", "manifold.png", "objective.png",
        "reconstructions.png", "samples.png", "traversals.png",
    }  # fmt: skip


def test_the_convolutional_network_has_every_picture_of_the_dense_one(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path / "dense")]) == 0
    assert main([*QUICK, "--network", "conv", "--out", str(tmp_path / "conv")]) == 0
    dense, conv = (
        {path.name for path in (tmp_path / name).iterdir()} for name in ("dense", "conv")
    )
    assert dense == conv
    assert "TransposedConv" in (tmp_path / "conv" / "manifest.json").read_text("utf-8")
    # A run of one network does not go on as the other.
    arguments = [*QUICK, "--network", "dense", "--out", str(tmp_path / "conv"), "--resume"]
    assert main(arguments) == 2
    assert "another run" in capsys.readouterr().err


def test_a_run_is_not_overwritten_but_continued(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main([*QUICK, "--out", str(tmp_path), "--resume", "--seed", "1"]) == 2
    assert "another run" in capsys.readouterr().err
    (tmp_path / "checkpoint-previous.json").unlink()
    (tmp_path / "checkpoint.json").write_text("{")
    assert main([*QUICK, "--out", str(tmp_path), "--resume"]) == 2
    error = capsys.readouterr().err
    assert "damaged" in error
    assert error.count("\n") == 1


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_the_manifest_tells_the_epochs_that_the_folder_has(tmp_path, monkeypatch, capsys):
    first = {"blas": ["openblas 0.3 Haswell"], "threads": 1}
    monkeypatch.setattr("bbvi.lectures.training_folder.routines", lambda: first)
    folder = tmp_path / "run"
    out = ["--out", str(folder)]
    assert main([*QUICK, *out]) == 0
    assert main([*QUICK[:-1], "1", *out, "--resume"]) == 0
    told = manifest(folder)
    assert told["epochs"] == told["command"]["epochs"] == 2
    assert main(["rerun", str(folder), "--out", str(tmp_path / "again")]) == 0
    capsys.readouterr()
    second = {"blas": ["openblas 0.3 SkylakeX"], "threads": 1}
    monkeypatch.setattr("bbvi.lectures.training_folder.routines", lambda: second)
    with pytest.warns(UserWarning, match="the last digits may differ"):
        assert main([*QUICK[:-1], "3", *out, "--resume"]) == 0
    told = manifest(folder)
    assert told["epochs"] == told["command"]["epochs"] == 3
    assert [(row["from_epoch"], row["blas"]) for row in told["computed_by"]] == [
        (1, first["blas"]),
        (3, second["blas"]),
    ]
    monkeypatch.setattr("bbvi.cli.rerun.routines", lambda: second)
    assert main(["rerun", str(folder), "--out", str(tmp_path / "third")]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "bbvi rerun: from epoch 1 on it was BLAS openblas 0.3 Haswell on 1 thread, it is "
        "BLAS openblas 0.3 SkylakeX on 1 thread: last digits may differ."
    )


def test_other_routines_are_told_in_one_line(tmp_path):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "checkpoint.json").read_text("utf-8"))
    del record["record_sha256"]
    record["computed_by"][0]["blas"] = ["openblas 0.3 Other"]
    record["record_sha256"] = digest(record)
    (tmp_path / "checkpoint.json").write_text(json.dumps(record))
    again = [*QUICK[:-1], "3", "--out", str(tmp_path), "--resume"]
    command = [sys.executable, "-m", "bbvi", "--blas-kernel", "off", *again]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert line.startswith("bbvi vae: this run goes on with BLAS ")
    assert "before epoch 3 it had BLAS openblas 0.3 Other on" in line
    assert line.endswith("the last digits may differ from an uninterrupted run's.")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--dataset", "mnist"], "MNIST is not in"),
        (["--latent-dim", "1"], "--latent-dim is 1"),
        (["--rate", "-1"], "rate is -1.0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--latent-dim", "100000000"], "--latent-dim is 100000000: weights"),
        (["--network", "conv", "--latent-dim", "100000000"], "--latent-dim is 100000000: weights"),
        (["--epochs", "0"], "epochs is 0"),
        (["--batch-size", "0"], "batch_size is 0"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch, arguments, match):
    monkeypatch.delenv("BBVI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    assert main(["vae", "--out", str(out), *arguments]) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_training_that_overflows_is_one_line(tmp_path, capsys):
    """Any RuntimeWarning would be an error here."""
    arguments = [*QUICK, "--rate", "1e30", "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "is not finite at step" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["vae", "uses"])
def test_download_without_pooch_is_one_line(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "pooch", None)
    arguments = [command, "--dataset", "mnist", "--download", "--root", str(tmp_path)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "Run pip install pooch requests, or put" in error
    assert error.count("\n") == 1
