import numpy as np
import pytest

from bbvi import DiagonalGaussian, LinearGaussian, backends
from bbvi.evaluation import log_evidence_ais
from bbvi.evaluation.ais import sigmoid_schedule


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def problem(request):
    model, family = LinearGaussian(3, 8), DiagonalGaussian(3)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 15)
    exact = model.log_evidence(theta, x)
    theta = {key: np.asarray(value, dtype=request.param) for key, value in theta.items()}
    target = backends.kernel.target(model, theta, x.astype(request.param))
    return family, target, exact


def test_schedule_runs_from_0_to_1_and_dwells_at_the_ends():
    b = sigmoid_schedule(100)
    assert (b[0], b[-1], len(b)) == (0, 1, 101)
    steps = np.diff(b)
    assert (steps > 0).all()
    assert steps[0] < 0.2 * steps[50]
    assert steps == pytest.approx(steps[::-1])


def test_evidence_from_the_prior(problem):
    family, target, exact = problem
    lam = family.init(15).astype(target.dtype)
    found = log_evidence_ais(family, target, lam, np.random.default_rng(2), num_chains=32)
    z = (found.value - exact) / found.standard_error
    assert np.abs(z).max() < 5
    assert np.abs(((found.value - 1.0) - exact) / found.standard_error).min() > 5
    assert found.acceptance.min() > 0.5
    assert found.acceptance.max() < 0.8


def test_a_poor_start_is_repaired_where_one_step_is_not(problem):
    family, target, exact = problem
    narrow = np.full((15, 6), -1.5, dtype=target.dtype)
    narrow[:, :3] = 0
    rng = np.random.default_rng(3)
    long = log_evidence_ais(family, target, narrow, rng, num_chains=32, num_temperatures=300)
    short = log_evidence_ais(family, target, narrow, rng, num_chains=32, num_temperatures=1)
    assert np.abs(long.value - exact).mean() < 0.3 * np.abs(short.value - exact).mean()
    assert long.effective_sample_size.mean() > 3 * short.effective_sample_size.mean()


def test_the_mean_weight_is_unbiased(problem):
    """AIS is unbiased for p(x), not log p(x), even with few temperatures."""
    family, target, exact = problem
    lam = family.init(15).astype(target.dtype)
    found = log_evidence_ais(
        family, target, lam, np.random.default_rng(4), num_chains=2000, num_temperatures=8
    )
    # w / p(x) has mean 1; its standard error over the chains is the relative one.
    ratio = np.exp(found.value - exact)
    assert (np.abs(ratio - 1) < 5 * found.standard_error * ratio).all()
    assert (np.abs(1.2 * ratio - 1) > 5 * found.standard_error * ratio).any()


@pytest.mark.parametrize("wrong", [{"num_chains": 1}, {"num_temperatures": 0}, {"num_leapfrog": 0}])
def test_bad_counts(problem, wrong):
    family, target, _ = problem
    lam = family.init(15).astype(target.dtype)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        log_evidence_ais(family, target, lam, np.random.default_rng(0), **wrong)
