"""The verdict of a fit: by its ELBO's course and its parameters', against courses of known kind."""

import warnings

import numpy as np
import pytest

import bbvi
from bbvi.evaluation import inference_gap
from bbvi.inference import infer_minibatches, known_theta
from bbvi.inference.course import DIRECTED, ERRORS, Iterates, course
from bbvi.optimizers import adam

STEPS = 800
MODEL, FAMILY = bbvi.LinearGaussian(2, 6), bbvi.DiagonalGaussian(2)


def data(rng, num=100):
    theta = MODEL.init(rng)
    theta["W"] = np.asarray(2.0 * rng.standard_normal(theta["W"].shape))
    return MODEL.sample(rng, theta, num)[0]


def noisy(rng, mean, sd=1.0):
    return np.asarray(mean) + sd * rng.standard_normal(STEPS)


def test_noise_around_a_plateau_is_converged():
    judged = [course(noisy(np.random.default_rng(seed), -10)) for seed in range(300)]
    # The ELBO's two tests at 3 and 4 standard errors: false alarms are rare.
    assert np.mean([not verdict.converged for verdict in judged]) < 0.02
    # The standard error is that of the difference.
    z = [verdict.trend / verdict.trend_error for verdict in judged]
    assert abs(np.std(z) - 1) < 5 / np.sqrt(2 * 300)
    assert abs(np.mean(z)) < 5 / np.sqrt(300)


@pytest.mark.parametrize("seed", range(3))
def test_courses_that_are_not_converged_are_told(seed):
    rng, steps = np.random.default_rng(seed), np.arange(STEPS)
    cases = {
        "rises": noisy(rng, -10 + 0.003 * steps),
        "falls": noisy(rng, -10 - 0.003 * steps),
        "its best": noisy(rng, np.where(steps < 400, -10, -13)),
        "too few": rng.standard_normal(19),
    }
    for word, elbos in cases.items():
        judged = course(elbos)
        assert not judged.converged
        assert word in judged.why
        assert word in str(judged)
    assert course(cases["its best"]).best_elbo == pytest.approx(-10, abs=1)
    assert course(cases["its best"]).last_elbo == pytest.approx(-13, abs=1)
    bad = noisy(rng, -10)
    bad[-3] = np.nan
    assert not course(bad).converged


@pytest.mark.parametrize("size", [3, 1000])
def test_the_direction_tells_a_line_from_a_walk_from_noise(size):
    # The whole run's steps are seen by their numbers.
    def direction(path):
        iterates = Iterates(STEPS)
        for number, theta in enumerate(path, start=1):
            iterates.note(number, {"a": theta}, None)
        return iterates.change()[1]

    rng = np.random.default_rng(0)
    line = np.arange(STEPS)[:, None] * rng.standard_normal(size) + 5
    assert direction(line) == pytest.approx(np.sqrt(12), rel=0.01)
    noise = rng.standard_normal((STEPS, size))
    assert direction(5 + noise) < 1
    if size == 1000:
        assert direction(5 + noise.cumsum(axis=0)) == pytest.approx(2, rel=0.1)
    # Large parameters lose no digits, and float32 is enough.
    assert direction((1000 + line).astype(np.float32)) == pytest.approx(np.sqrt(12), rel=0.01)


