import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from bbvi import DiagonalGaussian, FullCovarianceGaussian
from bbvi.checks.statistics import column_differences
from bbvi.models.normal import log_normal

SIZES = st.integers(1, 6)


@st.composite
def tables(draw):
    """A family and a table lam of one to three rows."""
    q = FullCovarianceGaussian(draw(SIZES))
    shape = (draw(st.integers(1, 3)), q.num_params)
    return q, draw(hnp.arrays(np.float64, shape, elements=st.floats(-1, 1)))


@settings(max_examples=50)
@given(tables())
def test_the_factor_is_the_packed_lower_triangle(table):
    q, lam = table
    mean, L = q.factor(lam)
    np.testing.assert_array_equal(mean, lam[:, : q.latent_dim])
    np.testing.assert_array_equal(L, np.tril(L))
    rows, columns = np.tril_indices(q.latent_dim)
    packed = lam[:, q.latent_dim :]
    expected = np.where(rows == columns, np.exp(packed), packed)
    np.testing.assert_array_equal(L[:, rows, columns], expected)


@settings(max_examples=50)
@given(tables())
def test_every_real_lam_is_a_covariance_and_moments_lose_nothing(table):
    q, lam = table
    mean, covariance = q.moments(lam)
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    np.testing.assert_allclose(q.from_moments(mean, covariance), lam, atol=1e-6)


@settings(max_examples=30)
@given(tables(), st.integers(0, 2**32 - 1))
def test_whitening_undoes_the_transform(table, seed):
    """log_prob(transform(eps)) is log N(eps; 0, I) minus the log-determinant."""
    q, lam = table
    eps = q.noise(np.random.default_rng(seed), 3, len(lam))
    log_det = np.log(np.diagonal(q.factor(lam)[1], axis1=1, axis2=2)).sum(axis=-1)
    expected = stats.norm.logpdf(eps).sum(axis=-1) - log_det
    np.testing.assert_allclose(q.log_prob(lam, q.transform(lam, eps)), expected, rtol=1e-6)


@pytest.mark.parametrize("D", [1, 2, 5])
def test_log_prob_entropy_and_kl_are_scipys(D):
    q, rng = FullCovarianceGaussian(D), np.random.default_rng(0)
    lam = 0.5 * rng.standard_normal((2, q.num_params))
    z = rng.standard_normal((4, 2, D))
    mean, covariance = q.moments(lam)
    for n in range(2):
        normal = stats.multivariate_normal(mean[n], covariance[n])
        np.testing.assert_allclose(q.log_prob(lam, z)[:, n], normal.logpdf(z[:, n]), rtol=1e-10)
        np.testing.assert_allclose(q.entropy(lam)[n], normal.entropy(), rtol=1e-10)
        # KL(q || p) = -H[q] - E_q[log p] with E_q[|z|^2] from the moments.
        square = np.trace(covariance[n]) + mean[n] @ mean[n]
        kl = -normal.entropy() + 0.5 * square + 0.5 * D * np.log(2 * np.pi)
        np.testing.assert_allclose(q.kl_standard_normal_and_grad(lam)[0][n], kl, rtol=1e-10)


def test_the_columns_follow_the_rows_of_the_triangle():
    q = FullCovarianceGaussian(3)
    lam = np.array([[0, 0, 0, np.log(2), 3, np.log(4), 5, 6, np.log(7)]])
    expected = [[2, 0, 0], [3, 4, 0], [5, 6, 7]]
    np.testing.assert_allclose(q.factor(lam)[1][0], expected)


def test_score_and_pullback_agree_at_the_same_point():
    """d/dlam log q(z(lam, eps)) in total is the pullback of dlog q/dz plus the score."""
    q, rng = FullCovarianceGaussian(3), np.random.default_rng(3)
    lam = 0.5 * rng.standard_normal((2, q.num_params))
    eps = q.noise(rng, 4, 2)
    z = q.transform(lam, eps)
    total = q.pullback(lam, eps, q.log_prob_dz(lam, z)) + q.score(lam, z)
    slopes = column_differences(lambda lam: q.log_prob(lam, q.transform(lam, eps)), lam)
    np.testing.assert_allclose(total, slopes, atol=1e-7)


def test_from_moments_refuses_what_is_not_a_covariance():
    covariance = np.array([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match=r"covariance is not positive definite.*eigenvalue -1"):
        FullCovarianceGaussian(2).from_moments(np.zeros((1, 2)), covariance)


def test_from_moments_keeps_float32():
    q = FullCovarianceGaussian(2)
    lam = q.from_moments(np.zeros((3, 2), np.float32), np.eye(2, dtype=np.float32))
    assert lam.dtype == np.float32
    np.testing.assert_array_equal(lam, np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.array([[1.0, 0.0], [0.8, 0.6]]), r"not symmetric .* differ by up to 0\.8.*L @ L\.T"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "covariance has NaN or infinite values"),
        (np.ones(2), r"covariance has shape \(2,\); expected \(\.\.\., D, D\)"),
        (np.ones((3, 2)), r"covariance has shape \(3, 2\)"),
        (np.ones((2, 2)), r"not positive definite \(smallest eigenvalue"),
    ],
    ids=["a Cholesky factor", "NaN", "a diagonal", "not square", "singular"],
)
def test_what_is_no_covariance_is_refused_by_every_gaussian(covariance, message):
    for act in (
        lambda: FullCovarianceGaussian(2).from_moments(np.zeros((1, 2)), covariance),
        lambda: DiagonalGaussian(2).from_moments(np.zeros((1, 2)), covariance),
        lambda: log_normal(np.zeros((1, 2)), np.zeros(2), covariance),
    ):
        with pytest.raises(ValueError, match=message):
            act()


@pytest.mark.parametrize("kind", [FullCovarianceGaussian, DiagonalGaussian])
def test_moments_that_do_not_fit_each_other_are_refused(kind):
    mean, C = np.zeros((4, 2)), np.eye(2)
    for bad, message in (
        ((mean[:, :1], C), r"mean has shape \(4, 1\); expected \(N, D\) with D = 2"),
        ((mean[0], C), r"mean has shape \(2,\)"),
        ((mean + np.nan, C), "mean has NaN"),
        ((mean, np.eye(3)), r"covariance has shape \(3, 3\); expected \(2, 2\), .* \(4, 2, 2\)"),
        ((mean, np.stack([C] * 3)), r"covariance has shape \(3, 2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            kind(2).from_moments(*bad)
    whole = kind(2).from_moments(mean, np.eye(2, dtype=int))
    np.testing.assert_array_equal(whole, kind(2).from_moments(mean, C))
