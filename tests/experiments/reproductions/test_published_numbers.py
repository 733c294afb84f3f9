"""No number that was published is silently left out: compared, or listed with its obstacle."""

import pytest

from bbvi.experiments.reproductions.agreement import NOT_MEASURED, compare
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS

NUMBERS = {
    "noisy-cone": """-8.0760 -8.0826 -8.0877 -5.323232 -8.074537 0 2.21899 .27902 .03381
        -7.674 -7.831 -7.870 -9.751 -8.183 -7.298""",
    "relax-toys": """.2525 .20277 .20952 .20683 .20321 .2490017 .249597 .249939 .249129
        -4.16 -4.21 -4.11 -4.69 -9.85 -15.85""",
    "belief-network": """-111.3 -112.5 -111.7 -111.6 -111.20 -114.32 -113.62
        -116.84 -115.03 -114.12 -112.98 -111.63 -116.56 -114.72 -113.65 -112.54 -111.23
        -99.62 -99.6 -99.07 -98.22 -98.00 -231.03 -156.87 -143.47 -137.65""",
    "autoencoder": """-104.867 -96.716 -105.725 -98.973 -105.756 -97.914 -565.755 -557.914
        -106.642 -100.309 -106.803 -97.620""",
    "iwae-ordering": """-86.76 -86.47 -86.35 -86.76 -85.54 -84.78 -86.35 -86.10 -86.06
        -86.35 -85.18 -84.59 -86.08 -84.90 -84.32 -88.71 -87.63 -87.10""",
    "signal-to-noise": "-0.5 0.5 0.5",
    "gaussian-variances": "1.6e-5",
}
"""What the sources print, as they print it."""
ORDERS = {
    "iwae-ordering": ["IWAE minus VAE", "DReG minus IWAE"],
    "logistic-posterior": ["pathwise minus score", "measure-valued minus score"],
    "aevb-wake-sleep": [f"wake-sleep, D = {D}," for D in (3, 5, 10, 20, 200)],
    "aevb-monte-carlo-em": ["EM, N = 1000,", "EM, N = 50000,", "sleep, N = 1000,"],
}
"""What they tell in words."""


@pytest.mark.parametrize("name", NUMBERS)
def test_every_published_number_is_in_the_catalogue(name):
    there = [one.printed for one in REPRODUCTIONS[name].published]
    for printed in set(NUMBERS[name].split()):
        assert there.count(printed) >= NUMBERS[name].split().count(printed), printed


@pytest.mark.parametrize("name", ORDERS)
def test_every_published_order_is_in_the_catalogue(name):
    there = [one.quantity for one in REPRODUCTIONS[name].published if one.kind == "above"]
    for words in ORDERS[name]:
        assert any(words in quantity for quantity in there), words


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_what_is_listed_only_says_why(name):
    """Without rows nothing agrees; an obstacle is told in its own words."""
    entry = REPRODUCTIONS[name]
    for theirs, one in zip(entry.published, compare(entry.published, [])):
        assert one.verdict == "cannot be compared"
        assert one.because == (theirs.obstacle or NOT_MEASURED)


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_a_comparison_with_one_run_names_what_it_must_be_told_from(name):
    for one in REPRODUCTIONS[name].published:
        if one.kind == "run" and not one.obstacle:
            assert one.resolution < float("inf"), one


def test_both_figures_of_aevb_are_judged_by_one_rule():
    """Orders alone, by the same words on one page and a reference to them on the other."""
    entries = [REPRODUCTIONS[f"aevb-{name}"] for name in ("wake-sleep", "monte-carlo-em")]
    assert {one.kind for entry in entries for one in entry.published} == {"above"}
    assert {one.printed for entry in entries for one in entry.published} == {"0"}
    assert "The rule of Figures 2 and 3" in entries[0].setup
    assert "The rule is that of aevb-wake-sleep" in entries[1].setup
