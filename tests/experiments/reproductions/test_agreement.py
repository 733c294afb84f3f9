"""The rule: what agrees, what differs, what cannot be compared."""

import numpy as np
import pytest

from bbvi.experiments.reproductions.agreement import compare, summary
from bbvi.experiments.reproductions.entries import Published


def rows(values, quantity="a", **more):
    return [{"quantity": quantity, "value": value, **more} for value in values]


def published(printed="1.00", **more):
    return Published("a", printed, "they", "table", **more)


def verdict(theirs, values):
    (one,) = compare([theirs], rows(values))
    return one.verdict


OURS = np.random.default_rng(0).normal(1.0, 0.1, 20)


def test_a_run_is_compared_with_the_spread_of_runs_a_mean_with_the_interval_of_the_mean():
    assert verdict(published("1.15", kind="run"), OURS) == "agrees"
    assert verdict(published("1.15", kind="mean"), OURS) == "differs"
    assert verdict(published("1.15", kind="mean", error=0.1), OURS) == "agrees"
    assert verdict(published("1.4", kind="run"), OURS) == "differs"


def test_a_tolerance_is_asked_of_every_run():
    theirs = published("1.9", kind="within", tolerance=1.0)
    assert verdict(theirs, [1.0, 1.5, 2.8]) == "agrees"
    assert verdict(theirs, [0.8, 0.7, 3.0]) == "differs"
    assert verdict(theirs, [1.5]) == "agrees"
    # Three runs of which one is far are no better evidence than one that is near.
    (one,) = compare([theirs], rows([1.5, 2.0, 0.8]))
    assert (one.verdict, one.because) == (
        "cannot be compared",
        "-0.47, but 2 of 3 runs are within 1",
    )


def test_an_order_needs_an_interval_on_one_side():
    assert verdict(published("0", kind="above"), OURS) == "agrees"
    assert verdict(published("0", kind="above"), -OURS) == "differs"
    assert verdict(published("0", kind="above"), OURS - 1) == "cannot be compared"
    assert verdict(published("0", kind="above"), [1.0]) == "cannot be compared"


@pytest.mark.parametrize(
    ("values", "because"),
    [([], "not measured"), ([1.0], "one seed"), ([1.0, np.nan], "not finite")],
)
def test_what_cannot_be_compared(values, because):
    (one,) = compare([published()], rows(values))
    assert one.verdict == "cannot be compared"
    assert because in one.because


def test_a_wide_interval_is_no_agreement():
    (one,) = compare([published(resolution=0.05)], rows(OURS))
    assert one.verdict == "cannot be compared"
    assert "could hardly have failed" in one.because


def test_an_obstacle_is_told_without_rows_and_leaves_other_intervals_alone():
    listed = [Published(f"q{k}", "1", "they", "table", obstacle="not built") for k in range(9)]
    alone, *_ = compare([published()], rows(OURS))
    first, *others = compare([published(), *listed], rows(OURS))
    assert first == alone
    assert {(one.verdict, one.because) for one in others} == {("cannot be compared", "not built")}


def test_rounding_counts():
    same = [0.994] * 3
    assert verdict(published("0.99", kind="mean"), same) == "agrees"
    assert verdict(published("0.990", kind="mean"), same) == "differs"
    assert published("2.5e-3").rounding == pytest.approx(5e-5)


def test_exact_values_in_the_rows():
    (one,) = compare([], rows(OURS, exact=1.0))
    assert one.by == "exact"
    assert one.verdict == "agrees"
    (one,) = compare([], rows(1.1 * OURS + 0.05, exact=1.0))
    assert one.verdict == "differs"


def test_the_level_holds_for_the_whole_table():
    """Of many tables of 20 true comparisons one in twenty has a false alarm."""
    rng = np.random.default_rng(1)
    theirs = [Published(f"q{k}", "1.00000000", "they", "", kind="mean") for k in range(20)]
    tables = 300
    false = 0
    for _ in range(tables):
        data = [row for k in range(20) for row in rows(rng.normal(1, 1, 5), f"q{k}")]
        false += any(one.verdict == "differs" for one in compare(theirs, data))
    assert 0.01 < false / tables < 0.09


def test_summary():
    comparisons = compare([published("1.0"), published("9.0")], rows(OURS))
    text = summary(comparisons)
    assert text.startswith("1 of 2 agree")
    assert "differs" in text
    assert summary(comparisons[:1]) == "agrees (1 of 1)"


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind is 'guess'"):
        compare([published(kind="guess")], rows(OURS))
