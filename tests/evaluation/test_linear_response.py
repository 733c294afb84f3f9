"""Linear response: exact on Gaussians, exact where q is the posterior, right order elsewhere."""

import warnings

import autograd.numpy as anp
import numpy as np
import pytest

import bbvi
from bbvi import DiagonalGaussian, Posterior, UnreliableWarning, linear_response
from bbvi.backends import autodiff

RNG = np.random.default_rng(0)
SCALES = np.array([1e4, 1.0, 1e-3, 3.0])


def correlated(strength):
    """A covariance of four numbers of very different sizes, correlations +- ``strength``."""
    correlation = np.full((4, 4), strength) + (1 - strength) * np.eye(4)
    signed = SCALES * np.array([1, -1, 1, 1])
    return correlation * np.outer(signed, signed)


def gaussian(mean, covariance):
    precision = np.linalg.inv(covariance)
    return Posterior(
        lambda z: -0.5 * anp.sum(anp.dot(z - mean, precision) * (z - mean), axis=-1), len(mean)
    )


def at_optimum(model, mean, covariance, rows=1):
    q = DiagonalGaussian(len(mean))
    target = autodiff.target(model, {}, np.zeros((rows, 1)))
    return q, target, q.from_moments(np.tile(mean, (rows, 1)), covariance)


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.9])
def test_a_gaussian_posteriors_covariance_is_exact(strength):
    covariance, mean = correlated(strength), np.array([2e4, -1.0, 0.0, 5.0])
    where = at_optimum(gaussian(mean, covariance), mean, covariance, rows=2)
    found = linear_response(*where, np.random.default_rng(1), num_samples=200)
    unit = np.outer(SCALES, SCALES)
    for row in range(2):
        np.testing.assert_allclose(found.covariance[row] / unit, covariance / unit, atol=1e-6)
    np.testing.assert_allclose(found.mean, np.tile(mean, (2, 1)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.shortfall, 0, atol=0.1)


def test_mean_field_itself_is_too_small_where_it_is_correlated():
    """The negative control: what is tested above is not true of q's own variances."""
    covariance = correlated(0.9)
    q, _, lam = at_optimum(gaussian(np.zeros(4), covariance), np.zeros(4), covariance)
    ratio = np.diagonal(q.moments(lam).covariance[0]) / np.diagonal(covariance)
    assert (ratio < 0.5).all()


def test_a_linear_function_of_a_gaussian():
    covariance, B = correlated(0.7), RNG.standard_normal((2, 4)) / SCALES
    where = at_optimum(gaussian(np.zeros(4), covariance), np.zeros(4), covariance)
    found = linear_response(*where, np.random.default_rng(1), 200, of=lambda z: z @ B.T)
    np.testing.assert_allclose(found.covariance[0], B @ covariance @ B.T, rtol=1e-5)


def test_where_q_is_the_posterior_any_function_has_its_covariance():
    """exp z_1 and z_1 z_2 of independent Gaussians: nothing of them is linear in lam's score."""
    sd = np.array([0.8, 1.5])
    where = at_optimum(gaussian(np.zeros(2), np.diag(sd**2)), np.zeros(2), np.diag(sd**2))
    found = linear_response(
        *where,
        np.random.default_rng(1),
        40_000,
        of=lambda z: np.stack([np.exp(z[..., 0]), z[..., 0] * z[..., 1]], axis=-1),
    )
    v = sd[0] ** 2
    exact = np.array([np.exp(v) * np.expm1(v), (sd[0] * sd[1]) ** 2])
    np.testing.assert_allclose(np.diagonal(found.covariance[0]), exact, rtol=0.03)
    assert found.covariance[0, 0, 1] == pytest.approx(0, abs=0.02)


def test_a_posterior_that_is_no_gaussian_gets_nearer():
    """z_2 | z_1 ~ N(z_1, exp z_1): variances by quadrature, in three draws of the noise."""
    model = Posterior(
        lambda z: (
            -2 * z[..., 0] ** 2
            - 0.5 * (z[..., 1] - z[..., 0]) ** 2 * anp.exp(-z[..., 0])
            - 0.5 * z[..., 0]
        ),
        2,
    )
    exact = np.array([0.25, 0.25 + np.exp(0.125)])  # Var z_1, Var z_1 + E exp z_1
    q = DiagonalGaussian(2)
    target = autodiff.target(model, {}, model.x)
    for seed in range(3):
        fit = bbvi.infer(model, q, {}, model.x, np.random.default_rng(seed), num_samples=64)
        mean_field = np.diagonal(q.moments(fit.lam).covariance[0])
        response = linear_response(q, target, fit.lam, np.random.default_rng(seed), 2000)
        errors = np.abs(np.log(np.diagonal(response.covariance[0]) / exact))
        assert errors.max() < 0.7 * np.abs(np.log(mean_field / exact)).max()


def test_away_from_the_optimum_it_warns():
    q, target, lam = at_optimum(gaussian(np.zeros(2), np.eye(2)), np.zeros(2), np.eye(2))
    with pytest.warns(UnreliableWarning, match=r"nats below the maximum"):
        linear_response(q, target, lam + 1.0, np.random.default_rng(0))


def test_at_no_maximum_there_is_no_covariance():
    ridge = Posterior(lambda z: -((z[..., 0] ** 2 - 4) ** 2) / 4 + 0 * z[..., 0], 1)
    q = DiagonalGaussian(1)
    target = autodiff.target(ridge, {}, np.zeros((2, 1)))
    lam = np.array([[0.0, -3.0], [2.0, np.log(8**-0.5)]])
    with pytest.warns(UnreliableWarning, match=r"no maximum .* in 1 of 2 rows"):
        found = linear_response(q, target, lam, np.random.default_rng(0))
    assert np.isnan(found.covariance[0]).all()
    assert np.isinf(found.shortfall[0])
    assert 0.05 < found.covariance[1, 0, 0] < 0.25


def test_float32():
    mean, covariance = np.zeros(2), np.array([[1.0, 0.6], [0.6, 2.0]])
    model = bbvi.LinearGaussian(2, 3)
    rng = np.random.default_rng(0)
    theta = bbvi.nets.astype(model.init(rng), np.float32)
    x = rng.standard_normal((3, 3)).astype(np.float32)
    mean, covariance = model.posterior(theta, x)
    q = DiagonalGaussian(2)
    lam = q.from_moments(mean, covariance).astype(np.float32)
    target = bbvi.backends.autodiff.target(model, theta, x)
    found = linear_response(q, target, lam, rng)
    for row in found.covariance:
        np.testing.assert_allclose(row, covariance, atol=2e-3)


@pytest.mark.parametrize("num_samples", [0, 1, 7])
def test_bad_counts(num_samples):
    where = at_optimum(gaussian(np.zeros(2), np.eye(2)), np.zeros(2), np.eye(2))
    with pytest.raises(ValueError, match="num_samples"):
        linear_response(*where, np.random.default_rng(0), num_samples)


def test_nothing_is_said_where_all_is_well():
    where = at_optimum(gaussian(np.zeros(2), np.eye(2)), np.zeros(2), np.eye(2))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for seed in range(5):
            linear_response(*where, np.random.default_rng(seed))
    assert said == []
