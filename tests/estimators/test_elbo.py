from functools import partial

import numpy as np
import pytest
from altered import with_functions

import bbvi
from bbvi import (
    DiagonalGaussian,
    FullCovarianceGaussian,
    LinearGaussian,
    checks,
    leave_one_out,
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
    score_function,
    sticking_the_landing,
)
from bbvi.backends import autodiff, kernel
from bbvi.estimators.elbo import elbo_integrand, log_likelihood

LEAVE_ONE_OUT = partial(score_function, baseline=leave_one_out)
ESTIMATORS = {
    "score_function": score_function,
    "leave_one_out": LEAVE_ONE_OUT,
    "reparameterized": reparameterized,
    "reparameterized_mc": reparameterized_mc,
    "reparameterized_kl": reparameterized_kl,
    "sticking_the_landing": sticking_the_landing,
}
PATHWISE = [name for name in ESTIMATORS if "reparam" in name or "landing" in name]
FAMILIES = {"diagonal": DiagonalGaussian, "full": FullCovarianceGaussian}
BACKENDS = {"autodiff": autodiff.target, "kernel": kernel.target}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_unbiased_at_several_S(name, family, backend):
    q = FAMILIES[family](2)
    target, lam, exact = checks.linear_gaussian_problem(q, target_of=BACKENDS[backend])
    smallest = 2 if name == "leave_one_out" else 1
    problem = {"family": q, "target": target, "lam": lam, "exact": exact}
    rng = np.random.default_rng(0)
    found = checks.check_estimator(ESTIMATORS[name], rng, num_samples=(smallest, 3, 8), **problem)
    assert found is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_in_one_dimension_and_in_both_precisions(name, family):
    q, rng = FAMILIES[family](1), np.random.default_rng(1)
    assert checks.check_estimator(ESTIMATORS[name], rng, family=q, num_samples=(2,)) is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_both_back_ends_give_one_estimate_of_one_noise(name, family):
    q = FAMILIES[family](2)
    a, lam, _ = checks.linear_gaussian_problem(q, target_of=autodiff.target)
    b = checks.linear_gaussian_problem(q, target_of=kernel.target).target
    eps = q.noise(np.random.default_rng(0), 4, 2)
    one, other = ESTIMATORS[name](q, a, lam, eps), ESTIMATORS[name](q, b, lam, eps)
    np.testing.assert_allclose(one.elbo, other.elbo, rtol=1e-10)
    np.testing.assert_allclose(one.grad, other.grad, rtol=1e-10, atol=1e-12)
    for key, value in one.grad_theta.items():
        np.testing.assert_allclose(value, other.grad_theta[key], rtol=1e-10)


def at_the_posterior(family, D=2):
    """A model, data and lam with q_lam = p(z | x) exactly."""
    model, rng = LinearGaussian(D, 4), np.random.default_rng(0)
    x = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 4))
    # At maximum likelihood the posterior is diagonal, so that both families hold it.
    theta = model.fit_ml(x)
    q = family(D)
    return model, theta, x, q, q.from_moments(*model.posterior(theta, x))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_sticking_the_landing_vanishes_at_the_posterior(family, backend):
    """Zero for every single sample, while the total derivative keeps the score's variance."""
    model, theta, x, q, lam = at_the_posterior(FAMILIES[family])
    target = BACKENDS[backend](model, theta, x)
    eps = q.noise(np.random.default_rng(1), 1, len(x))
    landed = sticking_the_landing(q, target, lam, eps)
    assert np.abs(landed.grad).max() < 1e-9
    np.testing.assert_allclose(landed.elbo, model.log_evidence(theta, x), atol=1e-9)
    assert np.abs(reparameterized_mc(q, target, lam, eps).grad).max() > 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "name", ["score_function", "leave_one_out", "reparameterized_mc", "sticking_the_landing"]
)
def test_at_the_posterior_the_sampled_elbo_is_log_p(name, family):
    model, theta, x, q, lam = at_the_posterior(FAMILIES[family])
    eps = q.noise(np.random.default_rng(1), 2, len(x))
    found = ESTIMATORS[name](q, autodiff.target(model, theta, x), lam, eps)
    np.testing.assert_allclose(found.elbo, model.log_evidence(theta, x), rtol=0, atol=1e-9)


