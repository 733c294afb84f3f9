import csv

import numpy as np
import pytest

from bbvi.cli import main
from bbvi.lectures.dense_and_convolutional import dense_and_convolutional
from bbvi.lectures.images import load_images


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
