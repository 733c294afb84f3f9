"""A posterior given by its log-density: the forms it may have, gradients, and what is refused."""

import warnings

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import hessian
from scipy import stats

import bbvi
from bbvi.models import Posterior, transforms

PRECISION = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 4.0]])
MEAN = np.array([1.0, -2.0, 0.5])


def all_axes(z):
    return -0.5 * anp.sum(anp.dot(z - MEAN, PRECISION) * (z - MEAN), axis=-1)


def one_vector(z):
    return -0.5 * anp.dot(z - MEAN, anp.dot(PRECISION, z - MEAN))


def by_index(z):
    d = [z[0] - MEAN[0], z[1] - MEAN[1], z[2] - MEAN[2]]
    return -0.5 * sum(PRECISION[i, j] * d[i] * d[j] for i in range(3) for j in range(3))


def rows_only(z):
    return -0.5 * anp.einsum("bi,ij,bj->b", z - MEAN, PRECISION, z - MEAN)


def slope(z):
    return -(z - MEAN) @ PRECISION


FORMS = [all_axes, one_vector, by_index, rows_only]


@pytest.mark.parametrize("density", FORMS)
@pytest.mark.parametrize("gradient", [None, slope])
def test_every_form_gives_the_same_values_and_gradients(density, gradient):
    model = Posterior(density, 3, gradient=gradient)
    x = np.repeat(model.x, 4, axis=0)
    z = np.random.default_rng(0).standard_normal((5, 4, 3))
    log_p, dz = bbvi.backends.autodiff.target(model, {}, x).value_and_dz(z)
    np.testing.assert_allclose(log_p, all_axes(z), rtol=1e-12)
    np.testing.assert_allclose(dz, slope(z), rtol=1e-12)


@pytest.mark.parametrize("gradient", [None, slope])
def test_second_derivatives_too(gradient):
    model = Posterior(all_axes, 3, gradient=gradient)
    curvature = hessian(lambda z: model.log_joint({}, model.x, z[None, None])[0, 0])(np.ones(3))
    np.testing.assert_allclose(curvature, -PRECISION, atol=1e-8)


