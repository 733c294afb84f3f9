import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA, FactorAnalysis

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, checks, infer
from bbvi.backends import autodiff, kernel
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.nets import astype
from bbvi.optimizers import adam, cosine_decay

IRIS = load_iris().data
MODEL = LinearGaussian(latent_dim=2, observed_dim=4)


def some_theta(D, Dx, seed=0):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((Dx, D))
    return {"W": W, "b": rng.standard_normal(Dx), "log_sigma": np.array(-0.4)}


@pytest.mark.parametrize(("D", "expected"), [(1, -3.137796), (2, -2.699752), (3, -2.532764)])
def test_maximum_likelihood_on_iris(D, expected):
    model = LinearGaussian(D, 4)
    theta = model.fit_ml(IRIS)
    assert model.log_evidence(theta, IRIS).mean() == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("D", [1, 2, 3])
def test_maximum_likelihood_is_scikit_learns(D):
    """PCA.score divides the covariance by N - 1, so it is compared at its own parameters."""
    pca, model = PCA(D).fit(IRIS), LinearGaussian(D, 4)
    theta = model.fit_ml(IRIS)
    N = len(IRIS)
    unbiased = {
        "W": theta["W"] * np.sqrt(N / (N - 1)),
        "b": theta["b"],
        "log_sigma": theta["log_sigma"] + 0.5 * np.log(N / (N - 1)),
    }
    np.testing.assert_allclose(
        unbiased["W"] @ unbiased["W"].T + np.exp(2 * unbiased["log_sigma"]) * np.eye(4),
        pca.get_covariance(),
        rtol=1e-10,
    )
    ours = model.log_evidence(unbiased, IRIS)
    np.testing.assert_allclose(ours, pca.score_samples(IRIS), rtol=1e-10)
    assert model.log_evidence(theta, IRIS).mean() >= pca.score(IRIS)


def test_the_posterior_and_evidence_are_those_of_factor_analysis_with_equal_noise():
    theta = MODEL.fit_ml(IRIS)
    analysis = FactorAnalysis(2).fit(IRIS)
    analysis.components_ = theta["W"].T
    analysis.mean_ = theta["b"]
    analysis.noise_variance_ = np.full(4, np.exp(2 * theta["log_sigma"]))
    mean, _ = MODEL.posterior(theta, IRIS)
    np.testing.assert_allclose(mean, analysis.transform(IRIS), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        MODEL.log_evidence(theta, IRIS), analysis.score_samples(IRIS), rtol=1e-9
    )


@pytest.mark.parametrize(("D", "Dx"), [(1, 1), (2, 3), (3, 2)])
def test_the_evidence_is_the_marginal_normal(D, Dx):
    model, theta = LinearGaussian(D, Dx), some_theta(D, Dx)
    x, _ = model.sample(np.random.default_rng(1), theta, 6)
    covariance = theta["W"] @ theta["W"].T + np.exp(2 * theta["log_sigma"]) * np.eye(Dx)
    expected = np.atleast_1d(stats.multivariate_normal(theta["b"], covariance).logpdf(x))
    np.testing.assert_allclose(model.log_evidence(theta, x), expected, rtol=1e-10)


@pytest.mark.parametrize("target_of", [autodiff.target, kernel.target])
@pytest.mark.parametrize("D", [1, 2, 3])
def test_at_the_exact_posterior_every_sample_gives_log_p(D, target_of):
    """log p(x, z) - log q(z) = log p(x) for each z: Bayes' rule."""
    model, theta, family = LinearGaussian(D, 4), some_theta(D, 4), FullCovarianceGaussian(D)
    x, _ = model.sample(np.random.default_rng(1), theta, 7)
    lam = family.from_moments(*model.posterior(theta, x))
    z = family.transform(lam, 3 * family.noise(np.random.default_rng(2), 50, 7))
    terms = target_of(model, theta, x).value(z) - family.log_prob(lam, z)
    expected = np.broadcast_to(model.log_evidence(theta, x), terms.shape)
    np.testing.assert_allclose(terms, expected, rtol=0, atol=1e-9)


def test_at_maximum_likelihood_the_posterior_is_diagonal():
    """The columns of the fitted W are orthogonal, so the diagonal family is exact there."""
    theta, family = MODEL.fit_ml(IRIS), DiagonalGaussian(2)
    mean, covariance = MODEL.posterior(theta, IRIS)
    assert abs(covariance[0, 1]) < 1e-12
    lam = family.from_moments(mean, covariance)
    z = family.transform(lam, family.noise(np.random.default_rng(0), 20, len(IRIS)))
    terms = autodiff.target(MODEL, theta, IRIS).value(z) - family.log_prob(lam, z)
    expected = np.broadcast_to(MODEL.log_evidence(theta, IRIS), terms.shape)
    np.testing.assert_allclose(terms, expected, rtol=0, atol=1e-9)


