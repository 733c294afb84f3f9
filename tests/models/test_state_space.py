"""The state-space model: Kalman filter, joint posterior, and a fit that meets them."""

import numpy as np
import pytest

from bbvi import DiagonalGaussian, FullCovarianceGaussian, sticking_the_landing
from bbvi.backends import autodiff
from bbvi.inference import infer
from bbvi.models import LinearGaussianStateSpace
from bbvi.models.normal import log_normal
from bbvi.nets import astype
from bbvi.optimizers import adam


def problem(d=2, p=2, T=4, N=3):
    model = LinearGaussianStateSpace(d, p, T)
    rng = np.random.default_rng(0)
    theta = {key: value + 0.2 * rng.standard_normal(value.shape) for key, value in
             model.init(rng).items()}  # fmt: skip
    return model, theta, model.sample(rng, theta, N)[0]


class TestExactAnswers:
    @pytest.mark.parametrize(("d", "p", "T"), [(2, 2, 4), (1, 1, 1), (3, 1, 2), (1, 3, 5)])
    def test_evidence_plus_posterior_is_the_joint_at_any_z(self, d, p, T):
        """The filter and the precision matrix are two routes; they must meet at every z."""
        model, theta, x = problem(d, p, T)
        z = np.random.default_rng(1).standard_normal((6, 3, T * d))
        mean, covariance = model.posterior(theta, x)
        log_posterior = np.stack(
            [log_normal(z[:, n], mean[n], covariance) for n in range(3)], axis=1
        )
        np.testing.assert_allclose(
            model.log_evidence(theta, x) + log_posterior, model.log_joint(theta, x, z), rtol=1e-10
        )

    def test_evidence_of_samples_has_the_dense_covariance(self):
        model, theta, x = problem(d=1, p=1, T=3)
        A, C = float(theta["A"][0, 0]), float(theta["C"][0, 0])
        q2, r2 = np.exp(2 * theta["log_q"][0]), np.exp(2 * theta["log_r"][0])
        variance = [1.0]
        for _ in range(2):
            variance.append(A * A * variance[-1] + q2)
        covariance = np.array(
            [[A ** abs(s - t) * variance[min(s, t)] for t in range(3)] for s in range(3)]
        )
        expected = log_normal(x, np.zeros(3), C * C * covariance + r2 * np.eye(3))
        np.testing.assert_allclose(model.log_evidence(theta, x), expected, rtol=1e-12)

    def test_float32_stays_float32(self):
        model, theta, x = problem()
        theta, x = astype(theta, np.float32), x.astype(np.float32)
        z = np.zeros((2, 3, 8), dtype=np.float32)
        log_p, dz, dtheta = autodiff.target(model, theta, x).value_and_grads(z)
        assert {log_p.dtype, dz.dtype, *(v.dtype for v in dtheta.values())} == {
            np.dtype(np.float32)
        }
        assert model.log_evidence(theta, x).dtype == np.float32


class TestInference:
    def test_full_covariance_meets_the_evidence(self):
        model, theta, x = problem()
        family = FullCovarianceGaussian(8)
        fit = infer(
            model, family, theta, x, np.random.default_rng(0),
            estimator=sticking_the_landing, num_steps=900, optimizer=adam(0.03), num_samples=4,
        )  # fmt: skip
        target = autodiff.target(model, theta, x)
        eps = family.noise(np.random.default_rng(1), 50, 3)
        elbo = sticking_the_landing(family, target, fit.lam, eps).elbo
        np.testing.assert_allclose(elbo, model.log_evidence(theta, x), atol=1e-3)

    def test_diagonal_misses_it_by_the_kl_gap(self):
        """KL(q || p) of two Gaussians, known without the ELBO."""
        model, theta, x = problem()
        family = DiagonalGaussian(8)
        mean, covariance = model.posterior(theta, x)
        fit = infer(
            model, family, theta, x, np.random.default_rng(0), num_steps=500, num_samples=16
        )
        gap = gaussian_kl(*family.moments(fit.lam), mean, covariance)
        best = gaussian_kl(*family.moments(family.from_moments(mean, covariance)), mean, covariance)
        assert (gap >= best - 1e-12).all()
        assert (gap - best < 0.05).all()
        elbo = expected_log_joint(model, theta, x, *family.moments(fit.lam))
        elbo = elbo + family.entropy(fit.lam)
        np.testing.assert_allclose(elbo, model.log_evidence(theta, x) - gap, rtol=1e-10)


def gaussian_kl(m, S, mean, covariance):
    """KL(N(m, S) || N(mean, covariance)) per row."""
    P = np.linalg.inv(covariance)
    d = m - mean
    trace = np.einsum("ij,nji->n", P, S)
    log_det = np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(S)[1]
    return 0.5 * (trace + np.einsum("ni,ij,nj->n", d, P, d) - m.shape[1] + log_det)


def expected_log_joint(model, theta, x, m, S):
    """E_q[log p(x, z)]: the joint is quadratic, so its curvature along z gives it exactly."""
    D = model.latent_dim
    at_mean = model.log_joint(theta, x, m[None])[0]
    curvature = np.zeros((D, D))
    basis = np.eye(D)
    f = lambda z: model.log_joint(theta, x[:1], z[None, None])[0, 0]  # noqa: E731
    for i in range(D):
        for j in range(D):
            curvature[i, j] = f(basis[i] + basis[j]) - f(basis[i]) - f(basis[j]) + f(np.zeros(D))
    return at_mean + 0.5 * np.einsum("ij,nji->n", curvature, S)


class TestBadInput:
    def test_wrong_width(self):
        model, theta, x = problem()
        with pytest.raises(ValueError, match="expected 8"):
            model.log_evidence(theta, x[:, :5])

    def test_sizes(self):
        with pytest.raises(ValueError, match="state_dim is 0"):
            LinearGaussianStateSpace(0, 1, 1)
        with pytest.raises(ValueError, match="num_steps is -1"):
            LinearGaussianStateSpace(1, 1, -1)
