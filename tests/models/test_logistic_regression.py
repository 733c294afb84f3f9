"""Bayesian logistic regression: a data set as one datapoint, against deterministic quadrature."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from scipy.optimize import minimize

from bbvi import DiagonalGaussian, FullCovarianceGaussian, infer
from bbvi.backends import autodiff
from bbvi.datasets import breast_cancer
from bbvi.inference.minibatches import infer_minibatches
from bbvi.models import LogisticRegression
from bbvi.models.logistic_regression import NODES
from bbvi.nets import softplus
from bbvi.optimizers import adam, cosine_decay


def small(R=12, F=2, seed=0):
    rng = np.random.default_rng(seed)
    model = LogisticRegression(F, R)
    x, _ = model.sample(rng, {}, 1)
    return model, x


def cancer():
    features, labels = breast_cancer()
    model = LogisticRegression(30, 569)
    return model, model.pack(features, labels)


def best_elbo(model, x, family):
    """The exact optimum of the exact ELBO, by L-BFGS on a quadrature of its own."""
    design, labels = model.unpack(x)
    design, labels, D = design[0], labels[0], model.latent_dim
    weights = np.exp(-0.5 * NODES**2) / np.exp(-0.5 * NODES**2).sum()

    def negative(row):
        lam = row[None]
        if isinstance(family, FullCovarianceGaussian):
            mean, L = (part[0] for part in family.factor(lam))
        else:
            mean, L = row[:D], anp.diag(anp.exp(row[D:]))
        center, spread = anp.dot(design, mean), anp.sqrt(anp.sum(anp.dot(design, L) ** 2, axis=1))
        expected = anp.dot(softplus(center[:, None] + spread[:, None] * NODES), weights)
        log_prior = -0.5 * (anp.sum(mean**2) + anp.sum(L**2) + D * np.log(2 * np.pi))
        return -(anp.sum(labels * center - expected) + log_prior + family.entropy(lam)[0])

    found = minimize(
        autograd.value_and_grad(negative), np.zeros(family.num_params), jac=True,
        method="L-BFGS-B", options={"maxiter": 3000, "maxfun": 5000, "ftol": 1e-13},
    )  # fmt: skip
    return -found.fun, found.x[None]


def exact_elbo(model, x, family, lam):
    return (model.expected_log_joint(x, *family.moments(lam)) + family.entropy(lam))[0]


class TestModel:
    def test_log_joint_row_by_row(self):
        model, x = small()
        z = np.random.default_rng(1).standard_normal((4, 1, 3))
        design, labels = model.unpack(x)
        for s in range(4):
            p = 1 / (1 + np.exp(-design[0] @ z[s, 0]))
            expected = np.log(np.where(labels[0] == 1, p, 1 - p)).sum()
            expected -= 0.5 * (z[s, 0] @ z[s, 0] + 3 * np.log(2 * np.pi))
            assert abs(model.log_joint({}, x, z)[s, 0] - expected) < 1e-10

    def test_prior_scale(self):
        wide = LogisticRegression(2, 12, prior_scale=3.0)
        model, x = small()
        z = np.random.default_rng(1).standard_normal((4, 1, 3))
        change = wide.log_joint({}, x, z) - model.log_joint({}, x, z)
        squares = (z**2).sum(axis=-1)
        np.testing.assert_allclose(change, 0.5 * squares * (1 - 1 / 9) - 3 * np.log(3))
        assert model.standard_normal_prior
        assert not wide.standard_normal_prior

    def test_minibatches_average_to_the_whole(self):
        """Every minibatch of a partition, weighted R / B: their mean is the log joint itself."""
        model, x = small()
        z = np.random.default_rng(1).standard_normal((3, 1, 3))
        parts = [model.minibatch(x, rows) for rows in np.arange(12).reshape(4, 3)]
        mean = np.mean([batch.log_joint({}, row, z) for batch, row in parts], axis=0)
        np.testing.assert_allclose(mean, model.log_joint({}, x, z), rtol=1e-12)
        unweighted = LogisticRegression(2, 3).log_joint({}, parts[0][1], z)
        assert not np.allclose(unweighted, parts[0][0].log_joint({}, parts[0][1], z))

    def test_gradient_matches_finite_differences(self):
        model, x = small()
        z = np.random.default_rng(1).standard_normal((2, 1, 3))
        _, dz = autodiff.target(model, {}, x).value_and_dz(z)
        for d in range(3):
            step = 1e-6 * np.eye(3)[d]
            sides = model.log_joint({}, x, z + step) - model.log_joint({}, x, z - step)
            np.testing.assert_allclose(dz[..., d], sides / 2e-6, rtol=1e-6)

    def test_float32_stays_float32(self):
        model, x = small()
        x = x.astype(np.float32)
        log_p, dz = autodiff.target(model, {}, x).value_and_dz(np.zeros((2, 1, 3), np.float32))
        assert log_p.dtype == dz.dtype == np.float32
        moments = np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)[None]
        assert model.expected_log_joint(x, *moments).dtype == np.float32

    def test_expected_log_joint_is_the_mean_over_samples(self):
        model, x = small()
        family = FullCovarianceGaussian(3)
        lam = np.random.default_rng(2).standard_normal((1, family.num_params))
        z = family.transform(lam, family.noise(np.random.default_rng(3), 20_000, 1))
        log_p = model.log_joint({}, x, z)[:, 0]
        error = log_p.std() / np.sqrt(len(log_p))
        exact = model.expected_log_joint(x, *family.moments(lam))[0]
        assert abs(log_p.mean() - exact) < 5 * error


class TestBadInput:
    def test_pack(self):
        model = LogisticRegression(2, 3)
        features, labels = np.zeros((3, 2)), np.array([0, 1, 1])
        with pytest.raises(ValueError, match=r"features has shape \(3, 1\); expected \(3, 2\)"):
            model.pack(features[:, :1], labels)
        with pytest.raises(ValueError, match=r"labels has shape \(2,\); expected \(3,\)"):
            model.pack(features, labels[:2])
        with pytest.raises(ValueError, match=r"labels has shape \(3, 1\)"):
            model.pack(features, labels[:, None])
        with pytest.raises(ValueError, match="labels run from -1 to 1"):
            model.pack(features, 2 * labels - 1)
        with pytest.raises(TypeError, match="features has dtype int64"):
            model.pack(features.astype(np.int64), labels)

    def test_labels_by_name(self):
        with pytest.raises(TypeError, match=r"labels has dtype <U1; expected 0 and 1.*astype"):
            LogisticRegression(2, 3).pack(np.zeros((3, 2)), np.array(["b", "m", "b"]))

    def test_minibatch_rows(self):
        model, x = small()
        mask = np.arange(12) % 4 == 0
        for one, other in zip(model.minibatch(x, mask), model.minibatch(x, np.array([0, 4, 8]))):
            assert np.array_equal(one, other)
        for rows in ([12], [-1], [], [0.5], mask[:5], [[1, 2]]):
            with pytest.raises(ValueError, match=r"rows is .*expected at least one whole number"):
                model.minibatch(x, np.array(rows))
        with pytest.raises(ValueError, match=r"x has shape \(1, 35\); expected \(1, 36\)"):
            model.minibatch(x[:, 1:], [0])

    def test_x_of_another_size(self):
        model, x = small()
        with pytest.raises(ValueError, match="expected 36"):
            autodiff.target(model, {}, x[:, :-1])

    def test_sizes(self):
        with pytest.raises(ValueError, match="num_rows is 0"):
            LogisticRegression(2, 0)
        with pytest.raises(ValueError, match="num_total is 3; expected at least 5"):
            LogisticRegression(2, 5, num_total=3)
        with pytest.raises(ValueError, match="prior_scale is -1"):
            LogisticRegression(2, 5, prior_scale=-1.0)

    def test_no_minibatch(self):
        with pytest.raises(ValueError, match="batches is empty"):
            infer_minibatches(iter(()), DiagonalGaussian(2), {}, np.random.default_rng(0))


class TestBreastCancer:
    @pytest.mark.parametrize("kind", [DiagonalGaussian, FullCovarianceGaussian])
    def test_reaches_the_exact_optimum(self, kind):
        model, x = cancer()
        family = kind(31)
        best, _ = best_elbo(model, x, family)
        fit = infer(
            model, family, {}, x, np.random.default_rng(0),
            num_samples=16, num_steps=600, optimizer=adam(cosine_decay(0.1, 600)),
        )  # fmt: skip
        found = exact_elbo(model, x, family, fit.lam)
        assert best - 0.05 < found < best + 1e-6

    def test_full_covariance_is_close_to_the_evidence(self):
        """Importance sampling from the optimum: 0.24 nats above it, within 0.02."""
        model, x = cancer()
        family = FullCovarianceGaussian(31)
        best, lam = best_elbo(model, x, family)
        z = family.transform(lam, family.noise(np.random.default_rng(1), 4_000, 1))
        log_weights = (model.log_joint({}, x, z) - family.log_prob(lam, z))[:, 0]
        evidence = np.logaddexp.reduce(log_weights) - np.log(len(z))
        w = np.exp(log_weights - evidence)
        assert w.std() / np.sqrt(len(z)) < 0.05
        assert best < evidence < best + 0.5

    @pytest.mark.slow
    def test_minibatches_reach_the_same_optimum(self):
        model, x = cancer()
        family, rng, steps = FullCovarianceGaussian(31), np.random.default_rng(1), 9_000
        best, _ = best_elbo(model, x, family)
        batches = (
            model.minibatch(x, rows)
            for _ in range(steps // 3)
            for rows in np.array_split(rng.permutation(569), 3)
        )
        fit = infer_minibatches(
            batches, family, {}, rng, num_samples=16, optimizer=adam(cosine_decay(0.03, steps))
        )
        found = exact_elbo(model, x, family, fit.lam)
        assert best - 0.05 < found < best + 1e-6
