"""MixtureOfGaussians, and the exact answers of a linear decoder under it."""

import numpy as np
import pytest

from bbvi import MLP, DeepLatentModel, DiagonalGaussian, GaussianLikelihood, StandardNormal
from bbvi.backends import autodiff, kernel
from bbvi.models import LinearGaussian, MixtureOfGaussians, linear_decoder
from bbvi.models.normal import log_normal
from bbvi.nets import astype, join, part


def mixture(D=2, K=3, seed=0):
    """A mixture with unequal weights, spread means and correlated covariances."""
    rng = np.random.default_rng(seed)
    prior = MixtureOfGaussians(D, K)
    factors = rng.standard_normal((K, D, D))
    covariances = factors @ np.swapaxes(factors, 1, 2) + 0.3 * np.eye(D)
    weights = rng.dirichlet(np.full(K, 5.0))
    return prior, prior.from_moments(weights, 2 * rng.standard_normal((K, D)), covariances)


def linear_model(D=2, K=3, Dx=3, seed=0):
    prior, params = mixture(D, K, seed)
    model = DeepLatentModel(prior, MLP((D, Dx)), GaussianLikelihood(0.7))
    rng = np.random.default_rng(seed + 1)
    decoder = {"W0": rng.standard_normal((D, Dx)), "b0": rng.standard_normal(Dx)}
    theta = join(prior=params, decoder=decoder, likelihood={})
    return model, theta, model.sample(rng, theta, 6)[0]


