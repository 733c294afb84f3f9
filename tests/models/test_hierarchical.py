"""The two-layer model: exact answers when it is linear, and a fit that meets them."""

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    FullCovarianceGaussian,
    GaussianLikelihood,
    infer,
    sticking_the_landing,
)
from bbvi.backends import autodiff
from bbvi.models import HierarchicalModel
from bbvi.models.normal import log_normal


def linear(seed=0):
    model = HierarchicalModel(MLP((1, 2)), MLP((2, 3)), GaussianLikelihood(0.6))
    rng = np.random.default_rng(seed)
    theta = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in model.init(rng).items()}
    return model, theta, model.sample(rng, theta, 4)[0]


def test_evidence_plus_posterior_is_the_joint_at_any_z():
    model, theta, x = linear()
    z = np.random.default_rng(1).standard_normal((5, 4, 3))
    mean, covariance = model.linear_posterior(theta, x)
    log_posterior = np.stack([log_normal(z[:, n], mean[n], covariance) for n in range(4)], axis=1)
    np.testing.assert_allclose(
        model.linear_log_evidence(theta, x) + log_posterior,
        model.log_joint(theta, x, z),
        rtol=1e-10,
    )


def test_evidence_matches_the_covariance_of_samples():
    model, theta, _ = linear()
    x, _ = model.sample(np.random.default_rng(2), theta, 40_000)
    A, W = theta["middle.W0"].T, theta["decoder.W0"].T
    low = A @ A.T + np.diag(np.exp(2 * theta["low.log_scale"]))
    covariance = W @ low @ W.T + 0.36 * np.eye(3)
    centered = x - (W @ theta["middle.b0"] + theta["decoder.b0"])
    products = centered[:, :, None] * centered[:, None]
    error = products.std(axis=0) / 200
    assert (np.abs(products.mean(axis=0) - covariance) < 5 * error).all()
    expected = log_normal(centered[:4], np.zeros(3), covariance)
    np.testing.assert_allclose(model.linear_log_evidence(theta, x[:4]), expected, rtol=1e-10)


def test_full_covariance_meets_the_evidence():
    model, theta, x = linear()
    family = FullCovarianceGaussian(3)
    fit = infer(model, family, theta, x, np.random.default_rng(0), num_samples=4, num_steps=600)
    eps = family.noise(np.random.default_rng(1), 20, 4)
    elbo = sticking_the_landing(family, autodiff.target(model, theta, x), fit.lam, eps).elbo
    np.testing.assert_allclose(elbo, model.linear_log_evidence(theta, x), atol=1e-3)


def test_bad_input():
    with pytest.raises(ValueError, match="input width is 3"):
        HierarchicalModel(MLP((1, 2)), MLP((3, 4)), BernoulliLikelihood())
    model, theta, x = linear()
    with pytest.raises(ValueError, match="expected 3"):
        model.linear_log_evidence(theta, x[:, :2])
    deep = HierarchicalModel(MLP((1, 4, 2)), MLP((2, 3)), GaussianLikelihood(1.0))
    with pytest.raises(ValueError, match="networks of 2 and 1 layers"):
        deep.linear_log_evidence(deep.init(np.random.default_rng(0)), x)
    binary = HierarchicalModel(MLP((1, 2)), MLP((2, 3)), BernoulliLikelihood())
    with pytest.raises(ValueError, match="BernoulliLikelihood; its evidence"):
        binary.linear_posterior(theta, x)
    with pytest.raises(ValueError, match="not all 0 or 1"):
        autodiff.target(binary, theta, x)