def test_maximum_likelihood_is_stationary():
    """At the posterior the ELBO's theta gradient is that of log p(x) (Fisher's identity): 0."""
    theta, family = MODEL.fit_ml(IRIS), FullCovarianceGaussian(2)
    lam = family.from_moments(*MODEL.posterior(theta, IRIS))
    exact = linear_gaussian_elbo(MODEL, theta, IRIS, family, lam)
    for key, value in exact.grad_theta.items():
        np.testing.assert_allclose(value, 0, atol=1e-8, err_msg=key)


def test_the_diagonal_family_stops_at_the_known_gap():
    """Exact ascent ends at the same precisions: (sum_d log P_dd - log det P) / 2 below log p."""
    model, theta, family = LinearGaussian(2, 3), some_theta(2, 3), DiagonalGaussian(2)
    theta["W"][:, 1] += 2 * theta["W"][:, 0]
    x, _ = model.sample(np.random.default_rng(1), theta, 4)
    lam, optimizer = family.init(4), adam(cosine_decay(0.05, 1500))
    state = optimizer.init(lam, rows=True)
    for _ in range(1500):
        gradient = linear_gaussian_elbo(model, theta, x, family, lam).grad
        lam, state = optimizer.update(gradient, state, lam)
    mean, covariance = model.posterior(theta, x)
    precision = np.linalg.inv(covariance)
    gap = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert gap > 0.3
    np.testing.assert_allclose(lam, family.from_moments(mean, covariance), atol=1e-6)
    elbo = linear_gaussian_elbo(model, theta, x, family, lam).elbo
    np.testing.assert_allclose(model.log_evidence(theta, x) - elbo, gap, atol=1e-9)


@pytest.mark.parametrize(("D", "Dx"), [(1, 1), (2, 3), (3, 2)])
def test_it_is_a_model(D, Dx):
    assert checks.check_model(LinearGaussian(D, Dx), np.random.default_rng(0)) is None


def test_float32_in_float32_out():
    theta, x = astype(some_theta(2, 4), np.float32), IRIS.astype(np.float32)
    assert MODEL.log_evidence(theta, x).dtype == np.float32
    assert {moment.dtype for moment in MODEL.posterior(theta, x)} == {np.dtype(np.float32)}
    assert {a.dtype for a in MODEL.sample(np.random.default_rng(0), theta, 3)} == {x.dtype}
    assert {np.asarray(a).dtype for a in MODEL.fit_ml(x).values()} == {x.dtype}


BAD = {
    "NaN": (np.where(IRIS < 0.2, np.nan, IRIS), ValueError, r"x has .* NaN or infinite"),
    "inf": (np.where(IRIS > 7, np.inf, IRIS), ValueError, "NaN or infinite"),
    "empty": (IRIS[:0], ValueError, "x is empty"),
    "too narrow": (IRIS[:, :3], ValueError, r"axis is 3; expected 4 \(observed_dim\)"),
    "one row": (IRIS[0], ValueError, r"expected \(N, Dx\)\. Use x\[None\]"),
    "integers": (IRIS.astype(int), TypeError, "x has dtype int64"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused(name):
    x, error, message = BAD[name]
    theta = some_theta(2, 4)
    for act in (lambda: MODEL.log_evidence(theta, x), lambda: MODEL.posterior(theta, x)):
        with pytest.raises(error, match=message):
            act()
    with pytest.raises(error, match=message):
        MODEL.fit_ml(x)


def test_mixed_dtypes_and_bad_theta_are_refused():
    theta = some_theta(2, 4)
    with pytest.raises(TypeError, match=r"x is float32 but theta\['W'\] is float64"):
        MODEL.log_evidence(theta, IRIS.astype(np.float32))
    with pytest.raises(ValueError, match=r"theta\['b'\] has 4 NaN"):
        MODEL.posterior(theta | {"b": np.full(4, np.nan)}, IRIS)
    for wrong, message in (
        ({"W": theta["W"]}, r"theta has no 'b', 'log_sigma'; expected W \(4, 2\), b"),
        (theta | {"W": theta["W"].T}, r"theta\['W'\] has shape \(2, 4\); .* looks transposed"),
    ):
        for act in (MODEL.log_evidence, MODEL.posterior):
            with pytest.raises(ValueError, match=message):
                act(wrong, IRIS)
        with pytest.raises(ValueError, match=message):
            infer(MODEL, DiagonalGaussian(2), wrong, IRIS, np.random.default_rng(0))


def test_fit_ml_needs_a_direction_for_the_noise():
    with pytest.raises(ValueError, match="latent_dim is 4 and observed_dim 4"):
        LinearGaussian(4, 4).fit_ml(IRIS)
    flat = IRIS[:, :1] * np.ones(4)
    with pytest.raises(ValueError, match="noise variance would be 0"):
        MODEL.fit_ml(flat)


@pytest.mark.parametrize("sizes", [(0, 3), (2, 0)])
def test_sizes_are_positive(sizes):
    with pytest.raises(ValueError, match="expected at least 1"):
        LinearGaussian(*sizes)