class TestMixtureOfGaussians:
    def test_density_is_the_weighted_sum_of_the_components(self):
        prior, params = mixture()
        weights, means, covariances = prior.moments(params)
        z = np.random.default_rng(1).standard_normal((4, 5, 2))
        expected = 0.0
        for w, m, C in zip(weights, means, covariances):
            d = z - m
            squares = np.einsum("...i,ij,...j->...", d, np.linalg.inv(C), d)
            expected = expected + w * np.exp(-0.5 * squares) / (
                2 * np.pi * np.sqrt(np.linalg.det(C))
            )
        np.testing.assert_allclose(prior.log_prob(params, z), np.log(expected), rtol=1e-12)

    def test_integrates_to_one(self):
        prior, params = mixture(D=1)
        grid = np.linspace(-15, 15, 20001)
        density = np.exp(prior.log_prob(params, grid[:, None]))
        assert abs(density.sum() * (grid[1] - grid[0]) - 1) < 1e-8

    def test_moments_round_trip(self):
        prior, params = mixture()
        again = prior.from_moments(*prior.moments(params))
        np.testing.assert_allclose(again["components"], params["components"], atol=1e-12)
        np.testing.assert_allclose(again["logits"], params["logits"], atol=1e-12)

    def test_samples_have_the_mixture_moments(self):
        prior, params = mixture()
        z = prior.sample(np.random.default_rng(2), params, 40_000)
        weights, means, covariances = prior.moments(params)
        mean = weights @ means
        second = np.einsum("k,kij->ij", weights, covariances + means[:, :, None] * means[:, None])
        error = z.std(axis=0) / 200
        assert (np.abs(z.mean(axis=0) - mean) < 5 * error).all()
        products = z[:, :, None] * z[:, None]
        assert (np.abs(products.mean(axis=0) - second) < 5 * products.std(axis=0) / 200).all()

    def test_gradients_match_finite_differences(self):
        model, theta, x = linear_model()
        z = np.random.default_rng(3).standard_normal((2, 6, 2))
        _, dz, dtheta = autodiff.target(model, theta, x).value_and_grads(z)
        for key in ("prior.logits", "prior.components"):
            for index in np.ndindex(theta[key].shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = {**theta, key: theta[key].copy()}
                    moved[key][index] += step
                    sides.append(model.log_joint(moved, x, z).mean(axis=0).sum())
                numeric = (sides[0] - sides[1]) / 2e-6
                assert abs(numeric - dtheta[key][index]) < 1e-6 * max(1, abs(numeric))
        assert dz.shape == z.shape

    def test_float32_stays_float32(self):
        model, theta, x = linear_model()
        theta, x = astype(theta, np.float32), x.astype(np.float32)
        z = np.zeros((2, 6, 2), dtype=np.float32)
        log_p, dz, dtheta = autodiff.target(model, theta, x).value_and_grads(z)
        assert {log_p.dtype, dz.dtype, *(v.dtype for v in dtheta.values())} == {
            np.dtype(np.float32)
        }

    def test_collapsed_weights_are_refused_by_both_back_ends(self):
        model, theta, x = linear_model()
        theta = {**theta, "prior.logits": np.array([0.0, -40.0, 0.0])}
        for backend in (autodiff, kernel):
            with pytest.raises(ValueError, match=r"component 1 is .* it has collapsed"):
                backend.target(model, theta, x)

    def test_one_standard_component_is_the_standard_normal(self):
        prior = MixtureOfGaussians(3, 1)
        params = prior.from_moments(np.ones(1), np.zeros((1, 3)), np.eye(3)[None])
        z = np.random.default_rng(0).standard_normal((7, 3))
        np.testing.assert_allclose(
            prior.log_prob(params, z), StandardNormal(3).log_prob({}, z), rtol=1e-12
        )

    def test_bad_input(self):
        prior, params = mixture()
        weights, means, covariances = prior.moments(params)
        with pytest.raises(ValueError, match=r"component 1 is 0: it has collapsed"):
            prior.from_moments(np.array([0.5, 0.0, 0.5]), means, covariances)
        with pytest.raises(ValueError, match=r"component 0 is -0.5: it has collapsed"):
            prior.from_moments(np.array([-0.5, 1.0, 0.5]), means, covariances)
        with pytest.raises(ValueError, match="weights sum to 2"):
            prior.from_moments(2 * weights, means, covariances)
        with pytest.raises(ValueError, match=r"weights has shape \(2,\); expected \(3,\)"):
            prior.from_moments(weights[:2], means, covariances)
        with pytest.raises(ValueError, match=r"means has shape \(3, 1\)"):
            prior.from_moments(weights, means[:, :1], covariances)
        with pytest.raises(ValueError, match="not positive definite"):
            prior.from_moments(weights, means, -covariances)
        with pytest.raises(ValueError, match="num_components is 0"):
            MixtureOfGaussians(2, 0)
        with pytest.raises(ValueError, match=r"component 2 is .* it has collapsed"):
            prior.check_params({**params, "logits": np.array([0.0, 0.0, -40.0])})
        prior.check_params(params)


class TestExactAnswers:
    def test_evidence_by_quadrature(self):
        model, theta, x = linear_model(D=1)
        grid = np.linspace(-20, 20, 40001)
        log_joint = model.log_joint(theta, x, np.tile(grid[:, None, None], (1, 6, 1)))
        log_p = np.logaddexp.reduce(log_joint, axis=0) + np.log(grid[1] - grid[0])
        np.testing.assert_allclose(linear_decoder.log_evidence(model, theta, x), log_p, rtol=1e-9)

    def test_posterior_times_evidence_is_the_joint(self):
        model, theta, x = linear_model()
        weights, means, covariances = linear_decoder.posterior(model, theta, x)
        z = np.random.default_rng(5).standard_normal((4, 6, 2))
        log_posterior = np.zeros((4, 6))
        for n in range(6):
            terms = [
                np.log(w) + log_normal(z[:, n], m, C)
                for w, m, C in zip(weights[n], means[n], covariances)
            ]
            log_posterior[:, n] = np.logaddexp.reduce(terms, axis=0)
        evidence = linear_decoder.log_evidence(model, theta, x)
        np.testing.assert_allclose(
            log_posterior + evidence, model.log_joint(theta, x, z), rtol=1e-10
        )

    def test_standard_normal_prior_is_probabilistic_pca(self):
        model = DeepLatentModel(StandardNormal(2), MLP((2, 3)), GaussianLikelihood(0.7))
        theta = model.init(np.random.default_rng(0))
        x, _ = model.sample(np.random.default_rng(1), theta, 5)
        params = part(theta, "decoder")
        ppca = {"W": params["W0"].T, "b": params["b0"], "log_sigma": np.log(0.7)}
        np.testing.assert_allclose(
            linear_decoder.log_evidence(model, theta, x),
            LinearGaussian(2, 3).log_evidence(ppca, x),
            rtol=1e-12,
        )

    def test_bad_input(self):
        _, _, x = linear_model()
        deep = DeepLatentModel(StandardNormal(2), MLP((2, 4, 3)), GaussianLikelihood(0.7))
        with pytest.raises(ValueError, match="decoder of 2 layers"):
            linear_decoder.log_evidence(deep, deep.init(np.random.default_rng(0)), x)
        with pytest.raises(ValueError, match="not positive definite"):
            log_normal(x, np.zeros(3), -np.eye(3))
        model, theta, x = linear_model()
        with pytest.raises(ValueError, match="expected 3"):
            linear_decoder.log_evidence(model, theta, x[:, :2])


class TestInference:
    def test_elbo_is_below_the_evidence_by_the_kl_gap(self):
        """D = 1: the gap is a KL that quadrature gives without the ELBO."""
        from bbvi.inference import infer

        model, theta, x = linear_model(D=1, K=2)
        family = DiagonalGaussian(1)
        fit = infer(
            model, family, theta, x, np.random.default_rng(0), num_samples=64, num_steps=300
        )  # fmt: skip
        grid = np.linspace(-20, 20, 8001)
        z = np.tile(grid[:, None, None], (1, 6, 1))
        log_q, log_p = family.log_prob(fit.lam, z), model.log_joint(theta, x, z)
        weights, means, covariances = linear_decoder.posterior(model, theta, x)
        spread = (z - means[:, :, 0][None, :, :]) ** 2 / covariances[:, 0, 0]
        log_posterior = np.logaddexp.reduce(
            np.log(weights) - 0.5 * (spread + np.log(2 * np.pi * covariances[:, 0, 0])), axis=-1
        )
        q = np.exp(log_q) * (grid[1] - grid[0])
        elbo = (q * (log_p - log_q)).sum(axis=0)
        kl = (q * (log_q - log_posterior)).sum(axis=0)
        evidence = linear_decoder.log_evidence(model, theta, x)
        assert (elbo <= evidence).all()
        np.testing.assert_allclose(elbo, evidence - kl, atol=1e-9)