def test_leave_one_out_vanishes_at_the_posterior_too():
    """f is one constant there, and each baseline is that constant."""
    model, theta, x, q, lam = at_the_posterior(FullCovarianceGaussian)
    eps = q.noise(np.random.default_rng(1), 3, len(x))
    target = kernel.target(model, theta, x)
    assert np.abs(LEAVE_ONE_OUT(q, target, lam, eps).grad).max() < 1e-9
    assert np.abs(score_function(q, target, lam, eps).grad).max() > 0.1


def test_the_pathwise_estimators_differ_by_known_terms_at_one_noise():
    q = FullCovarianceGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)
    eps = q.noise(np.random.default_rng(0), 5, 2)
    z = q.transform(lam, eps)
    landed, sampled, closed, by_kl = (
        ESTIMATORS[name](q, target, lam, eps)
        for name in (
            "sticking_the_landing",
            "reparameterized_mc",
            "reparameterized",
            "reparameterized_kl",
        )
    )
    score = q.score(lam, z).mean(axis=0)
    np.testing.assert_allclose(landed.grad - sampled.grad, score, atol=1e-12)
    path = q.pullback(lam, eps, q.log_prob_dz(lam, z)).mean(axis=0)
    dentropy = q.entropy_and_grad(lam)[1]
    np.testing.assert_allclose(closed.grad - landed.grad, path + dentropy, atol=1e-12)
    prior = q.pullback(lam, eps, -z).mean(axis=0)
    dkl = q.kl_standard_normal_and_grad(lam)[1]
    np.testing.assert_allclose(closed.grad - by_kl.grad, prior + dentropy + dkl, atol=1e-12)
    for estimate in (sampled, closed, by_kl):
        np.testing.assert_array_equal(estimate.grad_theta["W"], landed.grad_theta["W"])


@pytest.mark.parametrize(
    "integrand", [elbo_integrand, lambda q, target, lam: log_likelihood(target)]
)
def test_the_integrands_are_targets_with_consistent_functions(integrand):
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)
    f = integrand(q, target, lam)
    z = np.random.default_rng(0).standard_normal((3, 2, 2))
    weights = np.random.default_rng(1).uniform(size=(3, 2))
    value = f.value(z)
    slopes = checks.statistics.column_differences(f.value, z)
    for log_p, dz, *_ in (f.value_and_dz(z), f.value_and_grads(z)):
        np.testing.assert_allclose(log_p, value)
        np.testing.assert_allclose(dz, slopes, atol=1e-6)
    expected = target.value_and_dtheta(z, weights)[1]
    for answer in (f.value_and_dtheta(z, weights), f.value_and_grads(z, weights)):
        np.testing.assert_allclose(answer[0], value)
        for key in expected:
            np.testing.assert_allclose(answer[-1][key], expected[key])
    assert f.standard_normal_prior is False


class Rigid:
    """The diagonal Gaussian without reparameterization."""

    latent_dim, num_params = 2, 4

    def __init__(self):
        q = DiagonalGaussian(2)
        for name in ("init", "noise", "transform", "log_prob", "score", "entropy"):
            setattr(self, name, getattr(q, name))
        self.entropy_and_grad = q.entropy_and_grad


def test_the_score_function_needs_no_reparameterization():
    q = Rigid()
    target, lam, exact = checks.linear_gaussian_problem(DiagonalGaussian(2))
    problem = {"family": q, "target": target, "lam": lam, "exact": exact}
    rng = np.random.default_rng(0)
    assert checks.check_estimator(score_function, rng, num_samples=(2,), **problem) is None


@pytest.mark.parametrize("name", PATHWISE)
def test_a_family_without_reparameterization_is_refused(name):
    q = Rigid()
    target, lam, _ = checks.linear_gaussian_problem(DiagonalGaussian(2))
    eps = q.noise(np.random.default_rng(0), 3, 2)
    with pytest.raises(TypeError, match=f"{name} got the family Rigid.*pullback.*score_function"):
        ESTIMATORS[name](q, target, lam, eps)


def test_leave_one_out_refuses_one_sample():
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)
    eps = q.noise(np.random.default_rng(0), 1, 2)
    with pytest.raises(ValueError, match="leave_one_out got S = 1 sample; expected S >= 2"):
        LEAVE_ONE_OUT(q, target, lam, eps)


def test_the_closed_form_kl_needs_a_known_prior_and_family():
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)
    eps = q.noise(np.random.default_rng(0), 3, 2)
    with pytest.raises(ValueError, match=r"prior is not known to be N\(0, I\).*reparameterized_mc"):
        reparameterized_kl(q, target._replace(standard_normal_prior=False), lam, eps)
    rigid = Rigid()
    rigid.pullback, rigid.log_prob_dz = q.pullback, q.log_prob_dz
    with pytest.raises(TypeError, match=r"family Rigid, which has no closed-form KL to N\(0, I\)"):
        reparameterized_kl(rigid, target, lam, eps)


