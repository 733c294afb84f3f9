import sys

import pytest

from bbvi.cli import main

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


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--dataset", "mnist"], "MNIST is not in"),
        (["--latent-dim", "1"], "--latent-dim is 1"),
        (["--rate", "-1"], "rate is -1.0"),
        (["--seed", "-1"], "--seed is -1"),
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


@pytest.mark.parametrize("command", ["vae", "uses"])
def test_download_without_pooch_is_one_line(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "pooch", None)
    arguments = [command, "--dataset", "mnist", "--download", "--root", str(tmp_path)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "Run pip install pooch requests, or put" in error
    assert error.count("\n") == 1
