"""Moments against moments: every kind of error is told, and small ones are not."""

import numpy as np
import pytest

from bbvi.experiments.posterior_verdicts import (
    ReportedMoments,
    complaint,
    largest_errors,
    several_modes,
    verdict_line,
)

TRUE = ReportedMoments(np.array([1.0, -2.0, 0.0]), np.array([1.0, 10.0, 0.1]), 0.1)
NAMES = ("a", "b", "c")


def moved(mean=(0, 0, 0), ratio=(1, 1, 1), khat=0.1):
    return ReportedMoments(TRUE.mean + np.array(mean) * TRUE.sd, TRUE.sd * np.array(ratio), khat)


def test_the_farthest():
    found = largest_errors(moved(mean=(0.02, -0.3, 0), ratio=(1.05, 0.5, 1.2)), TRUE, NAMES)
    assert found["mean_error"] == pytest.approx(0.3)
    assert (found["mean_error_of"], found["sd_ratio_min_of"], found["sd_ratio_max_of"]) == (
        "b",
        "b",
        "c",
    )
    assert found["sd_ratio_min"] == pytest.approx(0.5)
    assert found["sd_ratio_max"] == pytest.approx(1.2)
    assert found["off"]


@pytest.mark.parametrize(
    ("moments", "off"),
    [
        (moved(), False),
        (moved(mean=(0.09, 0, 0), ratio=(0.91, 1, 1.09)), False),
        (moved(mean=(0, 0, -0.11)), True),
        (moved(ratio=(0.89, 1, 1)), True),
        (moved(ratio=(1, 1.11, 1)), True),
    ],
)
def test_what_counts(moments, off):
    assert largest_errors(moments, TRUE, NAMES)["off"] is off


@pytest.mark.parametrize(
    ("moments", "said", "words"),
    [
        (moved(), "", ""),
        (moved(mean=(0.05, 0, 0), ratio=(0.95, 1, 1.05)), "", ""),
        (moved(mean=(0.08, 0, 0)), "", "mean of a is 0.08 sd off"),
        (moved(ratio=(1, 0.92, 1)), "", "sd of b is 0.92 of what it should be"),
        (moved(ratio=(1, 1, 1.08)), "", "sd of c is 1.08 of what it should be"),
        (moved(khat=0.71), "", "k-hat 0.71"),
        (moved(khat=np.inf), "", "k-hat inf"),
        (moved(khat=np.nan), "", "k-hat nan"),
        (moved(), "not converged.", "not converged."),
    ],
)
def test_the_words(moments, said, words):
    assert complaint(moments, NAMES, said, TRUE) == words


def test_without_anything_better_only_khat_and_the_fit_speak():
    wrong = moved(mean=(3, 3, 3), ratio=(0.1, 1, 9), khat=0.3)
    assert complaint(wrong, NAMES, "", None) == ""


def test_weights_that_disagree_have_seen_different_modes():
    assert several_modes([TRUE, moved(mean=(0.2, 0, 0))], NAMES) == ""
    assert several_modes([TRUE], NAMES) == ""
    assert several_modes([TRUE, moved(mean=(0, 9, 0))], NAMES) == (
        "weighted draws disagree on b: several modes"
    )
    assert "several modes" in several_modes([TRUE, moved(ratio=(1, 1, 0.3))], NAMES)
    # Weights that cannot be trusted are no witnesses.
    assert several_modes([TRUE, moved(mean=(0, 9, 0), khat=0.9)], NAMES) == ""


def test_the_line_and_what_to_use():
    good = [("full covariance", moved(), ""), ("mean field", moved(), "bad")]
    assert verdict_line([*good, ("linear response", moved(), "")], "") == (
        "full covariance: good; mean field: bad; linear response: good"
    )
    bad = [("full covariance", moved(), "bad"), ("mean field", moved(), "")]
    assert verdict_line(bad, "why") == (
        "full covariance: bad; mean field: good; linear response: none (why); trust none of these"
    )
    more = [
        ("full covariance, weighted", moved(khat=0.5), ""),
        ("linear response, weighted", moved(khat=0.2), ""),
    ]
    response = ("linear response", moved(khat=0.6), "bad")
    assert verdict_line([*bad, response, *more], "").endswith("; use linear response, weighted")
    assert verdict_line([*bad, (*response[:2], ""), *more], "").endswith("; use linear response")
