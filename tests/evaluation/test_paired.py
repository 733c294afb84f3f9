import numpy as np
import pytest

from bbvi.evaluation.paired import mean_interval, paired_differences


def draws(rng, K, N, shift=0.0, seed_scale=0.1, data_scale=1.0, noise=0.3):
    """Two methods that share datapoints' difficulty; each has seed and datapoint effects."""
    hard = 5 * rng.standard_normal(N)
    return {
        name: hard
        + value
        + seed_scale * rng.standard_normal((K, 1))
        + data_scale * rng.standard_normal(N)
        + noise * rng.standard_normal((K, N))
        for name, value in (("a", shift), ("b", 0.0))
    }


@pytest.mark.parametrize("K", [2, 5, 10])
@pytest.mark.parametrize("scales", [(0.3, 0.0, 0.3), (0.0, 1.0, 0.3), (0.2, 1.0, 0.5)])
def test_equal_methods_are_called_different_no_more_often_than_the_level_says(K, scales):
    """Whatever the source of the noise: seeds, datapoints, or both."""
    rng, wrong, runs = np.random.default_rng(0), 0, 2000
    for _ in range(runs):
        wrong += paired_differences(draws(rng, K, 50, 0.0, *scales))[0].decided
    assert wrong / runs <= 0.05 + 5 * np.sqrt(0.05 * 0.95 / runs)


def test_an_unpaired_error_over_datapoints_would_miss_what_pairs_show():
    rng = np.random.default_rng(1)
    scores = draws(rng, 5, 100, shift=0.5, seed_scale=0.05, data_scale=0.3)
    difference = paired_differences(scores)[0]
    assert difference.decided
    assert difference.low < 0.5 < difference.high
    unpaired = np.sqrt(sum(value.mean(axis=0).var(ddof=1) / 100 for value in scores.values()))
    assert unpaired > 5 * difference.error
    assert difference.sentence() == (
        f"a is ahead of b by {difference.mean:.2f} (95% interval {difference.low:.2f} to "
        f"{difference.high:.2f}, 5 seeds)."
    )


def test_seeds_alone_would_claim_too_much():
    """The negative control: an interval that leaves the datapoints out is wrong too often."""
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(400):
        scores = draws(rng, 5, 50, 0.0, seed_scale=0.02, data_scale=1.0, noise=0.0)
        d = (scores["a"] - scores["b"]).mean(axis=1)
        low, high = mean_interval(d)[1:]
        wrong += low > 0 or high < 0
    assert wrong / 400 > 0.3


def test_the_level_holds_for_all_pairs_together():
    rng, wrong, runs = np.random.default_rng(3), 0, 500
    for _ in range(runs):
        scores = {name: 0.2 * rng.standard_normal((5, 1)) + np.zeros(40) for name in "abcdef"}
        wrong += any(difference.decided for difference in paired_differences(scores))
    assert wrong / runs <= 0.05 + 5 * np.sqrt(0.05 * 0.95 / runs)


def test_the_same_numbers_twice_are_no_difference():
    y = np.random.default_rng(4).standard_normal((5, 20))
    difference = paired_differences({"one": y, "other": y.copy()})[0]
    assert not difference.decided
    assert "are not told apart" in difference.sentence()


def test_one_seed_decides_nothing():
    y = np.random.default_rng(5).standard_normal((1, 20))
    difference = paired_differences({"a": y + 100, "b": y})[0]
    assert not difference.decided
    assert "one seed says nothing" in difference.sentence()


def test_bad_input_is_named():
    y = np.zeros((5, 20))
    with pytest.raises(ValueError, match=r"shapes.*expected one shape \(K, N\)"):
        paired_differences({"a": y, "b": y[:3]})
    with pytest.raises(ValueError, match="level is 95"):
        paired_differences({"a": y, "b": y}, level=95)
    with pytest.raises(ValueError, match=r"values has shape \(0,\)"):
        mean_interval(np.zeros(0))
