"""Kernel and autograd agree on every prior and likelihood, by equality on shared z."""

import numpy as np
import pytest

from bbvi import (
    MLP,
    AutoregressiveCategorical,
    BernoulliLikelihood,
    CategoricalLikelihood,
    CholeskyGaussian,
    DeepLatentModel,
    GaussianLikelihood,
    LinearGaussian,
    MixtureOfGaussians,
    StandardNormal,
)
from bbvi.backends import autodiff, kernel
from bbvi.checks import check_backends
from bbvi.models import BernoulliPrior, CategoricalPrior
from bbvi.nets import Conv, ConvNet, Dense, astype

MODELS = {
    "mixture prior": DeepLatentModel(
        MixtureOfGaussians(3, 4), MLP((3, 5, 6)), BernoulliLikelihood()
    ),
    "mixture prior, K = D = 1": DeepLatentModel(
        MixtureOfGaussians(1, 1), MLP((1, 2)), GaussianLikelihood(0.5)
    ),
    "full covariance": DeepLatentModel(StandardNormal(2), MLP((2, 5, 9)), CholeskyGaussian()),
    "full covariance, Dx = 1": DeepLatentModel(StandardNormal(2), MLP((2, 2)), CholeskyGaussian()),
    "categorical": DeepLatentModel(StandardNormal(2), MLP((2, 5, 12)), CategoricalLikelihood(3)),
    "categorical, channels first": DeepLatentModel(
        StandardNormal(2),
        ConvNet(2, (Dense((3, 2, 2)), Conv(3, 1))),
        CategoricalLikelihood(3, channels_first=True),
    ),
    "autoregressive": DeepLatentModel(
        MixtureOfGaussians(2, 2), MLP((2, 7, 5)), AutoregressiveCategorical(4, 3, 5)
    ),
    "Bernoulli latents": DeepLatentModel(BernoulliPrior(3), MLP((3, 4)), BernoulliLikelihood()),
    "categorical latents": DeepLatentModel(
        CategoricalPrior(2, 3), MLP((6, 4)), BernoulliLikelihood()
    ),
}


def problem(model, N=5, S=3):
    rng = np.random.default_rng(0)
    theta = {k: v + 0.3 * rng.standard_normal(v.shape) for k, v in model.init(rng).items()}
    x, _ = model.sample(rng, theta, N)
    return theta, x, rng.standard_normal((S, N, model.latent_dim)), rng.random((S, N))


def assert_agreement(model, theta, x, z, weights, rtol, atol):
    left = autodiff.target(model, theta, x).value_and_grads(z, weights)
    right = kernel.target(model, theta, x).value_and_grads(z, weights)
    np.testing.assert_allclose(left[0], right[0], rtol=rtol, atol=atol)
    np.testing.assert_allclose(left[1], right[1], rtol=rtol, atol=atol)
    assert left[2].keys() == right[2].keys()
    for key in left[2]:
        np.testing.assert_allclose(left[2][key], right[2][key], rtol=rtol, atol=atol, err_msg=key)
        assert right[2][key].dtype == x.dtype


@pytest.mark.parametrize("name", MODELS)
class TestAgreement:
    def test_double(self, name):
        theta, x, z, weights = problem(MODELS[name])
        assert_agreement(MODELS[name], theta, x, z, None, 1e-10, 1e-11)
        assert_agreement(MODELS[name], theta, x, z, weights, 1e-10, 1e-11)

    def test_single_precision_and_one_row(self, name):
        theta, x, z, weights = problem(MODELS[name])
        theta, x = astype(theta, np.float32), x.astype(np.float32)
        z, weights = z.astype(np.float32), weights.astype(np.float32)
        assert_agreement(MODELS[name], theta, x, z, weights, 1e-4, 1e-4)
        assert_agreement(MODELS[name], theta, x[:1], z[:1, :1], None, 1e-4, 1e-4)

    def test_values_alone(self, name):
        model = MODELS[name]
        theta, x, z, _ = problem(model)
        one, other = autodiff.target(model, theta, x), kernel.target(model, theta, x)
        np.testing.assert_allclose(one.value(z), other.value(z), rtol=1e-10, atol=1e-11)
        for a, b in zip(one.value_and_dz(z), other.value_and_dz(z)):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)

    def test_many_blocks(self, name):
        """More rows than one block holds, so that sums over blocks are exercised."""
        model = MODELS[name]
        theta, x, _, _ = problem(model, N=700)
        z = np.random.default_rng(1).standard_normal((30, 700, model.latent_dim))
        assert_agreement(model, theta, x, z, None, 1e-9, 1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_public_check(name):
    assert check_backends(MODELS[name], np.random.default_rng(0)) is None


def test_far_away_z_stays_finite():
    """Every component underflows there; log-sum-exp must not."""
    model = MODELS["mixture prior"]
    theta, x, z, _ = problem(model)
    log_p, dz, _ = kernel.target(model, theta, x).value_and_grads(z + 1e3)
    assert np.isfinite(log_p).all()
    assert np.isfinite(dz).all()


@pytest.mark.parametrize(
    ("change", "told"), [("transpose", "looks transposed"), ("drop", "no 'b'")]
)
def test_theta_of_another_linear_gaussian_is_named(change, told):
    model = LinearGaussian(2, 4)
    theta = model.init(np.random.default_rng(0))
    wrong = {**theta, "W": theta["W"].T} if change == "transpose" else {"W": theta["W"]}
    with pytest.raises(ValueError, match=told):
        kernel.target(model, wrong, np.zeros((3, 4)))
