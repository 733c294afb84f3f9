"""`infer` with defaults on hard posteriors ends right, with a clear error, or with a warning."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, Posterior, infer
from bbvi.inference import NotConvergedWarning

FAMILIES = [DiagonalGaussian, FullCovarianceGaussian]
SEEDS = range(3)


def fit(log_density, family, seed):
    """Step 1 with defaults."""
    posterior = Posterior(log_density, family.latent_dim)
    return infer(posterior, family, rng=np.random.default_rng(seed))


def gaussian(D, seed):
    """Mean, precision and log-density of a Gaussian that couples all its coordinates."""
    rng = np.random.default_rng(seed)
    loadings, mean = rng.standard_normal((D, D)) / np.sqrt(D), 3 * rng.standard_normal(D)
    precision = loadings @ loadings.T + 0.3 * np.eye(D)
    return mean, precision, lambda z: -0.5 * anp.sum(anp.dot(z - mean, precision) * (z - mean), -1)


@pytest.mark.parametrize("family", FAMILIES)
def test_two_hundred_coupled_dimensions(family):
    """The optimum: the posterior, or for the diagonal q its mean and 1 / diag(precision)."""
    mean, precision, log_density = gaussian(200, 0)
    q = family(200)
    found = fit(log_density, q, 0)
    moments = q.moments(found.lam)
    variances = {
        DiagonalGaussian: 1 / np.diag(precision),
        FullCovarianceGaussian: np.diag(np.linalg.inv(precision)),
    }
    np.testing.assert_allclose(moments.mean[0], mean, atol=1e-6)
    np.testing.assert_allclose(np.diag(moments.covariance[0]), variances[family], rtol=1e-6)
    assert found.verdict.all_converged
    # The diagonal q is the best of its family and yet far from the posterior: k-hat tells.
    assert (found.verdict.khat[0] > 0.7) == (family is DiagonalGaussian)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("y", [100.0, -1e6])
@pytest.mark.parametrize("variance", [0.5, 0.5**2])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_observation_far_from_the_prior(family, y, variance, seed):
    """z ~ N(0, 1), y ~ N(z, v): the mean is y / (1 + v), the variance v / (1 + v)."""
    q = family(1)
    found = fit(lambda z: -0.5 * (z[..., 0] ** 2 + (y - z[..., 0]) ** 2 / variance), q, seed)
    moments = q.moments(found.lam)
    np.testing.assert_allclose(moments.mean, y / (1 + variance), rtol=1e-6)
    np.testing.assert_allclose(moments.covariance, variance / (1 + variance), rtol=1e-6)
    assert found.verdict.all_converged


REFUSED = {
    "a constant": (lambda z: 0 * z[..., 0] + 3, "does not depend on z"),
    "a number": (lambda z: 3.0, "does not depend on z"),
    "flat along an axis": (lambda z: -0.5 * z[..., 0] ** 2, r"does not depend on z\[1\]"),
    "NaN everywhere": (lambda z: anp.sum(z, -1) * anp.nan, "log_density is nan .* at z = 0"),
    "a support that ends at the start": (
        lambda z: anp.sum(anp.log(z) - z, -1),
        "log_density is -inf .* at z = 0",
    ),
    "an infinite peak at the start": (
        lambda z: -anp.sum(anp.log(anp.abs(z)) + z**2, -1),
        "log_density is inf .* at z = 0",
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of these densities themselves
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fitted_is_refused_by_name(name):
    log_density, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        Posterior(log_density, 2)


IMPROPER = {
    "rising for ever": lambda z: z[..., 0] - 0.5 * z[..., 1] ** 2,
    "rising faster and faster": lambda z: anp.exp(z[..., 0]) - 0.5 * z[..., 1] ** 2,
    "a bowl": lambda z: anp.sum(z**2, -1),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # e^z overflows
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", IMPROPER)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_has_no_integral_warns(family, name, seed):
    with pytest.warns(NotConvergedWarning):
        found = fit(IMPROPER[name], family(2), seed)
    assert not found.verdict.all_converged


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_tail_that_is_too_heavy_warns(family, seed):
    """|z|^-1/2: each step gains less than 0.1 nats, and the steps never end."""
    with pytest.warns(NotConvergedWarning):
        fit(lambda z: -0.25 * anp.log1p(z[..., 0] ** 2), family(1), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ridge_without_end_warns_or_is_told_by_khat(seed):
    """z1 + z2 ~ N(0, 1), else flat: a diagonal q has an optimum, whose k-hat is high."""

    def ridge(z):
        return -0.5 * (z[..., 0] + z[..., 1]) ** 2

    with pytest.warns(NotConvergedWarning):
        fit(ridge, FullCovarianceGaussian(2), seed)
    assert fit(ridge, DiagonalGaussian(2), seed).verdict.khat[0] > 0.7


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_support_that_ends_near_the_start_warns(family, seed):
    """An exponential density: every Gaussian q has the ELBO -inf."""
    with pytest.warns(NotConvergedWarning):
        fit(lambda z: anp.where(z[..., 0] > -1, -z[..., 0], -anp.inf), family(1), seed)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_density_that_is_nan_far_out_ends_right(family, seed):
    """N(0, 1/2) on |z| < 40 alone: q never comes near the end of the support."""
    q = family(1)
    found = fit(lambda z: -(z[..., 0] ** 2) + 0 * anp.sqrt(1600 - z[..., 0] ** 2), q, seed)
    np.testing.assert_allclose(q.moments(found.lam).covariance, 0.5, rtol=1e-6)
    assert found.verdict.all_converged
