"""Smoothed weights against stored values of another implementation and known integrals."""

import numpy as np
import pytest
from scipy.stats import genpareto, norm

from bbvi import psis
from bbvi.evaluation import PSIS
from bbvi.importance_weights import smooth_tail, tail_size

STORED = {
    0.5: (0.9080815512205151, 1e-14),
    0.7: (0.6371459500343336, 1e-14),
    0.9: (0.27494481323913184, 1e-14),
    # Nearly equal weights: the last digits of the log-densities reach k-hat.
    0.99: (0.08018355166699344, 1e-13),
}


@pytest.mark.parametrize("scale", STORED)
def test_khat_is_that_of_numpyro(scale):
    """The values stored in NumPyro's test of importance sampling."""
    z = np.random.default_rng(42).normal(0, scale, (50000, 3))
    log_w = norm.logpdf(z).sum(axis=1) - norm.logpdf(z, 0, scale).sum(axis=1)
    expected, tolerance = STORED[scale]
    assert abs(psis(log_w).khat - expected) < tolerance
    # With one weight less in the tail the same check fails.
    shorter = np.sort(log_w)[-tail_size(50000) :, None]
    assert abs(smooth_tail(shorter)[1][0] - expected) > 1e-6


@pytest.mark.parametrize(("num_samples", "expected"), [(25, 5), (26, 6), (100, 20), (5000, 213)])
def test_tail_is_rounded_up(num_samples, expected):
    assert tail_size(num_samples) == expected


def test_only_the_tail_moves_and_it_moves_to_the_quantiles():
    S = 1000
    log_w = np.log1p(genpareto.rvs(0.4, size=S, random_state=0))
    smoothed, khat = psis(log_w)
    size, order = tail_size(S), np.argsort(log_w)
    assert np.array_equal(smoothed[order[:-size]], log_w[order[:-size]])
    assert (smoothed[order[-size:]] != log_w[order[-size:]]).all()
    assert (np.diff(smoothed[order]) >= 0).all()
    # The quantiles of the fit: differences of their logs do not depend on its scale's units.
    above = np.exp(smoothed[order[-size:]]) - np.exp(log_w[order[-size - 1]])
    quantiles = genpareto.ppf((np.arange(size) + 0.5) / size, khat)
    inside = smoothed[order[-size:]] < log_w.max()
    assert inside.sum() >= size - 2
    assert (above / quantiles)[inside] == pytest.approx((above / quantiles)[0], rel=1e-8)


def test_smoothing_keeps_the_mean_of_the_weights_and_lowers_its_noise():
    """E[w] = 1 for normalized p and q; a heavy tail (k = 0.55) over 200 replicates."""
    z = 0.8 * np.random.default_rng(1).standard_normal((2000, 200, 3))
    log_w = (norm.logpdf(z) - norm.logpdf(z, 0, 0.8)).sum(axis=-1)
    raw, smooth = np.exp(log_w).mean(axis=0), np.exp(psis(log_w).log_weights).mean(axis=0)
    error = smooth.std() / np.sqrt(len(smooth))
    assert abs(smooth.mean() - 1) < 5 * error + 0.005
    assert smooth.std() < raw.std()


def test_rows_of_any_shape_and_shifted_columns_give_the_same():
    log_w = 2 * np.random.default_rng(0).standard_normal((300, 3, 2))
    whole = psis(log_w)
    assert isinstance(whole, PSIS)
    assert whole.log_weights.shape == (300, 3, 2)
    assert whole.khat.shape == (3, 2)
    alone = psis(log_w[:, 1, 1])
    assert alone.khat == pytest.approx(whole.khat[1, 1])
    assert alone.log_weights == pytest.approx(whole.log_weights[:, 1, 1])
    shifted = psis(log_w - 5000)
    assert shifted.khat == pytest.approx(whole.khat, abs=1e-9)
    assert shifted.log_weights == pytest.approx(whole.log_weights - 5000)


def test_extremes():
    log_w = np.zeros((100, 4))
    log_w[:, 1] = -np.inf
    log_w[:50, 2] = -np.inf
    log_w[0, 3] = 800.0
    before = log_w.copy()
    smoothed, khat = psis(log_w)
    assert np.array_equal(log_w, before)
    assert khat[0] == -np.inf
    assert khat[1] == np.inf
    assert khat[2] == -np.inf
    assert khat[3] > 2
    assert np.array_equal(smoothed[:, :3], log_w[:, :3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    log_w = np.random.default_rng(0).standard_normal((100, 2)).astype(dtype)
    assert psis(log_w).log_weights.dtype == dtype


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros(24), ValueError, r"log_weights has shape \(24,\).*S >= 25"),
        (np.float64(1.0), ValueError, "log_weights has shape"),
        (np.arange(30), TypeError, "log_weights has dtype int"),
        (np.r_[np.zeros(30), np.nan], ValueError, "NaN or \\+inf"),
        (np.r_[np.zeros(30), np.inf], ValueError, "NaN or \\+inf"),
    ],
)
def test_bad_input(bad, error, message):
    with pytest.raises(error, match=message):
        psis(bad)


def test_a_large_constant_hides_no_tail():
    """Beside 1e12 a log-weight keeps four decimals: k-hat changes little, and is not -inf."""
    log_w = 0.9 * np.random.default_rng(0).exponential(size=(4000, 1))
    plain, beside = psis(log_w).khat[0], psis(log_w + 1e12).khat[0]
    assert plain > 0.7
    assert beside == pytest.approx(plain, abs=0.2)


def test_weights_that_differ_by_rounding_are_equal():
    """Where q is the posterior there is no tail, however large the constant in log p."""
    rng = np.random.default_rng(0)
    for constant in (0.0, 1e5):
        log_w = constant + 1e-15 * max(1, constant) * rng.standard_normal((500, 1))
        smoothed, khat = psis(log_w)
        assert khat[0] == -np.inf
        np.testing.assert_array_equal(smoothed, log_w)
    # Not so what is small but real.
    assert np.isfinite(psis(1e-6 * rng.standard_normal((500, 1))).khat[0])


def test_ties_with_the_cutoff_are_no_part_of_the_tail():
    """Weights of a discrete z have few values; the fit is that of the weights above the tie."""
    rng = np.random.default_rng(0)
    log_w = np.round(rng.standard_normal(1000), 1)
    smoothed, khat = psis(log_w)
    cutoff = np.sort(log_w)[-tail_size(1000) - 1]
    above = np.sort(log_w[log_w > cutoff])
    assert 5 <= len(above) < tail_size(1000)
    alone = smooth_tail(np.r_[cutoff, above][:, None])
    assert khat == pytest.approx(float(alone[1][0]), rel=1e-12)
    assert khat < 0.5
    assert np.array_equal(smoothed[log_w <= cutoff], log_w[log_w <= cutoff])
    assert np.sort(smoothed[log_w > cutoff]) == pytest.approx(alone[0][1:, 0])
    # A last digit is no difference, and fewer than five are no tail.
    noisy = log_w + 1e-15 * rng.standard_normal(1000)
    assert psis(noisy).khat == pytest.approx(khat, abs=1e-6)
    assert psis(np.r_[np.zeros(200), np.full(4, 0.1)]).khat == np.inf


def test_bounded_weights_of_a_discrete_q_are_trusted():
    """Eight values of the weight, none rare, over 30 sets of draws."""
    values = np.log([0.4, 0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.6])
    draws = np.random.default_rng(1).integers(0, 8, size=(100, 30))
    assert (psis(values[draws]).khat < 0.5).all()
