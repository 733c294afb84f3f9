"""The primitive d/dlam E_q[f] on textbook integrands, where f is no ELBO."""

from functools import partial

import numpy as np
import pytest
from altered import of_functions, with_functions
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bbvi import DiagonalGaussian, FullCovarianceGaussian, checks, leave_one_out
from bbvi.estimators.expectations import no_baseline, pathwise, score_function
from bbvi.types import Estimate

LEAVE_ONE_OUT = partial(score_function, baseline=leave_one_out)
ESTIMATORS = {
    "score_function": score_function,
    "leave_one_out": LEAVE_ONE_OUT,
    "pathwise": pathwise,
}


def integrand(f, df, N, D=1):
    """A target whose value is f(z), summed over the D latents; without theta."""

    def value(z):
        return f(z).sum(axis=-1)

    return of_functions(
        value=value,
        value_and_dz=lambda z: (value(z), df(z)),
        value_and_dtheta=lambda z, weights=None: (value(z), None),
        value_and_grads=lambda z, weights=None: (value(z), df(z), None),
        num_data=N,
        latent_dim=D,
        dtype=np.dtype(np.float64),
    )


def quadratic(k, mean, log_sigma):
    """f = (z - k)^2: E[f] = (mu - k)^2 + sigma^2."""
    variance = np.exp(2 * log_sigma)
    target = integrand(lambda z: (z - k) ** 2, lambda z: 2 * (z - k), len(mean))
    exact = Estimate(
        (mean - k) ** 2 + variance, np.stack([2 * (mean - k), 2 * variance], axis=1), None
    )
    return target, exact


def cosine(k, mean, log_sigma):
    """f = cos(k z): E[f] = exp(-k^2 sigma^2 / 2) cos(k mu)."""
    variance = np.exp(2 * log_sigma)
    damping = np.exp(-0.5 * k**2 * variance)
    target = integrand(lambda z: np.cos(k * z), lambda z: -k * np.sin(k * z), len(mean))
    value = damping * np.cos(k * mean)
    slopes = [-k * damping * np.sin(k * mean), -(k**2) * variance * value]
    return target, Estimate(value, np.stack(slopes, axis=1), None)


def exponential(k, mean, log_sigma):
    """f = exp(k z): E[f] = exp(k mu + k^2 sigma^2 / 2)."""
    variance = np.exp(2 * log_sigma)
    target = integrand(lambda z: np.exp(k * z), lambda z: k * np.exp(k * z), len(mean))
    value = np.exp(k * mean + 0.5 * k**2 * variance)
    return target, Estimate(value, np.stack([k * value, k**2 * variance * value], axis=1), None)


MEAN, LOG_SIGMA = np.array([0.4, 1.1]), np.array([-0.5, 0.0])


@pytest.mark.parametrize("make", [quadratic, cosine, exponential], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_textbook_integrands(name, make):
    target, exact = make(0.6, MEAN, LOG_SIGMA)
    lam = np.stack([MEAN, LOG_SIGMA], axis=1)
    problem = {"family": DiagonalGaussian(1), "target": target, "lam": lam, "exact": exact}
    rng, S = np.random.default_rng(0), (2 if name == "leave_one_out" else 1)
    found = checks.check_estimator(ESTIMATORS[name], rng, num_samples=(S, 5), **problem)
    assert found is None


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_full_covariance_has_a_gradient_in_its_correlation(name):
    """f = z_1 z_2: E[f] = mu_1 mu_2 + L_11 L_21."""

    def value(z):
        return z[..., 0] * z[..., 1]

    target = with_functions(
        integrand(lambda z: z, lambda z: z, 1, D=2),
        value=value,
        value_and_dtheta=lambda z, weights=None: (value(z), None),
        value_and_grads=lambda z, weights=None: (value(z), z[..., ::-1], None),
    )
    lam = np.array([[0.5, -0.7, 0.1, 0.6, -0.3]])
    L_11 = np.exp(0.1)
    exact = Estimate(
        np.array([-0.35 + 0.6 * L_11]), np.array([[-0.7, 0.5, 0.6 * L_11, L_11, 0.0]]), None
    )
    problem = {"family": FullCovarianceGaussian(2), "target": target, "lam": lam, "exact": exact}
    rng = np.random.default_rng(0)
    assert checks.check_estimator(ESTIMATORS[name], rng, num_samples=(3,), **problem) is None


def test_the_blackboard_equations_at_a_single_sample():
    q, lam, eps = DiagonalGaussian(1), np.array([[0.3, 0.2]]), np.array([[[1.5]]])
    target, _ = quadratic(-1.0, lam[:, 0], lam[:, 1])
    sigma = np.exp(0.2)
    z = 0.3 + sigma * 1.5
    f, df = (z + 1) ** 2, 2 * (z + 1)
    score = score_function(q, target, lam, eps)
    np.testing.assert_allclose(score.grad, [[f * 1.5 / sigma, f * (1.5**2 - 1)]])
    path = pathwise(q, target, lam, eps)
    np.testing.assert_allclose(path.grad, [[df, df * sigma * 1.5]])
    assert score.elbo == path.elbo == pytest.approx(f)


FLOATS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(1, 3)),
    elements=st.floats(-100, 100),
)


@given(FLOATS)
def test_each_baseline_is_the_mean_of_the_others(f):
    baseline = leave_one_out(f)
    for s in range(len(f)):
        np.testing.assert_allclose(baseline[s], np.delete(f, s, axis=0).mean(axis=0), atol=1e-9)


@given(FLOATS, st.integers(0, 5), st.floats(-10, 10))
def test_a_baseline_does_not_see_its_own_sample(f, s, change):
    s = s % len(f)
    altered = f.copy()
    altered[s] += change
    np.testing.assert_allclose(leave_one_out(altered)[s], leave_one_out(f)[s], atol=1e-9)


@given(FLOATS)
def test_leave_one_out_is_the_centred_f_over_s_minus_one(f):
    """f_s - b_s = S / (S - 1) (f_s - mean f): the divisor that makes VarGrad unbiased."""
    S = len(f)
    expected = S / (S - 1) * (f - f.mean(axis=0))
    np.testing.assert_allclose(f - leave_one_out(f), expected, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_baselines_keep_the_dtype(dtype):
    f = np.ones((3, 2), dtype)
    assert leave_one_out(f).dtype == dtype
    assert (f - no_baseline(f)).dtype == dtype
    assert not no_baseline(f).any()


def test_a_constant_integrand_has_no_gradient_under_leave_one_out():
    target = integrand(np.ones_like, np.zeros_like, 2)
    q, rng = DiagonalGaussian(1), np.random.default_rng(0)
    lam = rng.standard_normal((2, 2))
    eps = q.noise(rng, 4, 2)
    assert not LEAVE_ONE_OUT(q, target, lam, eps).grad.any()
    assert not pathwise(q, target, lam, eps).grad.any()
    assert score_function(q, target, lam, eps).grad.any()


def test_leave_one_out_refuses_one_sample():
    with pytest.raises(ValueError, match=r"leave_one_out got S = 1 sample; expected S >= 2"):
        leave_one_out(np.ones((1, 3)))


def test_pathwise_refuses_a_rigid_family():
    class Rigid:
        latent_dim, num_params = 1, 2

    target, _ = quadratic(0.0, MEAN, LOG_SIGMA)
    with pytest.raises(TypeError, match="pathwise got the family Rigid, which has no pullback"):
        pathwise(Rigid(), target, np.zeros((2, 2)), np.zeros((3, 2, 1)))
