"""The maximum by its slope, gradients against the quadrature's, and a wrong estimator."""

import numpy as np
import pytest

from bbvi.experiments.reproductions import logistic_posterior as posterior
from bbvi.experiments.reproductions.agreement import compare


def test_nothing_near_the_maximum_is_higher():
    model, x = posterior.data()
    lam, rng = posterior.best(model, x), np.random.default_rng(0)
    top = posterior.exact_elbo(model, x, lam)[0]
    assert f"{top:.5f}" == posterior.MAXIMUM
    direction = rng.normal(size=(20, lam.shape[1]))
    for size in (1e-3, 1e-2):
        assert np.all(posterior.exact_elbo(model, x, lam + size * direction) < top)


@pytest.mark.parametrize("name", posterior.NAMES)
def test_gradients_of_minibatches_are_those_of_the_exact_elbo(name):
    model, x = posterior.data()
    rng = np.random.default_rng(1)
    lam = 0.3 * rng.normal(size=(1, 2 * model.latent_dim))
    many = np.repeat(lam, 2000, axis=0)
    rows = np.array([rng.permutation(model.num_rows)[: posterior.BATCH] for _ in many])
    some = posterior.LogisticRegression(model.num_features, posterior.BATCH, model.num_rows)
    batches = x.reshape(model.num_rows, -1)[rows].reshape(len(many), -1)
    g = posterior.gradient(name, some, batches, many, 2, rng)
    step = 1e-5 * np.eye(lam.shape[1])
    exact = (
        posterior.exact_elbo(model, x, lam + step) - posterior.exact_elbo(model, x, lam - step)
    ) / 2e-5
    error = g.std(axis=0, ddof=1) / np.sqrt(len(g))
    assert np.all(np.abs(g.mean(axis=0) - exact) < 5 * error)
    assert np.any(np.abs(1.5 * g.mean(axis=0) - exact) > 5 * error)


@pytest.mark.slow
def test_the_pathwise_gradient_arrives_and_half_a_kl_does_not(monkeypatch):
    cell = {"runs": 3, "steps": 3000, "samples": 50, "seen": [3000], "replicates": 20}
    model, x = posterior.data()

    def verdict():
        lam = posterior.train("reparameterized", cell, np.random.default_rng(2))[3000]
        (theirs,) = [p for p in posterior.ENTRY.published if "ELBO, pathwise" in p.quantity]
        values = posterior.exact_elbo(model, x, lam)
        (one,) = compare(
            [theirs], [{"quantity": theirs.quantity, "value": value} for value in values]
        )
        return one.verdict

    assert verdict() == "agrees"
    right, q = posterior.gradient, posterior.DiagonalGaussian(model.latent_dim)

    def half_kl(lam):
        return 0.5 * q.kl_standard_normal_and_grad(lam)[1]

    monkeypatch.setattr(posterior, "gradient", lambda *given: right(*given) + half_kl(given[3]))
    assert verdict() == "differs"
