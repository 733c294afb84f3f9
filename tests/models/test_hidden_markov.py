"""The hidden Markov model against enumeration of all state sequences."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from bbvi import infer, leave_one_out, score_function
from bbvi.backends import autodiff
from bbvi.estimators import rao_blackwellized
from bbvi.families.categorical import Categorical
from bbvi.models import HiddenMarkovModel
from bbvi.nets import astype


def problem(K=3, T=4, N=5):
    model = HiddenMarkovModel(K, T)
    rng = np.random.default_rng(0)
    theta = {key: value + 0.5 * rng.standard_normal(value.shape) for key, value in
             model.init(rng).items()}  # fmt: skip
    return model, theta, model.sample(rng, theta, N)[0]


def paths(model, N):
    """Every state sequence as a sample, (K^T, N, T), and one-hot, (K^T, N, T K)."""
    every = np.array(list(product(range(model.num_states), repeat=model.num_steps)))
    states = np.repeat(every[:, None], N, axis=1)
    return states, np.eye(model.num_states)[states].reshape(*states.shape[:2], -1)


class TestExactAnswers:
    @pytest.mark.parametrize(("K", "T"), [(3, 4), (2, 1), (1, 3)])
    def test_forward_algorithm_is_the_sum_over_all_paths(self, K, T):
        model, theta, x = problem(K, T)
        log_joint = model.log_joint(theta, x, paths(model, len(x))[1])
        np.testing.assert_allclose(
            model.log_evidence(theta, x), np.logaddexp.reduce(log_joint, axis=0), rtol=1e-12
        )

    def test_posterior_chain_is_the_normalized_joint(self):
        model, theta, x = problem()
        states, z = paths(model, len(x))
        log_posterior = model.log_joint(theta, x, z) - model.log_evidence(theta, x)
        posterior = model.posterior(theta, x)
        rows = np.arange(len(x))
        chain = np.log(posterior.initial)[rows, states[:, :, 0]]
        for t in range(model.num_steps - 1):
            step = np.log(posterior.transition)[rows, t, states[:, :, t], states[:, :, t + 1]]
            chain = chain + step
        np.testing.assert_allclose(chain, log_posterior, rtol=1e-9, atol=1e-11)

    def test_marginals_by_enumeration(self):
        model, theta, x = problem()
        states, z = paths(model, len(x))
        weights = np.exp(model.log_joint(theta, x, z) - model.log_evidence(theta, x))
        hot = states[..., None] == np.arange(model.num_states)
        expected = np.einsum("sn,sntk->ntk", weights, hot)
        np.testing.assert_allclose(model.posterior(theta, x).marginals, expected, atol=1e-12)

    def test_kl_from_factorized_by_enumeration(self):
        model, theta, x = problem()
        q = np.random.default_rng(1).dirichlet(np.ones(3), size=(len(x), 4))
        states, z = paths(model, len(x))
        hot = states[..., None] == np.arange(model.num_states)
        log_q = np.log((hot * q).sum(axis=-1)).sum(axis=-1)
        log_posterior = model.log_joint(theta, x, z) - model.log_evidence(theta, x)
        kl = (np.exp(log_q) * (log_q - log_posterior)).sum(axis=0)
        np.testing.assert_allclose(model.kl_from_factorized(theta, x, q), kl, rtol=1e-10)

    def test_samples_follow_the_transition_matrix(self):
        model, theta, _ = problem(K=2, T=3)
        _, z = model.sample(np.random.default_rng(2), theta, 20_000)
        A = np.exp(model.log_transition(theta))
        for i in range(2):
            moves = z[z[:, i] == 1, 3]
            error = np.sqrt(A[i, 1] * A[i, 0] / len(moves))
            assert abs(moves.mean() - A[i, 1]) < 5 * error


def test_blankets_change_as_the_joint_does():
    """Changing one step's state changes the log joint by the change of that step's blanket."""
    model, theta, x = problem()
    states, z = paths(model, len(x))
    log_p, blankets = model.log_joint(theta, x, z), model.log_joint_blankets(theta, x, z)
    for t in range(4):
        moved = states.copy()
        moved[:, :, t] = (moved[:, :, t] + 1) % 3
        other = np.eye(3)[moved].reshape(z.shape)
        change = model.log_joint_blankets(theta, x, other)[..., t] - blankets[..., t]
        np.testing.assert_allclose(
            model.log_joint(theta, x, other) - log_p, change, rtol=1e-9, atol=1e-10
        )


def test_rao_blackwellized_gradients_are_less_noisy():
    model, theta, x = problem(N=1)
    family, target = Categorical(4, 3), autodiff.target(model, theta, np.tile(x, (2000, 1)))
    lam = np.tile(np.random.default_rng(1).standard_normal((1, 12)), (2000, 1))
    eps = family.noise(np.random.default_rng(2), 1, 2000)
    plain = score_function(family, target, lam, eps).grad
    local = rao_blackwellized(family, target, lam, eps).grad
    assert local.var(axis=0).sum() < 0.5 * plain.var(axis=0).sum()
    error = np.sqrt(plain.var(axis=0) / 2000 + local.var(axis=0) / 2000)
    assert (np.abs(plain.mean(axis=0) - local.mean(axis=0)) < 5 * error).all()


class TestGradients:
    def test_theta_gradient_of_the_joint(self):
        model, theta, x = problem()
        _, z = model.sample(np.random.default_rng(3), theta, len(x))
        _, dtheta = autodiff.target(model, theta, x).value_and_dtheta(z[None])
        for key, value in theta.items():
            for index in np.ndindex(value.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = {**theta, key: value.copy()}
                    moved[key][index] += step
                    sides.append(model.log_joint(moved, x, z[None]).sum())
                assert abs((sides[0] - sides[1]) / 2e-6 - dtheta[key][index]) < 1e-6

    def test_float32_stays_float32(self):
        model, theta, x = problem()
        theta, x = astype(theta, np.float32), x.astype(np.float32)
        z = np.zeros((1, len(x), 12), dtype=np.float32)
        assert model.log_joint(theta, x, z).dtype == np.float32
        assert model.log_evidence(theta, x).dtype == np.float32


class TestInference:
    def test_factorized_family_misses_the_evidence_by_the_kl_gap(self):
        """Coordinate ascent gives the best product of categoricals; the gap is a computed KL."""
        model, theta, x = problem(N=3)
        family = Categorical(num_variables=4, num_categories=3)
        fit = infer(
            model, family, theta, x, np.random.default_rng(0), num_samples=20, num_steps=300,
            estimator=partial(score_function, baseline=leave_one_out),
        )  # fmt: skip
        evidence, (_, z) = model.log_evidence(theta, x), paths(model, 3)
        log_q = family.log_prob(fit.lam, z)
        elbo = (np.exp(log_q) * (model.log_joint(theta, x, z) - log_q)).sum(axis=0)
        q = family.probabilities(fit.lam).reshape(3, 4, 3)
        gap = model.kl_from_factorized(theta, x, q)
        np.testing.assert_allclose(elbo, evidence - gap, rtol=1e-9)
        assert (elbo <= evidence).all()
        best = model.kl_from_factorized(theta, x, coordinate_ascent(model, theta, x))
        assert (gap < best + 0.02).all()

    def test_one_step_meets_the_evidence(self):
        """T = 1: the posterior is one categorical, which the family contains."""
        model, theta, x = problem(T=1)
        family = Categorical(num_variables=1, num_categories=3)
        fit = infer(
            model, family, theta, x, np.random.default_rng(0), num_samples=20, num_steps=400,
            estimator=partial(score_function, baseline=leave_one_out),
        )  # fmt: skip
        _, z = paths(model, len(x))
        log_q = family.log_prob(fit.lam, z)
        elbo = (np.exp(log_q) * (model.log_joint(theta, x, z) - log_q)).sum(axis=0)
        np.testing.assert_allclose(elbo, model.log_evidence(theta, x), atol=1e-3)


def coordinate_ascent(model, theta, x):
    """q_t proportional to exp E_rest[log p], sweep after sweep: (N, T, K)."""
    log_A, log_e = model.log_transition(theta), model.log_emission(theta, x)
    q = np.exp(log_e) / np.exp(log_e).sum(axis=-1, keepdims=True)
    for _ in range(200):
        for t in range(model.num_steps):
            log_q = log_e[:, t] + (model.log_initial(theta) if t == 0 else q[:, t - 1] @ log_A)
            if t + 1 < model.num_steps:
                log_q = log_q + q[:, t + 1] @ log_A.T
            q[:, t] = np.exp(log_q - np.logaddexp.reduce(log_q, axis=1)[:, None])
    return q


class TestBadInput:
    def test_wrong_width(self):
        model, theta, x = problem()
        with pytest.raises(ValueError, match="expected 4"):
            model.log_evidence(theta, x[:, :3])
        with pytest.raises(ValueError, match="expected 4"):
            autodiff.target(model, theta, x[:, :3])

    def test_sizes(self):
        with pytest.raises(ValueError, match="num_states is 0"):
            HiddenMarkovModel(0, 3)
        with pytest.raises(TypeError, match=r"num_steps is 2\.5"):
            HiddenMarkovModel(2, 2.5)
