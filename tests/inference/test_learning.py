"""theta as a point, a point with a prior, or a latent: one switch, against exact answers."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import MLP, DiagonalGaussian, fit_amortized, fit_bbvi, fit_semi_amortized
from bbvi.backends import autodiff, kernel
from bbvi.inference import (
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    posterior,
    theta_posterior,
    variational_bayes,
)
from bbvi.inference.learning import _add
from bbvi.models import LinearGaussian
from bbvi.models.normal import log_normal
from bbvi.optimizers import adam, cosine_decay

LOG_2PI = np.log(2 * np.pi)
TAU = 0.5


@dataclass(frozen=True)
class Location:
    """mu ~ N(0, TAU^2), z_i ~ N(0, 1), x_i ~ N(mu + z_i, 1): everything is Gaussian."""

    latent_dim: int = 1

    def init(self, rng):
        return {"mu": np.zeros(())}

    def log_joint(self, theta, x, z):
        errors = x - theta["mu"] - z
        return -0.5 * anp.sum(z**2 + errors**2 + 2 * LOG_2PI, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return theta["mu"] + z + rng.standard_normal((num, 1)), z


def data(N=6):
    return Location().sample(np.random.default_rng(3), {"mu": 1.5}, N)[0]


def fit(procedure, x, learning, num_steps=700):
    given = {"num_steps": num_steps, "batch_size": len(x), "num_samples": 8, "inner_steps": 1,
             "encoder": MLP((1, 2)), "optimizer": adam(cosine_decay(0.05, num_steps)),
             "local_optimizer": adam(cosine_decay(0.1, num_steps)),
             "learning": learning, "backend": "autodiff"}  # fmt: skip
    return procedure(Location(), DiagonalGaussian(1), x, np.random.default_rng(1), **given)


PROCEDURES = [fit_bbvi, fit_amortized, fit_semi_amortized]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_maximum_a_posteriori_is_the_mode(procedure):
    """x_i ~ N(mu, 2), so the mode is sum x / (N + 2 / TAU^2)."""
    x = data()
    found = fit(procedure, x, maximum_a_posteriori(normal_prior(TAU)))
    assert abs(found.theta["mu"] - x.sum() / (len(x) + 2 / TAU**2)) < 0.03


def test_maximum_likelihood_is_the_mean():
    x = data()
    assert abs(fit(fit_bbvi, x, maximum_likelihood).theta["mu"] - x.mean()) < 0.03


def test_minibatches_do_not_count_the_prior_twice():
    x = data()
    found = fit_bbvi(
        Location(), DiagonalGaussian(1), x, np.random.default_rng(0), num_steps=1200,
        batch_size=2, inner_steps=2, optimizer=adam(cosine_decay(0.05, 1200)),
        learning=maximum_a_posteriori(normal_prior(TAU)), backend="autodiff",
    )  # fmt: skip
    assert abs(found.theta["mu"] - x.sum() / (len(x) + 2 / TAU**2)) < 0.03


def test_variational_bayes_finds_the_best_factorized_posterior():
    """Of p(mu, z | x), Gaussian with a known precision: exact mean, conditional variances."""
    x = data()
    N = len(x)
    found = fit(fit_bbvi, x, variational_bayes(normal_prior(TAU)), 1500)
    mean, scale = theta_posterior(found)
    precision = np.diag(np.append(1 / TAU**2 + N, np.full(N, 2.0)))
    precision[0, 1:] = precision[1:, 0] = 1
    truth = np.linalg.solve(precision, np.append(x.sum(), x[:, 0]))
    assert abs(mean["mu"] - truth[0]) < 0.1
    assert abs(scale["mu"] - precision[0, 0] ** -0.5) < 0.03
    np.testing.assert_allclose(found.lam[:, 0], truth[1:], atol=0.05)
    # The ELBO of the whole: the evidence, the N-dimensional Gaussian, minus the KL gap.
    evidence = log_normal(x.T, np.zeros(N), 2 * np.eye(N) + TAU**2 * np.ones((N, N)))[0]
    q_mean = np.append(mean["mu"], found.lam[:, 0])
    q_variance = np.append(scale["mu"], np.exp(found.lam[:, 1])) ** 2
    d = q_mean - truth
    gap = 0.5 * (
        np.diag(precision) @ q_variance + d @ precision @ d - (N + 1)
        - np.linalg.slogdet(precision)[1] - np.log(q_variance).sum()
    )  # fmt: skip
    best = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert best - 1e-9 <= gap < best + 0.1
    traced = found.trace.elbo[-300:] * N
    error = traced.std() / np.sqrt(300)
    assert abs(traced.mean() - (evidence - gap)) < 5 * error + 0.02


class TestTarget:
    def problem(self):
        model = LinearGaussian(2, 3)
        theta = model.init(np.random.default_rng(0))
        x, _ = model.sample(np.random.default_rng(1), theta, 4)
        return model, theta, x, np.random.default_rng(2).standard_normal((3, 4, 2))

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("kind", ["map", "vb"])
    def test_gradient_matches_finite_differences(self, kind, weighted):
        """Of sum_ns w_ns log p + the prior's share, in whatever Step 2 moves."""
        model, theta, x, z = self.problem()
        prior = normal_prior(0.7)
        learning = maximum_a_posteriori(prior) if kind == "map" else variational_bayes(prior)
        weights = np.random.default_rng(4).random((3, 4)) if weighted else None
        w = np.full((3, 4), 1 / 3) if weights is None else weights
        eta = learning.start(theta)

        def target(eta):
            target_of = learning.wrap(autodiff.target, 10, np.random.default_rng(5))
            return target_of(model, eta, x)

        _, dz, dtheta = target(eta).value_and_grads(z, weights)
        for key, value in target(eta).value_and_dtheta(z, weights)[1].items():
            np.testing.assert_allclose(value, dtheta[key])
        assert dtheta.keys() == eta.keys()
        assert dz.shape == z.shape
        for key, value in eta.items():
            for index in np.ndindex(value.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = {**eta, key: np.array(value)}
                    moved[key][index] += step
                    sides.append((w * target(moved).value(z)).sum())
                numeric = (sides[0] - sides[1]) / 2e-6
                assert abs(numeric - dtheta[key][index]) < 1e-6 * max(1, abs(numeric))

    def test_both_back_ends_and_float32(self):
        model, theta, x, z = self.problem()
        learning = variational_bayes(normal_prior(1.0))
        one, other = (
            learning.wrap(backend.target, 4, np.random.default_rng(5))(
                model, learning.start(theta), x
            ).value_and_grads(z)
            for backend in (autodiff, kernel)
        )
        for key in one[2]:
            np.testing.assert_allclose(one[2][key], other[2][key], rtol=1e-10)
        small = {key: np.asarray(value, np.float32) for key, value in theta.items()}
        target_of = learning.wrap(autodiff.target, 4, np.random.default_rng(5))
        log_p, dz, dtheta = target_of(
            model, learning.start(small), x.astype(np.float32)
        ).value_and_grads(z.astype(np.float32))
        assert {log_p.dtype, dz.dtype, *(v.dtype for v in dtheta.values())} == {
            np.dtype(np.float32)
        }

    def test_a_wrong_share_of_the_prior_is_noticed(self):
        """Negative control: the prior counted once per minibatch instead of once per data set."""
        model, theta, x, z = self.problem()
        log_p, gradient = normal_prior(1.0)(theta)
        right = maximum_a_posteriori(normal_prior(1.0)).wrap(autodiff.target, 10, None)
        wrong = _add(autodiff.target(model, theta, x), log_p, gradient)
        assert not np.allclose(right(model, theta, x).value(z), wrong.value(z))


def test_the_earlier_name_of_theta_posterior():
    assert posterior is theta_posterior


def test_bad_input():
    with pytest.raises(ValueError, match="scale is 0"):
        normal_prior(0)
    with pytest.raises(ValueError, match="start_scale is -1"):
        variational_bayes(normal_prior(1.0), start_scale=-1)
    with pytest.raises(ValueError, match="learnt a point theta"):
        theta_posterior(fit_bbvi(
            Location(), DiagonalGaussian(1), data(), np.random.default_rng(0), num_steps=1
        ))  # fmt: skip
