import csv

import numpy as np
import pytest

from bbvi.cli import main
from bbvi.experiments.results import read_table
from bbvi.lectures import dense_and_convolutional as module
from bbvi.lectures.dense_and_convolutional import dense_and_convolutional
from bbvi.lectures.images import load_images
from bbvi.limits import TooMuchError
from bbvi.plotting.vae import networks_figure

SHORT = ["networks", "--seeds", "1", "--epochs", "1", "--images", "5", "--samples", "50"]


@pytest.fixture(scope="module")
def rows():
    images = load_images("digits", np.random.default_rng(0), dtype=np.float64)
    return dense_and_convolutional(
        images, [0], np.random.default_rng, epochs=3, num_images=40, refine_steps=60
    )


def test_one_row_for_each_network_and_budget(rows):
    assert [(row["network"], row["budget"]) for row in rows] == [
        ("dense", "epochs"),
        ("conv", "seconds"),
        ("conv", "epochs"),
    ]
    dense, timed, counted = rows
    assert dense["epochs"] == counted["epochs"] == 3
    assert timed["parameters"] == pytest.approx(dense["parameters"], rel=0.01)
    # It ends before an epoch that would end beyond the dense network's seconds.
    assert timed["epochs"] == 1 or timed["seconds"] < 1.5 * dense["seconds"]


def test_the_evidence_is_above_the_elbo_up_to_the_choice_of_images(rows):
    for row in rows:
        assert np.isfinite(row["log_evidence"])
        # 40 of 360 images vary by some nats; a sign or a constant lost would be tens.
        assert row["log_evidence"] > row["held_out_elbo"] - 5
        assert 0 <= row["untrusted"] <= 1
        assert row["train_elbo"] == pytest.approx(row["held_out_elbo"], abs=8)


def test_the_command_writes_rows_manifest_and_picture(tmp_path, capsys):
    line = ["networks", "--seeds", "1", "--epochs", "1", "--images", "5", "--samples", "50"]
    assert main([*line, "--out", str(tmp_path)]) == 0
    assert "log_evidence" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "networks.csv", "networks.png", "manifest.json"
    }  # fmt: skip
    with open(tmp_path / "networks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["network"] for row in rows] == ["dense", "conv", "conv"]
    assert main([*line, "--out", str(tmp_path), "--seed", "1"]) == 2
    assert "another experiment" in capsys.readouterr().err
    assert main(["networks", "--seeds", "0"]) == 2
    assert "--seeds is 0" in capsys.readouterr().err


def interrupted_after(monkeypatch, rows):
    """Ctrl-C comes when so many rows, and not one more, have been evaluated."""
    evaluated, done = module._evaluated, []

    def evaluate(*args):
        if len(done) == rows:
            raise KeyboardInterrupt
        done.append(1)
        return evaluated(*args)

    monkeypatch.setattr(module, "_evaluated", evaluate)


def test_the_same_command_goes_on_after_the_last_row(tmp_path, monkeypatch, capsys):
    line = [*SHORT, "--seeds", "2", "--out", str(tmp_path / "parts")]
    for more, there in ((1, 1), (3, 4), (0, 4)):  # a row of equal seconds comes next
        with monkeypatch.context() as patch:
            interrupted_after(patch, more)
            assert main(line) == 130
        rows = read_table(tmp_path / "parts" / "networks.csv")
        assert len(rows) == there
    assert "holds 4 of 6 rows: going on" in capsys.readouterr().out
    assert main(line) == 0
    parts = read_table(tmp_path / "parts" / "networks.csv")
    assert parts[:4] == rows
    assert main([*line[:-1], str(tmp_path / "whole")]) == 0
    whole = read_table(tmp_path / "whole" / "networks.csv")
    assert len(parts) == len(whole) == 6
    for one, other in zip(parts, whole):
        if one["budget"] == "epochs":
            assert one | {"seconds": 0} == other | {"seconds": 0}


def test_a_finished_folder_is_only_drawn_again(tmp_path, monkeypatch, capsys):
    assert main([*SHORT, "--out", str(tmp_path)]) == 0
    kept = {name: (tmp_path / name).read_bytes() for name in ("networks.csv", "manifest.json")}
    monkeypatch.delattr(module, "train_vae")
    (tmp_path / "networks.png").unlink()
    again = [*SHORT, "--out", str(tmp_path), "--max-hours", "1e-9", "--pictures", "png", "svg"]
    assert main(again) == 0
    assert "holds all 3 rows of this run: only its picture" in capsys.readouterr().out
    assert (tmp_path / "networks.png").exists()
    assert (tmp_path / "networks.svg").exists()
    assert kept == {name: (tmp_path / name).read_bytes() for name in kept}
    # Its second network trains by the clock, and rerun says so.
    assert main(["rerun", str(tmp_path)]) == 2
    assert "second network trains by the clock" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["other seed", "no number", "one more"])
