"""Natural gradients: exact on Gaussians, right or warned about on everything else."""

import json
import os
from pathlib import Path

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, Posterior, infer
from bbvi.backends import autodiff
from bbvi.families import Gamma
from bbvi.inference import (
    NotConvergedWarning,
    NotFiniteError,
    laplace,
    natural_gradient,
    stochastic,
)
from bbvi.inference.solvers.quadratic import (
    FLAT,
    Gaussians,
    along,
    matched_noise,
    quadratic,
    way,
)
from bbvi.models.eight_schools import eight_schools
from bbvi.models.reference_posteriors import MODELS

FAMILIES = [DiagonalGaussian, FullCovarianceGaussian]
SEEDS = range(5)
DATA = Path(os.environ.get("BBVI_DATA", "missing")) / "posteriordb"


class Density:
    """A model that is nothing but a density of z."""

    def __init__(self, log_density, latent_dim):
        self.latent_dim, self.log_density = latent_dim, log_density

    def log_joint(self, theta, x, z):
        return self.log_density(z) + 0 * x[:, 0]


def fit(log_density, family, seed, **settings):
    model, rng = Density(log_density, family.latent_dim), np.random.default_rng(seed)
    return infer(model, family, None, np.zeros((1, 1)), rng, **settings)


def correlated(D, seed=0):
    """Mean, covariance and log-density of a Gaussian in ill-conditioned axes."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((D, D)))[0]
    covariance = turn @ np.diag(np.geomspace(1e-3, 1e3, D)) @ turn.T
    mean, precision = 30 * rng.standard_normal(D), np.linalg.inv(covariance)
    return mean, covariance, lambda z: -0.5 * anp.sum(anp.dot(z - mean, precision) * (z - mean), -1)


@pytest.mark.parametrize("D", [1, 2, 7])
def test_matched_noise_has_the_moments_exactly(D):
    eps = matched_noise(np.random.default_rng(0), 2 * D, 3, D)
    np.testing.assert_allclose(eps.mean(axis=0), 0, atol=1e-14)
    second = np.einsum("sni,snj->nij", eps, eps) / len(eps)
    np.testing.assert_allclose(second, np.broadcast_to(np.eye(D), second.shape), atol=1e-12)


@pytest.mark.parametrize("D", [1, 3])
def test_one_whole_step_ends_on_a_gaussian_posterior(D):
    mean, covariance, log_density = correlated(D)
    target = autodiff.target(Density(log_density, D), {}, np.zeros((2, 1)))
    rng = np.random.default_rng(1)
    A = rng.standard_normal((2, D, D))
    q = Gaussians(rng.standard_normal((2, D)), A @ A.transpose(0, 2, 1) / D + np.eye(D))
    look = quadratic(target, q, matched_noise(rng, 4 * D, 2, D))
    precision = np.linalg.inv(covariance)
    np.testing.assert_allclose(look.curvature, q.A.transpose(0, 2, 1) @ precision @ q.A, rtol=1e-6)
    to = way(look, False, np.full(2, FLAT))
    end = along(q, to, np.ones(2))
    clipped = (to.precisions <= 0.1).any()
    if not clipped:
        np.testing.assert_allclose(end.A @ end.A.transpose(0, 2, 1), [covariance] * 2, rtol=1e-6)
    np.testing.assert_allclose(end.mean, [mean] * 2, rtol=1e-6)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_slope_is_the_elbos_along_the_way(diagonal):
    """Finite differences of the held-noise ELBO at the beginning of the way."""
    target = autodiff.target(
        Density(lambda z: -anp.exp(z[..., 0] - z[..., 1]) - 0.25 * anp.sum(z**4, -1), 2),
        {},
        np.zeros((1, 1)),
    )
    rng = np.random.default_rng(3)
    q = Gaussians(rng.standard_normal((1, 2)), np.diag([0.7, 1.3])[None])
    # Antithetic noise alone: held noise of few samples would leave the derivative its own.
    eps = matched_noise(rng, 40000, 1, 2)
    to = way(quadratic(target, q, eps), diagonal, np.array([0.1]))
    ends = [quadratic(target, along(q, to, np.array([rho])), eps).elbo for rho in (1e-4, -1e-4)]
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-4, to.slope, rtol=0.03)
    assert to.slope > 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_ill_conditioned_gaussians_are_fitted_exactly(family, seed):
    mean, covariance, log_density = correlated(5, seed)
    q = family(5)
    found = fit(log_density, q, seed)
    best = q.moments(q.from_moments(mean[None], covariance))
    moments = q.moments(found.lam)
    np.testing.assert_allclose(moments.covariance, best.covariance, rtol=1e-3, atol=1e-9)
    assert (np.abs(moments.mean[0] - mean) < 0.05 * np.sqrt(np.diag(covariance))).all()
    assert found.verdict.all_converged
    assert found.verdict.nats_left[0] < 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_stop_each_at_its_pace(family):
    """One far row costs the others nothing, and all end at their posteriors."""
    model = LinearGaussian(2, 3)
    theta = model.init(np.random.default_rng(0))
    x = model.sample(np.random.default_rng(1), theta, 40)[0]
    q = family(2)
    near = infer(model, q, theta, x, np.random.default_rng(2))
    lam = near.lam.copy()
    lam[7, :2] += 300.0
    again = infer(model, q, theta, x, np.random.default_rng(3), lam=lam)
    best = q.from_moments(*model.posterior(theta, x))
    np.testing.assert_allclose(again.lam, best, atol=1e-3)
    assert again.trace.evaluations[-1] < 40 * 200
    assert again.verdict.all_converged


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_far_observation(family, seed):
    """y = 100 under z ~ N(0, 1), y ~ N(z, .5^2): mean 80, variance .2."""
    found = fit(lambda z: -0.5 * z[..., 0] ** 2 - 2 * (100 - z[..., 0]) ** 2, family(1), seed)
    moments = family(1).moments(found.lam)
    np.testing.assert_allclose(moments.mean, 80, rtol=1e-6)
    np.testing.assert_allclose(moments.covariance, 0.2, rtol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_eight_schools(seed):
    model, q = eight_schools(), FullCovarianceGaussian(10)
    found = infer(model, q, {}, model.x, np.random.default_rng(seed))
    v = found.verdict
    assert v.all_converged
    assert abs(v.elbo[0] + 31.53) < 0.05 + 4 * v.elbo_error[0]
    assert v.effective_samples[0] > 100


KIDIQ = {
    "kidiq-kidscore_momhs": -1914.821,
    "kidiq-kidscore_momiq": -1882.360,
    "kidiq-kidscore_momhsiq": -1877.044,
    "kidiq-kidscore_interaction": -1873.515,
    "arK-arK": 57.88,
}


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="needs posteriordb in BBVI_DATA")
@pytest.mark.parametrize("name", KIDIQ)
@pytest.mark.parametrize("seed", SEEDS)
def test_regressions_from_outside(name, seed):
    stored = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    model = MODELS[name.split("-")[1]](stored["data"])
    q = FullCovarianceGaussian(model.latent_dim)
    found = infer(model, q, {}, model.x, np.random.default_rng(seed))
    assert found.verdict.all_converged
    # Where the weights are nearly equal, the k-hat of their tail is noise: their worth is not.
    assert found.verdict.effective_samples[0] > 0.75 * 8000
    assert abs(found.verdict.elbo[0] - KIDIQ[name]) < 0.05
    reference = stored["reference"]
    z = q.transform(found.lam, q.noise(np.random.default_rng(9), 20000, 1))
    draws = model.constrain(z)[:, 0]
    error = (draws.mean(axis=0) - reference["mean"]) / np.array(reference["sd"])
    assert np.abs(error).max() < 0.1


def two_modes(distance, scale):
    return lambda z: anp.logaddexp(
        -0.5 * ((z[..., 0] - distance) / scale) ** 2, -0.5 * ((z[..., 0] + distance) / scale) ** 2
    )


IMPROPER = {
    "constant": (lambda z: 0 * z[..., 0], 2),
    "flat along an axis": (lambda z: -0.5 * z[..., 0] ** 2 + 0 * z[..., 1], 2),
    "rising for ever": (lambda z: z[..., 0] - 0.5 * z[..., 1] ** 2, 2),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", IMPROPER)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_no_density_warns(family, name, seed):
    log_density, D = IMPROPER[name]
    with pytest.warns(NotConvergedWarning, match="no proper density"):
        found = fit(log_density, family(D), seed)
    assert not found.verdict.all_converged


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_two_modes_warn(family, seed):
    with pytest.warns(NotConvergedWarning, match="several modes"):
        fit(two_modes(4.0, 0.5), family(1), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_mode_behind_a_ridge_does_not_warn(seed):
    """Mean field along a ridge: ends far apart in its own narrow units are one optimum."""
    precision = np.linalg.inv(np.array([[1.0, 0.9999], [0.9999, 1.0]]))
    found = fit(lambda z: -0.5 * anp.sum(anp.dot(z, precision) * z, -1), DiagonalGaussian(2), seed)
    assert found.verdict.all_converged
    assert np.isinf(found.verdict.rival[0])


@pytest.mark.parametrize(
    "log_density", [lambda z: anp.log(z[..., 0] - 500), lambda z: z[..., 0] * anp.nan]
)
def test_a_density_that_is_not_finite_at_the_start_is_named(log_density):
    with np.errstate(invalid="ignore"), pytest.raises(NotFiniteError, match="start of 1 of 1 rows"):
        fit(log_density, FullCovarianceGaussian(1), 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bounded_support_warns(seed):
    """A Gaussian q of an exponential posterior has the ELBO -inf."""
    with pytest.warns(NotConvergedWarning):
        fit(
            lambda z: anp.where(z[..., 0] > 0, -z[..., 0], -anp.inf),
            FullCovarianceGaussian(1),
            seed,
        )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_hundred_dimensions(family):
    scale, mean = 0.1 + np.arange(200.0) / 50, np.arange(200.0)
    found = fit(lambda z: -0.5 * anp.sum(((z - mean) / scale) ** 2, -1), family(200), 0)
    moments = family(200).moments(found.lam)
    np.testing.assert_allclose(moments.mean[0], mean, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(moments.covariance[0])), scale, rtol=1e-6)
    assert found.verdict.all_converged


def test_float32_ends_where_float64_does():
    model, q = LinearGaussian(3, 8), FullCovarianceGaussian(3)
    theta = model.init(np.random.default_rng(0))
    x = model.sample(np.random.default_rng(1), theta, 30)[0]
    theta32 = {key: np.asarray(value, np.float32) for key, value in theta.items()}
    found = infer(model, q, theta32, x.astype(np.float32), np.random.default_rng(2))
    assert found.lam.dtype == np.float32
    best = q.from_moments(*model.posterior(theta, x))
    np.testing.assert_allclose(found.lam, best, atol=2e-3)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"tolerance is 0; expected a positive number of nats"):
        natural_gradient(tolerance=0)
    with pytest.raises(ValueError, match=r"num_samples = 4 for D = 3; .* at least 2 D = 6"):
        fit(lambda z: -anp.sum(z**2, -1), FullCovarianceGaussian(3), 0,
            solver=natural_gradient(num_samples=4))  # fmt: skip
    with pytest.raises(TypeError, match="natural_gradient got the family Gamma"):
        fit(lambda z: -anp.sum(z**2, -1), Gamma(1), 0, solver=natural_gradient())
    with pytest.raises(TypeError, match="infer got solver and num_steps"):
        fit(lambda z: -anp.sum(z**2, -1), DiagonalGaussian(1), 0,
            solver=natural_gradient(), num_steps=3)  # fmt: skip
    with pytest.raises(TypeError, match=r"solver is 'adam'; expected a solver"):
        fit(lambda z: -anp.sum(z**2, -1), DiagonalGaussian(1), 0, solver="adam")
    with pytest.raises(TypeError, match=r"solver is the function stochastic; .*: stochastic\(\)"):
        fit(lambda z: -anp.sum(z**2, -1), DiagonalGaussian(1), 0, solver=stochastic)
    with pytest.raises(TypeError, match=r"start is the function laplace; expected .* laplace\(\)"):
        fit(lambda z: -anp.sum(z**2, -1), DiagonalGaussian(1), 0, start=laplace)
    posterior = Posterior(lambda z: -anp.sum(z**2, -1), 1)
    with pytest.raises(ValueError, match=r"family has latent_dim 2, Posterior has 1"):
        infer(posterior, DiagonalGaussian(2), rng=np.random.default_rng(0))