def test_a_constrained_parameter_has_its_jacobian():
    """A gamma density of u = exp z: log p(z) = log p(u) + z, and draws are gamma's."""
    prior = stats.gamma(3.0, scale=2.0)
    model = Posterior(
        lambda u: anp.sum(2 * anp.log(u) - u / 2, axis=-1), transform=transforms.positive()
    )
    z = np.linspace(-2, 2, 9)[:, None, None]
    constant = prior.logpdf(1.0) + 0.5
    values = model.log_joint({}, model.x, z)[:, 0] + constant
    np.testing.assert_allclose(values, prior.logpdf(np.exp(z[:, 0, 0])) + z[:, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(model.constrain(z), np.exp(z))
    assert model.names == ("u",)
    assert Posterior(all_axes, 3).names == ("z[1]", "z[2]", "z[3]")


def test_reports_and_names():
    parameters = transforms.stack(mu=transforms.real(), tau=transforms.positive())

    def log_density(u):
        part = parameters.split(u)
        return -(part["mu"] ** 2) - part["tau"]

    model = Posterior(log_density, transform=parameters)
    assert (model.latent_dim, model.names) == (2, ("mu", "tau"))
    ratio = Posterior(
        log_density, transform=parameters, report=lambda u: u[..., :1] / u[..., 1:], names=("r",)
    )
    assert ratio.constrain(np.zeros((7, 1, 2))).shape == (7, 1, 1)
    with pytest.raises(ValueError, match="one for each number"):
        Posterior(log_density, transform=parameters, names=("mu",))
    with pytest.raises(ValueError, match="along the last axis"):
        Posterior(log_density, transform=parameters, report=lambda u: u[..., 0])


@pytest.mark.slow
@pytest.mark.parametrize("density", [all_axes, one_vector])
def test_step_1_ends_on_a_gaussian_posterior(density):
    model, q = Posterior(density, 3), bbvi.FullCovarianceGaussian(3)
    fit = bbvi.infer(model, q, rng=np.random.default_rng(0))
    moments = q.moments(fit.lam)
    np.testing.assert_allclose(moments.mean[0], MEAN, atol=2e-2)
    np.testing.assert_allclose(moments.covariance[0], np.linalg.inv(PRECISION), atol=5e-2)


def test_only_a_posterior_has_its_data_inside():
    q, rng = bbvi.DiagonalGaussian(2), np.random.default_rng(0)
    with pytest.raises(TypeError, match="infer got no x for LinearGaussian"):
        bbvi.infer(bbvi.LinearGaussian(2, 3), q, bbvi.LinearGaussian(2, 3).init(rng), rng=rng)
    with pytest.raises(TypeError, match="rng is NoneType"):
        bbvi.infer(Posterior(all_axes, 3), bbvi.DiagonalGaussian(3))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Posterior(lambda z: 0 * z[0], 2), ValueError, "does not depend on z "),
        (lambda: Posterior(lambda z: -(z[0] ** 2), 2), ValueError, r"depend on z\[1\]"),
        (lambda: Posterior(lambda z: anp.log(anp.sum(z)), 2), ValueError, "transform="),
        (lambda: Posterior(lambda z: np.nan * anp.sum(z), 2), ValueError, "is nan"),
        (lambda: Posterior(lambda z: -(z**2), 2), ValueError, "one number for one vector"),
        (lambda: Posterior(lambda z: -(z[5] ** 2), 2), ValueError, "IndexError"),
        (lambda: Posterior(all_axes, 4), ValueError, "log_density raised ValueError"),
        (lambda: Posterior(3, 2), TypeError, "expected a function"),
        (lambda: Posterior(all_axes), ValueError, "latent_dim is 0"),
        (lambda: Posterior(all_axes, 0), ValueError, "latent_dim is 0"),
        (lambda: Posterior(all_axes, 3, transform=np.exp), TypeError, "transform is"),
        (lambda: Posterior(all_axes, 4, transforms.real(3)), ValueError, "leave latent_dim out"),
        (lambda: Posterior(all_axes, 3, gradient=lambda z: z), ValueError, "central differences"),
        (lambda: Posterior(lambda z: stats.norm.logpdf(z[0]), 1), TypeError, "autograd.numpy"),
        (lambda: Posterior(stats.multivariate_normal(MEAN).logpdf, 3), TypeError, "gradient="),
    ],
)
def test_what_is_refused(make, error, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=message):
            make()


def test_theta_is_refused():
    model = Posterior(all_axes, 3)
    with pytest.raises(ValueError, match="a Posterior has no theta"):
        bbvi.backends.autodiff.target(model, {"a": np.ones(1)}, model.x)


def test_no_check_is_made_on_what_a_gradient_makes_possible():
    """scipy's density with a gradient of the user's."""
    model = Posterior(stats.multivariate_normal(MEAN).logpdf, 3, gradient=lambda z: MEAN - z)
    _, dz = bbvi.backends.autodiff.target(model, {}, model.x).value_and_dz(np.zeros((2, 1, 3)))
    np.testing.assert_allclose(dz, np.broadcast_to(MEAN, (2, 1, 3)))


def test_a_density_that_takes_its_coordinates_apart_is_called_once_for_all_draws():
    calls = []

    def density(z):
        calls.append(np.shape(z))
        return -(z[0] ** 2) - (z[1] - z[0]) ** 2

    posterior = Posterior(density, 2)
    z = np.random.default_rng(0).standard_normal((40, 1, 2))
    calls.clear()
    log_p = posterior.log_joint({}, posterior.x, z)
    assert calls == [(2, 40, 1)]
    assert log_p == pytest.approx(np.array([[density(row) for row in one] for one in z]), rel=1e-12)


def test_a_density_of_one_vector_that_only_seems_to_take_any_axis_is_called_for_each():
    """Where coordinates first would give other values, the form is not taken for it."""
    posterior = Posterior(lambda z: -0.5 * anp.sum(z[:1] ** 2) - 0.5 * anp.dot(z[1:], z[1:]), 3)
    z = np.random.default_rng(1).standard_normal((7, 2, 3))
    two_rows = np.zeros((2, 1))
    expected = -0.5 * np.sum(z**2, axis=-1)
    assert posterior.log_joint({}, two_rows, z) == pytest.approx(expected, rel=1e-12)