def altered(**changes):
    """Good arguments of an estimator, some replaced."""
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)
    good = {"family": q, "target": target, "lam": lam}
    return good | {"eps": q.noise(np.random.default_rng(0), 3, 2)} | changes


LAM, EPS = altered()["lam"], altered()["eps"]
BAD = {
    "S = 0": ({"eps": EPS[:0]}, ValueError, "eps holds S = 0 samples; expected at least 1"),
    "eps of other data": ({"eps": EPS[:, :1]}, ValueError, r"eps has shape \(3, 1, 2\).*N = 2"),
    "eps of other D": ({"eps": EPS[..., :1]}, ValueError, r"last axis is 1; expected 2 \(D, as"),
    "eps of one axis": ({"eps": EPS[0, 0]}, ValueError, r"eps has shape \(2,\); expected \(S, N"),
    "eps in float32": ({"eps": EPS.astype(np.float32)}, TypeError, "eps is float32.*astype"),
    "lam of other data": ({"lam": LAM[:1]}, ValueError, r"lam has shape \(1, 4\).*\(2, 4\)"),
    "lam too wide": ({"lam": np.ones((2, 5))}, ValueError, r"\(2, 5\); expected \(N, P\)"),
    "lam of one axis": ({"lam": LAM[0]}, ValueError, r"lam has shape \(4,\).*family\.init\(2\)"),
    "lam in float32": ({"lam": LAM.astype(np.float32)}, TypeError, "lam is float32.*float64"),
    "lam of lists": (
        {"lam": LAM.tolist()},
        TypeError,
        r"lam is a list; expected an array \(N, P\)",
    ),
    "a model for the target": (
        {"target": LinearGaussian(2, 3)},
        TypeError,
        r"target is a LinearGaussian; expected a Target.*backends\.target",
    ),
    "lam of integers": ({"lam": np.ones((2, 4), int)}, TypeError, "lam is int64 but the target"),
    "family of other D": (
        {"family": DiagonalGaussian(3)},
        ValueError,
        "family has latent_dim 3 but the target's model has 2.*latent_dim=2",
    ),
}


@pytest.mark.parametrize("mistake", BAD)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_arguments_are_refused_and_change_nothing(name, mistake):
    changes, error, message = BAD[mistake]
    arguments = altered(**changes)
    kept = np.array(arguments["lam"])
    with pytest.raises(error, match=message):
        ESTIMATORS[name](*arguments.values())
    np.testing.assert_array_equal(arguments["lam"], kept)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_log_joint_of_the_wrong_shape_is_named(name):
    class Summed(LinearGaussian):
        def log_joint(self, theta, x, z):
            return super().log_joint(theta, x, z).sum(axis=1)

    model = Summed(2, 3)
    theta = model.init(np.random.default_rng(0))
    target = autodiff.target(model, theta, np.zeros((4, 3)))
    q = DiagonalGaussian(2)
    lam, eps = q.init(4), q.noise(np.random.default_rng(0), 3, 4)
    with pytest.raises(ValueError, match=r"Summed.log_joint returned shape \(3,\)"):
        ESTIMATORS[name](q, target, lam, eps)


def test_theta_held_costs_no_theta_gradient():
    asked = []
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)

    def refuse(z, weights=None):
        asked.append(z)
        raise AssertionError("asked for theta")

    held = bbvi.targets.hold_theta(
        with_functions(target, value_and_dtheta=refuse, value_and_grads=refuse)
    )
    eps = q.noise(np.random.default_rng(0), 3, 2)
    for name, estimator in ESTIMATORS.items():
        assert estimator(q, held, lam, eps).grad_theta is None, name
    assert asked == []


@pytest.mark.parametrize("name", ["score_function", "leave_one_out"])
def test_the_score_function_touches_no_derivative_in_z(name):
    q = DiagonalGaussian(2)
    target, lam, _ = checks.linear_gaussian_problem(q)

    def refuse(z, weights=None):
        raise AssertionError("asked for d/dz")

    values_only = with_functions(target, value_and_dz=refuse, value_and_grads=refuse)
    eps = q.noise(np.random.default_rng(0), 3, 2)
    found = ESTIMATORS[name](q, values_only, lam, eps)
    np.testing.assert_array_equal(found.grad, ESTIMATORS[name](q, target, lam, eps).grad)
