"""The curves of the exercises: each bug shows its sign, and no other run does."""

import numpy as np
import pytest

from bbvi import DiagonalGaussian
from bbvi.checks.exercises import curves, readings
from bbvi.estimators import expectations
from bbvi.models.integrands import cosine

SETS = [
    (curves.STEP_1, curves.step_1_runs),
    (curves.FIT, curves.fit_runs),
    (curves.AVERAGING, curves.averaging_runs),
]


@pytest.mark.parametrize(("bugs", "make"), SETS, ids=["step 1", "fit", "averaging"])
@pytest.mark.parametrize("seed", [0, 10, 11])
def test_each_bug_shows_in_its_own_run_alone(bugs, make, seed):
    runs = make(np.random.default_rng(seed))
    assert list(runs) == list(bugs)
    for name, bug in bugs.items():
        assert [run for run in runs if bug.shows(runs[run])] == [name]


def test_the_letters_hide_the_order_and_keep_the_runs():
    bugs, make = SETS[2]
    orders = {tuple(curves.letters(np.random.default_rng(s), bugs).values()) for s in range(5)}
    assert len(orders) > 1
    order = curves.letters(np.random.default_rng(3), bugs)
    for letter, run in curves.hidden(np.random.default_rng(3), bugs, make).items():
        assert bugs[order[letter]].shows(run)


def test_the_variances_over_frequencies_are_those_that_are_measured():
    rng = np.random.default_rng(0)
    m, s = rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.6)
    family, R = DiagonalGaussian(1), 50_000
    lam, eps = np.tile([[m, np.log(s)]], (R, 1)), family.noise(rng, 1, R)
    for k in (0.5, 2.0, 5.0):
        line = readings.frequency_curves(np.random.default_rng(0), np.array([k]))
        for name, estimator in (
            ("score function", expectations.score_function),
            ("pathwise", expectations.pathwise),
        ):
            measured = estimator(family, cosine(k, num_data=R), lam, eps).grad[:, 0].var()
            assert measured == pytest.approx(line[name][0], rel=0.05)


@pytest.mark.parametrize("seed", [0, 10, 11])
def test_the_small_step_size_overtakes_once_and_ends_lower(seed):
    small, large = readings.rate_curves(np.random.default_rng(seed))
    ahead = np.flatnonzero(small < large)
    assert ahead[0] > 20
    assert np.array_equal(ahead, np.arange(ahead[0], 120))
    assert small[-1] < large[-1] / 3
