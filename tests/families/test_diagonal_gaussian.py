import numpy as np
import pytest
from scipy import stats

from bbvi import DiagonalGaussian, FullCovarianceGaussian


def rows(D, seed=0, N=3):
    return 0.7 * np.random.default_rng(seed).standard_normal((N, 2 * D))


@pytest.mark.parametrize("D", [1, 4])
def test_log_prob_and_entropy_are_scipys(D):
    q, lam = DiagonalGaussian(D), rows(D)
    z = np.random.default_rng(1).standard_normal((5, 3, D))
    normal = stats.norm(lam[:, :D], np.exp(lam[:, D:]))
    np.testing.assert_allclose(q.log_prob(lam, z), normal.logpdf(z).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(q.entropy(lam), normal.entropy().sum(axis=-1), rtol=1e-12)


def test_the_neutral_start_is_the_standard_normal():
    q = DiagonalGaussian(3)
    lam = q.init(2)
    eps = q.noise(np.random.default_rng(0), 4, 2)
    np.testing.assert_array_equal(q.transform(lam, eps), eps)
    kl, dkl = q.kl_standard_normal_and_grad(lam)
    np.testing.assert_array_equal(kl, 0)
    np.testing.assert_array_equal(dkl, 0)


def test_it_is_the_full_covariance_family_with_a_diagonal_factor():
    D, rng = 3, np.random.default_rng(0)
    q, full, lam = DiagonalGaussian(D), FullCovarianceGaussian(D), rows(3)
    packed = full.from_moments(*q.moments(lam))
    eps = q.noise(rng, 5, 3)
    z = q.transform(lam, eps)
    np.testing.assert_allclose(full.transform(packed, eps), z, rtol=1e-12)
    np.testing.assert_allclose(full.log_prob(packed, z), q.log_prob(lam, z), rtol=1e-12)
    np.testing.assert_allclose(full.entropy(packed), q.entropy(lam), rtol=1e-12)
    kl, dkl = full.kl_standard_normal_and_grad(packed)
    expected_kl, expected_dkl = q.kl_standard_normal_and_grad(lam)
    np.testing.assert_allclose(kl, expected_kl, rtol=1e-10)
    np.testing.assert_allclose(dkl[:, [0, 1, 2, 3, 5, 8]], expected_dkl, rtol=1e-10)


def test_from_moments_undoes_moments():
    q, lam = DiagonalGaussian(3), rows(3)
    np.testing.assert_allclose(q.from_moments(*q.moments(lam)), lam, rtol=1e-12)


def test_from_moments_is_the_best_factorized_gaussian():
    """KL(q || p) by the formula for two Gaussians is smallest at from_moments, gap known."""
    D, rng = 3, np.random.default_rng(2)
    A = rng.standard_normal((D, D))
    C, mean = A @ A.T + 0.3 * np.eye(D), rng.standard_normal((1, D))
    q = DiagonalGaussian(D)

    def kl(lam):
        m, V = (moment[0] for moment in q.moments(lam))
        distance = (m - mean[0]) @ np.linalg.solve(C, m - mean[0])
        log_dets = np.linalg.slogdet(C)[1] - np.linalg.slogdet(V)[1]
        return 0.5 * (np.trace(np.linalg.solve(C, V)) + distance - D + log_dets)

    best = q.from_moments(mean, C)
    precision = np.linalg.inv(C)
    gap = 0.5 * (np.log(np.diag(precision)).sum() + np.linalg.slogdet(C)[1])
    assert kl(best) == pytest.approx(gap, rel=1e-10)
    assert gap > 0.1
    for _ in range(50):
        assert kl(best + 0.1 * rng.standard_normal(best.shape)) > gap


def test_from_moments_takes_one_covariance_for_all_rows_or_one_each():
    q = DiagonalGaussian(2)
    mean, C = np.ones((3, 2)), np.diag([1.0, 4.0])
    one, each = q.from_moments(mean, C), q.from_moments(mean, np.stack([C, C, C]))
    np.testing.assert_array_equal(one, each)
    np.testing.assert_allclose(one, [[1, 1, 0, np.log(2)]] * 3, atol=1e-15)


def test_from_moments_refuses_what_is_not_a_covariance():
    with pytest.raises(ValueError, match=r"covariance is not positive definite.*-1"):
        DiagonalGaussian(2).from_moments(np.zeros((1, 2)), np.diag([1.0, -1.0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_comes_in_the_wanted_dtype(dtype):
    eps = DiagonalGaussian(2).noise(np.random.default_rng(0), 3, 4, dtype)
    assert eps.dtype == dtype
    assert eps.shape == (3, 4, 2)


def test_extreme_scales_stay_finite():
    q = DiagonalGaussian(1)
    lam = np.array([[0.0, -20.0], [0.0, 20.0]])
    z = q.transform(lam, q.noise(np.random.default_rng(0), 4, 2))
    for value in (q.log_prob(lam, z), q.score(lam, z), q.log_prob_dz(lam, z), q.entropy(lam)):
        assert np.isfinite(value).all()


@pytest.mark.parametrize(("D", "error"), [(0, ValueError), (1.5, TypeError), (-2, ValueError)])
@pytest.mark.parametrize("family", [DiagonalGaussian, FullCovarianceGaussian])
def test_a_latent_dimension_is_a_positive_whole_number(family, D, error):
    with pytest.raises(error, match="latent_dim is"):
        family(D)
