"""Draws on the reported scale, weighted moments, and resampling."""

import autograd.numpy as anp
import numpy as np
import pytest
from scipy import stats

import bbvi
from bbvi import DiagonalGaussian, Posterior, draw, importance_resample, transforms
from bbvi.backends import autodiff
from bbvi.evaluation import heavier_draws, weighted_moments

GAMMA = Posterior(
    lambda u: anp.sum(2 * anp.log(u) - u / 2, axis=-1), transform=transforms.positive()
)


def log_normal_draws(S, rows=1, seed=0):
    """q(log u) = N(1.6, 1.1^2), for u ~ Gamma(3, scale 2)."""
    q, lam = DiagonalGaussian(1), np.tile([[1.6, np.log(1.1)]], (rows, 1))
    target = autodiff.target(GAMMA, {}, np.zeros((rows, 1)))
    rng = np.random.default_rng(seed)
    return q, lam, draw(q, target, lam, rng, S, of=GAMMA.constrain, names=GAMMA.names)


def test_draws_are_q_on_the_reported_scale():
    q, lam, found = log_normal_draws(400, rows=2)
    assert found.values.shape == found.z.shape == (400, 2, 1)
    assert found.names == ("u",)
    np.testing.assert_allclose(found.values, np.exp(found.z))
    np.testing.assert_allclose(found.log_q, q.log_prob(lam, found.z))
    log_density = GAMMA.log_joint({}, np.zeros((2, 1)), found.z)
    np.testing.assert_allclose(found.log_p, log_density)
    p_value = stats.kstest(found.z.ravel(), stats.norm(1.6, 1.1).cdf).pvalue
    assert p_value > 1e-4


def test_without_a_report_it_is_z():
    q = DiagonalGaussian(3)
    model = Posterior(lambda z: -anp.sum(z**2, axis=-1), 3)
    target = autodiff.target(model, {}, model.x)
    found = draw(q, target, q.init(1), np.random.default_rng(0), 5)
    assert found.names == ("z[1]", "z[2]", "z[3]")
    np.testing.assert_array_equal(found.values, found.z)


def test_heavier_draws_are_of_a_multivariate_t():
    """Their squared lengths are F-distributed, and their density is scipy's."""
    mean, covariance = np.array([[1.0, -2.0]]), np.array([[[2.0, 0.6], [0.6, 1.0]]])
    model = Posterior(lambda z: -anp.sum(z**2, axis=-1), 2)
    target = autodiff.target(model, {}, model.x)
    found = heavier_draws(mean, covariance, target, np.random.default_rng(0), 5000)
    t = stats.multivariate_t(mean[0], covariance[0], df=30)
    np.testing.assert_allclose(found.log_q[:, 0], t.logpdf(found.z[:, 0]), rtol=1e-10)
    np.testing.assert_allclose(found.log_p, -(found.z**2).sum(axis=-1), rtol=1e-12)
    away = found.z[:, 0] - mean[0]
    lengths = np.einsum("si,ij,sj->s", away, np.linalg.inv(covariance[0]), away) / 2
    assert stats.kstest(lengths, stats.f(2, 30).cdf).pvalue > 1e-4
    assert stats.kstest(lengths, (stats.chi2(2, scale=0.5)).cdf).pvalue < 0.05


def test_where_the_gaussian_is_the_posterior_its_heavier_draws_weigh_alike():
    for D in (2, 20, 200):
        model = Posterior(lambda z: -0.5 * anp.sum(z**2, axis=-1), D)
        target = autodiff.target(model, {}, model.x)
        found = heavier_draws(
            np.zeros((1, D)), np.eye(D)[None], target, np.random.default_rng(0), 4000
        )
        w = np.exp(found.log_p - found.log_q - (found.log_p - found.log_q).max())
        assert w.sum() ** 2 / (w**2).sum() > 0.93 * 4000


def test_weighted_moments_are_the_posteriors():
    _, _, found = log_normal_draws(20_000)
    truth = stats.gamma(3, scale=2)
    weighted = weighted_moments(found)
    w = np.exp(found.log_p - found.log_q)
    noise = truth.std() * np.sqrt(float((w**2).sum() / w.sum() ** 2))
    assert weighted.khat[0] < 0.7
    assert abs(weighted.mean[0, 0] - truth.mean()) < 5 * noise
    assert abs(weighted.sd[0, 0] - truth.std()) < 5 * noise
    # The negative control: q's own are not.
    assert abs(found.values.mean() - truth.mean()) > 5 * noise


def test_resampled_draws_come_from_the_posterior():
    _, _, found = log_normal_draws(20_000, rows=2)
    chosen = importance_resample(found.log_p - found.log_q, np.random.default_rng(1), 2000)
    assert chosen.shape == (2000, 2)
    for n in range(2):
        u = found.values[chosen[:, n], n, 0]
        assert stats.kstest(u, stats.gamma(3, scale=2).cdf).pvalue > 1e-4
    raw = found.values[:2000, 0, 0]
    assert stats.kstest(raw, stats.gamma(3, scale=2).cdf).pvalue < 1e-4


def test_each_draw_comes_as_often_as_it_weighs():
    log_w = np.log(np.random.default_rng(0).random((50, 1)) + 0.1)
    smoothed = np.exp(bbvi.psis(log_w).log_weights[:, 0])
    share = smoothed / smoothed.sum()
    total = np.zeros(50)
    for seed in range(400):
        counts = np.bincount(
            importance_resample(log_w, np.random.default_rng(seed), 70)[:, 0], minlength=50
        )
        assert ((counts == np.floor(70 * share)) | (counts == np.ceil(70 * share))).all()
        total += counts
    # Each count is one of two neighbours, so that its variance is at most 1/4.
    assert (np.abs(total / 400 - 70 * share) < 5 * 0.5 / np.sqrt(400)).all()


def test_a_draw_of_no_weight_never_comes():
    log_w = np.full((100, 1), -np.inf)
    log_w[:60, 0] = 0.0
    for seed in range(20):
        assert importance_resample(log_w, np.random.default_rng(seed)).max() < 60


def test_what_is_refused():
    q, lam, _ = log_normal_draws(10)
    target = autodiff.target(GAMMA, {}, GAMMA.x)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"expected \(S, N, R\)"):
        draw(q, target, lam, rng, of=lambda z: z[..., 0])
    with pytest.raises(ValueError, match="one for each number"):
        draw(q, target, lam, rng, names=("a", "b"))
    with pytest.raises(ValueError, match="num_samples"):
        draw(q, target, lam, rng, 0)
    with pytest.raises(ValueError, match=r"expected \(S, N\)"):
        importance_resample(np.zeros(100), rng)
    with pytest.raises(TypeError, match="rng"):
        importance_resample(np.zeros((100, 1)), 0)