def test_a_table_that_was_changed_is_refused(tmp_path, capsys, change):
    assert main([*SHORT, "--out", str(tmp_path)]) == 0
    path = tmp_path / "networks.csv"
    head, first, *others = path.read_text().splitlines()
    cells = first.split(",")
    cells[0 if change == "other seed" else -1] = "7" if change == "other seed" else "x"
    lines = [head, first, *others, first] if change == "one more" else [head, ",".join(cells)]
    path.write_text("\n".join(lines) + "\n")
    assert main([*SHORT, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"row {4 if change == 'one more' else 1} is" in said
    assert "Delete the file to begin anew" in said
    assert path.read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "10"], "--samples is 10; expected at least 25"),
        (["--images", "0"], "--images is 0"),
        (["--epochs", "0"], "--epochs is 0"),
        (["--latent-dim", "0"], "--latent-dim is 0"),
        (["--samples", "100000000000"], "samples 100000000000, in 3 runs: at the measured rate"),
        (["--latent-dim", "1000000000000"], "latent_dim is 1000000000000: weights, gradient"),
        (["--seeds", "1000000000"], "in 3000000000 runs: at the measured rate"),
    ],
)
def test_what_cannot_end_well_is_refused_before_training(
    tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.delattr(module, "train_vae")
    assert main([*SHORT, *arguments, "--out", str(tmp_path / "new")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["vae", "uses"])
def test_no_hidden_units_are_told_by_the_option(tmp_path, capsys, command):
    assert main([command, "--hidden", "0", "--out", str(tmp_path / "new")]) == 2
    assert "--hidden is 0; expected at least 1" in capsys.readouterr().err


def test_the_function_checks_before_it_trains(monkeypatch):
    monkeypatch.delattr(module, "train_vae")
    given = load_images("digits", np.random.default_rng(0)), [0], np.random.default_rng
    with pytest.raises(ValueError, match="num_samples is 10; expected at least 25"):
        dense_and_convolutional(*given, num_samples=10)
    for much in ({"refine_steps": 10**9}, {"num_samples": 10**12}, {"epochs": 10**9}):
        with pytest.raises(TooMuchError, match="at the measured rate"):
            dense_and_convolutional(*given, **much)


@pytest.mark.parametrize("num_seeds", [1, 3, 7])
def test_the_picture_marks_what_the_evidence_cannot_be_trusted_with(rows, num_seeds):
    shares = (0.02, 0.05, 0.07)
    drawn = [
        row | {"seed": seed, "untrusted": share}
        for seed in range(num_seeds)
        for row, share in zip(rows, shares)
    ]
    figure = networks_figure(drawn)
    elbo, evidence = figure.axes
    hollow = [
        line.get_markerfacecolor() == "white"
        for line in evidence.lines
        if len(line.get_xdata()) == 1
    ]
    assert hollow == [False, False, True] * num_seeds
    assert not any(line.get_markerfacecolor() == "white" for line in elbo.lines)
    texts = [text.get_text() for text in evidence.texts]
    assert texts == (["2%", "5%", "7%"] * num_seeds if num_seeds <= 3 else [])
    assert "too high a k-hat" in evidence.get_xlabel()
    assert "over 5%" in evidence.get_xlabel()
    # Beside the data, or not at all; what joins a seed's points is too faint for a trend.
    assert len(figure.legends) == (num_seeds <= 6)
    joined = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "-"]
    assert all(line.get_alpha() < 0.3 and line.get_linewidth() < 1 for line in joined)
