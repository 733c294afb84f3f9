import warnings

import numpy as np
import pytest
from altered import with_functions
from scipy.stats import genpareto

from bbvi import DiagonalGaussian, LinearGaussian, backends
from bbvi.evaluation import UnreliableWarning, log_evidence_is, log_evidence_psis
from bbvi.importance_weights import fit_generalized_pareto, smooth_tail


@pytest.fixture(scope="module")
def problem():
    model, family = LinearGaussian(2, 6), DiagonalGaussian(2)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 20)
    target = backends.autodiff.target(model, theta, x)
    lam = family.from_moments(*model.posterior(theta, x))
    # Wider than the posterior in every direction: bounded weights.
    lam[:, 2:] += 0.5
    return family, target, lam, model.log_evidence(theta, x)


@pytest.mark.parametrize("k", [-0.3, 0.0, 0.3, 0.7, 1.2])
def test_shape_and_scale_of_a_generalized_pareto_are_recovered(k):
    M, N = 400, 200
    draws = np.sort(genpareto.rvs(k, scale=2.5, size=(M, N), random_state=1), axis=0)
    shape, scale = fit_generalized_pareto(draws)
    expected = (M * k + 5) / (M + 10)
    # The asymptotic standard deviation of the shape's maximum-likelihood estimate, over N.
    error = max(1 + k, 0.5) / np.sqrt(M * N)
    assert abs(shape.mean() - expected) < 0.03
    assert shape.std() < 2 * (1 + k) / np.sqrt(M)
    assert scale.mean() == pytest.approx(2.5, abs=10 * 2.5 * error)
    assert abs(shape.mean() - (expected + 0.2)) > 0.03


def test_columns_do_not_interact_and_scale_is_a_scale():
    draws = np.sort(np.random.default_rng(0).exponential(size=(100, 3)), axis=0)
    shape, scale = fit_generalized_pareto(draws)
    alone, _ = fit_generalized_pareto(draws[:, :1])
    same, larger = fit_generalized_pareto(1e6 * draws)
    assert alone[0] == pytest.approx(shape[0])
    assert same == pytest.approx(shape)
    assert larger == pytest.approx(1e6 * scale)


def test_equal_weights_have_no_tail():
    shape, scale = fit_generalized_pareto(np.zeros((20, 2)))
    assert (shape == -np.inf).all()
    assert (scale == 0).all()
    smoothed, khat = smooth_tail(np.full((21, 2), -3.0))
    assert (smoothed == -3).all()
    assert (khat == -np.inf).all()


@pytest.mark.parametrize("spread", [10, 30, 100, 1000])
def test_one_weight_above_all_others_is_never_trusted(spread):
    """Log-normal weights: the wider, the heavier the tail, also where it underflows."""
    log_w = spread * np.random.default_rng(0).standard_normal((5000, 20))
    _, khat = smooth_tail(np.sort(log_w, axis=0)[-213:])
    assert khat.min() > 2
    _, alone = smooth_tail(np.vstack([np.full((212, 1), -1e4), np.zeros((1, 1))]))
    assert alone > 2


def test_almost_equal_weights_are_trusted():
    tail = np.sort(1e-15 * np.random.default_rng(0).standard_normal((213, 5)) - 80, axis=0)
    _, khat = smooth_tail(tail)
    assert (khat < 0.7).all()


@pytest.mark.parametrize("first", [-np.inf, np.nan])
def test_without_a_tail_nothing_is_trusted(first):
    tail = np.full((213, 2), first)
    tail[-1, 0] = 0.0 if first == -np.inf else np.nan
    smoothed, khat = smooth_tail(tail)
    assert (khat == np.inf).all()
    assert np.array_equal(smoothed, tail, equal_nan=True)


def test_weights_of_zero_count():
    """p(x, z) is 0 for half of all z: the evidence is half of what it was."""
    family, lam = DiagonalGaussian(1), np.zeros((300, 2))

    def value(z):
        return np.where(z[..., 0] > 0, family.log_prob(lam, z), -np.inf)

    target = backends.autodiff.target(
        LinearGaussian(1, 2), LinearGaussian(1, 2).init(np.random.default_rng(0)), np.ones((300, 2))
    )
    half = with_functions(target, value=value)
    for estimate in (log_evidence_is, log_evidence_psis):
        found = estimate(family, half, lam, np.random.default_rng(1), 1000)
        error = np.abs(found.value - np.log(0.5)) / found.standard_error
        assert error.max() < 5
        assert np.abs(found.value).min() > 5 * found.standard_error.max()


def test_smoothing_keeps_the_order_and_the_largest_raw_weight():
    tail = np.sort(np.random.default_rng(0).normal(size=(51, 4)) * 2, axis=0)
    smoothed, _ = smooth_tail(tail)
    assert (np.diff(smoothed, axis=0) >= 0).all()
    assert (smoothed <= tail[-1]).all()
    assert (smoothed[0] == tail[0]).all()


def test_evidence_of_the_linear_gaussian_model(problem):
    family, target, lam, exact = problem
    found = log_evidence_psis(family, target, lam, np.random.default_rng(2), 2000)
    assert (np.abs(found.value - exact) < 5 * found.standard_error + 1e-3).all()
    assert (np.abs(found.value + 0.1 - exact) > 5 * found.standard_error).any()
    assert (found.khat < found.threshold).all()


def test_streaming_sees_what_importance_sampling_sees(problem):
    family, target, lam, _ = problem
    raw = log_evidence_is(family, target, lam, np.random.default_rng(3), 500)
    smooth = log_evidence_psis(family, target, lam, np.random.default_rng(3), 500)
    assert np.abs(raw.value - smooth.value).max() < 3 * raw.standard_error.max()
    assert smooth.raw == pytest.approx(raw.value, abs=1e-12)
    assert smooth.raw_standard_error == pytest.approx(raw.standard_error, abs=1e-12)
    assert (smooth.raw != smooth.value).any()


def test_parts_do_not_matter(problem, monkeypatch):
    family, target, lam, _ = problem
    whole = log_evidence_psis(family, target, lam, np.random.default_rng(4), 400)
    monkeypatch.setattr("bbvi.evaluation.monte_carlo._ROWS", 7 * target.num_data)
    parts = log_evidence_psis(family, target, lam, np.random.default_rng(4), 400)
    assert parts.value == pytest.approx(whole.value, abs=1e-12)
    assert parts.khat == pytest.approx(whole.khat, abs=1e-9)
    assert parts.standard_error == pytest.approx(whole.standard_error, abs=1e-12)


def test_khat_warns_where_the_proposal_is_too_narrow(problem):
    family, target, lam, _ = problem
    narrow = lam.copy()
    narrow[:, 2:] -= 2
    with pytest.warns(UnreliableWarning, match="cannot be trusted"):
        found = log_evidence_psis(family, target, narrow, np.random.default_rng(5), 1000)
    assert (found.khat > found.threshold).mean() > 0.8


def test_a_trusted_proposal_does_not_warn(problem):
    family, target, lam, _ = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = log_evidence_psis(family, target, lam, np.random.default_rng(5), 1000)
    assert found.threshold == pytest.approx(2 / 3)


def test_too_few_samples(problem):
    family, target, lam, _ = problem
    with pytest.raises(ValueError, match="num_samples is 24"):
        log_evidence_psis(family, target, lam, np.random.default_rng(0), 24)
