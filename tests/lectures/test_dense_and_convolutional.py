import numpy as np
import pytest

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
    # It ends with the first epoch beyond the dense network's seconds.
    assert timed["seconds"] >= dense["seconds"]


def test_the_evidence_is_above_the_elbo_up_to_the_choice_of_images(rows):
    for row in rows:
        assert np.isfinite(row["log_evidence"])
        # 40 of 360 images vary by some nats; a sign or a constant lost would be tens.
        assert row["log_evidence"] > row["held_out_elbo"] - 5
        assert 0 <= row["untrusted"] <= 1
        assert row["train_elbo"] == pytest.approx(row["held_out_elbo"], abs=8)
