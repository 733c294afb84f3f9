"""A user's own prior and likelihood inside the kernel, against autograd of the whole model."""

from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln

import bbvi
from bbvi import MLP, DeepLatentModel, StandardNormal, backends, checks
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel import second_moments
from bbvi.nets import astype


class ZeroInflatedPoisson(NamedTuple):
    """0 with probability pi_j, else Poisson(exp(l_j)); one logit of pi for each column."""

    width: int
    wrong: float = 1.0

    def observed_dim(self, num_outputs):
        return num_outputs

    def init(self, rng):
        return {"inflation": np.linspace(-1.0, 0.5, self.width)}

    def log_prob(self, params, x, outputs):
        a = params["inflation"]
        poisson = x * outputs - anp.exp(outputs) - gammaln(x + 1.0)
        total = anp.logaddexp(0.0 * a, a)
        at_zero = anp.logaddexp(a + 0.0 * outputs, -anp.exp(outputs)) - total
        return self.wrong * anp.sum(anp.where(x == 0, at_zero, poisson - total), axis=-1)

    def sample(self, rng, params, outputs):
        counts = rng.poisson(np.exp(np.minimum(outputs, 3.0)))
        kept = rng.random(outputs.shape) > 1 / (1 + np.exp(-params["inflation"]))
        return (counts * kept).astype(outputs.dtype)

    def check_data(self, x):
        if (x < 0).any():
            raise ValueError("x has negative counts.")


class Laplace(NamedTuple):
    """A prior of two-sided exponentials with a learned log scale."""

    latent_dim: int

    def init(self, rng):
        return {"log_scale": np.full(self.latent_dim, 0.2)}

    def log_prob(self, params, z):
        scale = anp.exp(params["log_scale"])
        # |z|, smooth at 0.
        size = anp.sqrt(z**2 + 1e-6)
        return -anp.sum(size / scale + params["log_scale"] + float(np.log(2)), axis=-1)

    def sample(self, rng, params, num):
        return rng.laplace(size=(num, self.latent_dim)) * np.exp(params["log_scale"])


MODELS = {
    "likelihood": DeepLatentModel(StandardNormal(2), MLP((2, 7, 5)), ZeroInflatedPoisson(5)),
    "prior": DeepLatentModel(Laplace(2), MLP((2, 7, 5)), bbvi.BernoulliLikelihood()),
    "both": DeepLatentModel(Laplace(2), MLP((2, 7, 6, 5)), ZeroInflatedPoisson(5)),
}


def problem(model, S, N, dtype=np.float64):
    rng = np.random.default_rng(7)
    theta = {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in model.init(rng).items()}
    x, _ = model.sample(rng, theta, N)
    z, weights = rng.standard_normal((S, N, 2)), rng.standard_normal((S, N))
    return astype(theta, dtype), x.astype(dtype), z.astype(dtype), weights.astype(dtype)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("S", "N"), [(1, 1), (3, 4), (40, 60)])
def test_equals_autograd_of_the_whole_model(name, S, N):
    theta, x, z, weights = problem(MODELS[name], S, N)
    for w in (None, weights):
        found = kernel.target(MODELS[name], theta, x).value_and_grads(z, w)
        expected = autodiff.target(MODELS[name], theta, x).value_and_grads(z, w)
        np.testing.assert_allclose(found.log_p, expected.log_p, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.dz, expected.dz, rtol=1e-10, atol=1e-10)
        assert found.dtheta.keys() == expected.dtheta.keys() == theta.keys()
        for key, value in expected.dtheta.items():
            np.testing.assert_allclose(found.dtheta[key], value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_every_question_in_both_precisions(name):
    assert checks.check_backends(MODELS[name], np.random.default_rng(0)) is None


def test_a_wrong_likelihood_is_seen():
    """Negative control: the same comparison with another density fails."""
    right, wrong = (
        DeepLatentModel(StandardNormal(2), MLP((2, 7, 5)), ZeroInflatedPoisson(5, factor))
        for factor in (1.0, 1.1)
    )
    theta, x, z, _ = problem(right, 3, 4)
    found = kernel.target(wrong, theta, x).value_and_grads(z)
    expected = autodiff.target(right, theta, x).value_and_grads(z)
    assert not np.allclose(found.dz, expected.dz, rtol=1e-3)
    key = "likelihood.inflation"
    assert not np.allclose(found.dtheta[key], expected.dtheta[key], rtol=1e-3)


def test_auto_takes_the_kernel_and_threads_agree():
    theta, x, z, weights = problem(MODELS["both"], 40, 300)
    assert backends.resolve("auto", MODELS["both"]) is kernel
    one = kernel.target(MODELS["both"], theta, x, 1).value_and_grads(z, weights)
    two = kernel.target(MODELS["both"], theta, x, 2).value_and_grads(z, weights)
    np.testing.assert_allclose(one.dz, two.dz, rtol=1e-12)
    for key, value in one.dtheta.items():
        np.testing.assert_allclose(two.dtheta[key], value, rtol=1e-10, atol=1e-10)


def test_second_moments_of_a_foreign_likelihood():
    theta, x, z, weights = problem(MODELS["likelihood"], 3, 4)
    found = second_moments.target(MODELS["likelihood"], theta, x).value_and_dtheta(z, weights)[1]
    each = [
        autodiff.target(MODELS["likelihood"], theta, x[[n]]).value_and_dtheta(
            z[:, [n]], weights[:, [n]]
        )[1]
        for n in range(4)
    ]
    for key in theta:
        squares = sum(one[key] ** 2 for one in each)
        np.testing.assert_allclose(found[f"squares:{key}"], squares, rtol=1e-10, atol=1e-12)


def test_a_log_prob_of_the_wrong_shape_is_told():
    class Summed(ZeroInflatedPoisson):
        def log_prob(self, params, x, outputs):
            return anp.sum(super().log_prob(params, x, outputs))

    model = DeepLatentModel(StandardNormal(2), MLP((2, 7, 5)), Summed(5))
    theta, x, z, _ = problem(model, 3, 4)
    for ask in ("value", "value_and_grads"):
        with pytest.raises(ValueError, match=r"Summed.log_prob returned shape \(\).*axis=-1"):
            getattr(kernel.target(model, theta, x), ask)(z)


def test_the_textbook_procedures_learn_with_it():
    model = MODELS["likelihood"]
    theta, x, _, _ = problem(model, 1, 200)
    family = bbvi.DiagonalGaussian(2)
    one, other = (
        bbvi.fit_bbvi(
            model, family, x, np.random.default_rng(3), num_steps=5, theta=theta, backend=backend
        )
        for backend in ("auto", "autodiff")
    )
    np.testing.assert_allclose(one.trace.elbo, other.trace.elbo, rtol=1e-8)
    np.testing.assert_allclose(one.lam, other.lam, rtol=1e-6, atol=1e-8)
