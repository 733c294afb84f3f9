import numpy as np
import pytest

from bbvi import DiagonalGaussian, LinearGaussian, backends
from bbvi.evaluation import elbo, importance_bounds


@pytest.fixture(scope="module")
def problem():
    model, family = LinearGaussian(2, 6), DiagonalGaussian(2)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 200)
    target = backends.kernel.target(model, theta, x)
    return family, target, family.init(200), model.log_evidence(theta, x)


def test_bounds_rise_from_the_elbo_to_the_evidence(problem):
    family, target, lam, exact = problem
    found = importance_bounds(family, target, lam, np.random.default_rng(2), (1, 4, 64, 512), 20)
    assert found.num_weights.tolist() == [1, 4, 64, 512]
    assert (np.diff(found.value, axis=0) >= 0).all()
    assert (found.value < exact + 5 * found.standard_error).all()
    gaps = exact.mean() - found.value.mean(axis=1)
    assert gaps[-1] < 0.05
    assert gaps[0] > 1
    plain = elbo(family, target, lam, np.random.default_rng(3), 10_000)
    error = np.hypot(plain.standard_error, found.standard_error[0])
    assert (np.abs(found.value[0] - plain.value) < 5 * error).all()


def test_the_exact_posterior_has_no_gap():
    model, family = LinearGaussian(1, 4), DiagonalGaussian(1)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 5)
    lam = family.from_moments(*model.posterior(theta, x))
    target = backends.autodiff.target(model, theta, x)
    found = importance_bounds(family, target, lam, np.random.default_rng(2), (1, 8), 2)
    expected = np.broadcast_to(model.log_evidence(theta, x), (2, 5))
    assert found.value == pytest.approx(expected, abs=1e-10)


def test_bad_sizes(problem):
    family, target, lam, _ = problem
    with pytest.raises(ValueError, match="divisors"):
        importance_bounds(family, target, lam, np.random.default_rng(0), (3, 8))
    with pytest.raises(ValueError, match="num_replicates"):
        importance_bounds(family, target, lam, np.random.default_rng(0), (1, 8), 1)