def test_a_slow_move_hidden_by_noise_is_seen_in_the_parameters():
    rng, iterates = np.random.default_rng(0), Iterates(STEPS)
    for number in range(1, STEPS + 1):
        iterates.note(number, {"a": np.array([1 + 0.001 * number, 2.0])})
    elbos = noisy(rng, -10 + 1e-4 * np.arange(STEPS), 3)
    assert course(elbos).converged
    judged = course(elbos, iterates)
    assert not judged.converged
    assert "direction" in judged.why
    assert judged.direction > DIRECTED
    assert abs(judged.trend) < ERRORS * judged.trend_error


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "procedure",
    [
        bbvi.fit_bbvi,
        bbvi.fit_amortized,
        bbvi.fit_semi_amortized,
        bbvi.fit_importance_weighted,
        bbvi.fit_reweighted_wake_sleep,
        bbvi.fit_wake_sleep,
        bbvi.fit_monte_carlo_em,
    ],
)
def test_a_run_broken_off_warns_and_says_what_to_do(procedure, seed):
    rng = np.random.default_rng(seed)
    x, settings = data(rng), {"encoder": bbvi.MLP((6, 4)), "progress": False}
    with pytest.warns(bbvi.NotConvergedWarning, match="Take more steps") as told:
        fit = procedure(MODEL, FAMILY, x, rng, num_steps=40, optimizer=adam(0.01), **settings)
    assert str(told[0].message).startswith(f"{procedure.__name__} has NOT converged")
    assert told[0].filename == __file__
    # Wake-sleep's ELBO is so noisy that its rise is seen in the parameters alone.
    assert "rises" in fit.verdict.why or "direction" in fit.verdict.why
    assert fit.verdict.trend > 0
    assert not fit.verdict.all_converged


def test_what_has_not_converged_is_told_at_the_users_line():
    rng = np.random.default_rng(0)
    x, theta = data(rng), MODEL.init(rng)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit = bbvi.infer(MODEL, FAMILY, theta, x, rng, num_steps=2, progress=False)
        inference_gap(MODEL, FAMILY, theta, fit.lam, x, rng, num_steps=2, progress=False)
        infer_minibatches([(MODEL, x)] * 2, FAMILY, theta, rng)
        bbvi.fit_autoencoder(MODEL, x, rng, encoder=bbvi.MLP((6, 2)), num_steps=2, progress=False)
    assert [warning.filename for warning in told] == [__file__] * 4


def test_a_budget_is_no_claim_of_a_procedure_of_any_name():
    rng = np.random.default_rng(0)
    settings = {"encoder": bbvi.MLP((6, 4)), "num_steps": 3, "progress": False, "name": "mine"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with bbvi.fixed_budget():
            bbvi.fit_amortized(MODEL, FAMILY, data(rng), rng, **settings)
    with pytest.warns(bbvi.NotConvergedWarning, match="mine has NOT"):
        bbvi.fit_amortized(MODEL, FAMILY, data(rng), rng, **settings)


@pytest.mark.parametrize("seed", range(3))
def test_a_run_to_the_optimum_is_silent(seed):
    rng = np.random.default_rng(seed)
    x = data(rng, 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = bbvi.fit_bbvi(
            MODEL, FAMILY, x, rng, learning=known_theta(MODEL.fit_ml(x)), num_steps=600,
            inner_steps=1, estimator=bbvi.sticking_the_landing, progress=False,
        )  # fmt: skip
    assert fit.verdict.converged
    q = bbvi.infer(MODEL, FAMILY, fit.theta, x, rng, progress=False)
    assert abs(fit.verdict.last_elbo - q.verdict.elbo.mean()) < 0.1


def test_a_budget_is_no_claim():
    rng = np.random.default_rng(0)
    x = data(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with bbvi.fixed_budget():
            fit = bbvi.fit_bbvi(MODEL, FAMILY, x, rng, num_steps=3, progress=False)
        assert not fit.verdict.converged
        # What is no fit is heard all the same.
        with bbvi.fixed_budget(), pytest.raises(bbvi.NotConvergedWarning):
            bbvi.infer(MODEL, FAMILY, fit.theta, x, rng, num_steps=5, progress=False)


def test_evaluations_are_a_budget_whose_steps_are_known():
    rng = np.random.default_rng(0)
    x = data(rng)
    with bbvi.fixed_budget():
        fit = bbvi.fit_bbvi(
            MODEL, FAMILY, x, rng, num_steps=10**6, max_evaluations=100 * 100 * 88, progress=False
        )
    assert len(fit.trace.step) == 100
    assert np.isfinite(fit.verdict.moved)
