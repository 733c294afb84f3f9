"""An affine change of z: exact, and every family gains by it."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, Posterior, backends, infer
from bbvi.evaluation.draws import draw
from bbvi.families import Laplace, QuadraticFlow
from bbvi.inference import NotConvergedWarning, deterministic, whitened
from bbvi.models.transforms import positive, real, stack

SCALES = np.array([1e-3, 1.0, 1e3])


def gaussian(D=3):
    """A correlated Gaussian of very different scales: its mean, covariance, log evidence."""
    correlation = 0.9 + 0.1 * np.eye(D)
    covariance = correlation * np.outer(SCALES, SCALES)
    mean, precision = 3 * SCALES, np.linalg.inv(covariance)
    log_evidence = 0.5 * (D * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1])
    model = Posterior(lambda z: -0.5 * anp.sum(anp.dot(z - mean, precision) * (z - mean), -1), D)
    return model, mean, covariance, log_evidence


def test_the_density_is_that_of_the_same_posterior():
    """log p(w) = log p(z) + log |det L|, at any w, with constrained parameters too."""
    model = Posterior(
        lambda u: -anp.sum(u, -1) - 0.1 * u[..., 1] ** 4, transform=stack(a=real(), s=positive())
    )
    rng = np.random.default_rng(0)
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    white = whitened(model, mean=mean, covariance=covariance)
    w = rng.standard_normal((7, 1, 2))
    L = np.linalg.cholesky(covariance)
    z = mean + w @ L.T
    expected = model.log_joint({}, model.x, z) + np.linalg.slogdet(L)[1]
    np.testing.assert_allclose(white.log_joint({}, white.x, w), expected, rtol=1e-12)
    np.testing.assert_allclose(white.constrain(w), model.constrain(z), rtol=1e-12)
    assert white.names == model.names == ("a", "s")


@pytest.mark.parametrize("family", [DiagonalGaussian, QuadraticFlow])
def test_a_gaussian_becomes_the_standard_normal_whatever_its_scales(family):
    """Each family that holds N(0, I) is then the posterior: its ELBO is the log evidence."""
    model, mean, covariance, log_evidence = gaussian()
    white, q = whitened(model, np.random.default_rng(0)), family(3)
    fit = infer(white, q, rng=np.random.default_rng(1), progress=False)
    assert fit.verdict.elbo[0] == pytest.approx(log_evidence, abs=1e-4)
    target = backends.target(white, {}, white.x)
    found = draw(q, target, fit.lam, np.random.default_rng(2), 20_000, of=white.constrain)
    values = found.values[:, 0]
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((values.mean(axis=0) - mean) / sd, 0, atol=5 / np.sqrt(20_000))
    np.testing.assert_allclose(np.corrcoef(values.T), 0.9 + 0.1 * np.eye(3), atol=0.01)


def test_a_family_that_is_no_gaussian_gains():
    """Laplace's best KL to N(0, 1) is .0724 nats a dimension; raw, it loses nats to the scales."""
    model, *_, log_evidence = gaussian()
    q, solver = Laplace(3), deterministic(num_samples=512)
    white = infer(
        whitened(model, np.random.default_rng(0)), q, rng=np.random.default_rng(1), solver=solver
    )
    b = np.sqrt(0.5)  # KL(Laplace(b) || N(0, 1)) = b^2 - log 2b - 1 + log(2 pi) / 2, least here
    kl = b**2 - np.log(2 * b) - 1 + 0.5 * np.log(2 * np.pi)
    error = 4 * white.verdict.elbo_error[0] + 0.05
    assert white.verdict.elbo[0] == pytest.approx(log_evidence - 3 * kl, abs=error)
    with pytest.warns(NotConvergedWarning):
        infer(model, q, rng=np.random.default_rng(1), progress=False)


def test_what_is_refused():
    model = gaussian()[0]
    with pytest.raises(TypeError, match=r"posterior is int; expected a bbvi\.Posterior"):
        whitened(3)
    with pytest.raises(ValueError, match="one of mean and covariance"):
        whitened(model, mean=np.zeros(3))
    with pytest.raises(ValueError, match=r"mean has shape \(2,\); expected \(D,\) = \(3,\)"):
        whitened(model, mean=np.zeros(2), covariance=np.eye(3))
    with pytest.raises(TypeError, match="rng"):
        whitened(model)
