"""Finite differences against closed forms: their bias at any step, their variance, their price."""

import numpy as np
import pytest
from replicates import LIMIT, replicate, variance_z, z_score

from bbvi import DiagonalGaussian, FullCovarianceGaussian, backends
from bbvi.checks import linear_gaussian_problem
from bbvi.estimators import finite_differences, reparameterized
from bbvi.estimators.expectations import pathwise
from bbvi.estimators.finite_differences import finite_differences_of_expectation
from bbvi.evaluation.exact import cosine_expectation, quadratic_expectation
from bbvi.families import Bernoulli
from bbvi.inference.counting import Counter
from bbvi.models import BernoulliLikelihood, BernoulliPrior, DeepLatentModel
from bbvi.models.integrands import cosine, quadratic
from bbvi.nets import MLP

RNG = np.random.default_rng
Q = DiagonalGaussian(1)


def at_step(step):
    def estimator(*arguments):
        return finite_differences_of_expectation(*arguments, step=step)

    return estimator


@pytest.mark.parametrize("step", [0.05, 0.3, 0.8])
@pytest.mark.parametrize(
    ("truth", "f"), [(quadratic_expectation, quadratic), (cosine_expectation, cosine)]
)
def test_the_mean_is_the_difference_of_the_exact_expectation(truth, f, step):
    lam, k = np.array([[0.4, -0.2]]), 1.3
    exact = np.stack(
        [
            (truth(Q, k, lam + e).elbo - truth(Q, k, lam - e).elbo) / (2 * step)
            for e in step * np.eye(2)
        ],
        axis=1,
    )
    found = replicate(at_step(step), Q, f(k), lam, 2, RNG(0)).grad
    assert z_score(found, exact) < LIMIT
    if step > 0.1:
        assert z_score(found, truth(Q, k, lam).grad) > LIMIT


@pytest.mark.parametrize("s", [0.6, 1.0])
def test_the_bias_is_h_squared_over_six_times_the_third_derivative(s):
    """E[(z - k)^2] = d^2 + s^2: nothing in the mean; (s^2)''' = 8 s^2 in the log scale."""
    eps, lam = Q.noise(RNG(0), 400_000, 1), np.array([[1.5, np.log(s)]])
    target = quadratic(0.5)
    for h in (0.02, 0.04):
        pairs = [f(Q, target, lam, eps).grad[0] for f in (at_step(h), pathwise)]
        difference = pairs[0] - pairs[1]
        assert abs(difference[0]) < 1e-10
        # In the same noise: (mean of eps) and (mean of eps^2) carry the only error left.
        assert difference[1] == pytest.approx(h**2 / 6 * 8 * s**2, rel=0.02)


@pytest.mark.parametrize(("d", "s", "h"), [(4.0, 1.0, 0.01), (1.0, 0.5, 0.4)])
def test_the_variance_is_the_pathwise_one(d, s, h):
    """4 s^2 in the mean; in the log scale 4 d^2 s^2 (sinh h / h)^2 + 2 s^4 (sinh 2h / h)^2."""
    lam, target = np.array([[d - 3.0, np.log(s)]]), quadratic(-3.0)
    found = replicate(at_step(h), Q, target, lam, 1, RNG(1), num_replicates=400_000).grad[:, 0]
    log_scale = 4 * d**2 * s**2 * (np.sinh(h) / h) ** 2 + 2 * s**4 * (np.sinh(2 * h) / h) ** 2
    assert np.abs(variance_z(found, np.array([4 * s**2, log_scale]))).max() < LIMIT


def test_noise_of_its_own_on_each_side_would_be_of_variance_one_over_h_squared():
    """Negative control of the common random numbers."""
    lam, h, target = np.array([[1.0, 0.0]]), 0.01, quadratic(-3.0)
    e = h * np.eye(2)[0]
    sides = [
        pathwise(Q, quadratic(-3.0, 20_000), np.tile(row, (20_000, 1)), Q.noise(RNG(i), 1, 20_000))
        for i, row in enumerate((lam + e, lam - e))
    ]
    apart = (sides[0].elbo - sides[1].elbo) / (2 * h)
    together = replicate(at_step(h), Q, target, lam, 1, RNG(1), num_replicates=20_000).grad
    assert apart.var() > 1e4 * together[:, 0, 0].var()


@pytest.mark.parametrize("family", [DiagonalGaussian(2), FullCovarianceGaussian(2)])
@pytest.mark.parametrize("backend", [backends.autodiff, backends.kernel])
def test_of_the_elbo_it_is_the_difference_of_the_elbos_in_the_same_noise(family, backend):
    target, lam, _ = linear_gaussian_problem(family, target_of=backend.target)
    eps, h = family.noise(RNG(0), 3, len(lam)), 0.07
    found = finite_differences(family, target, lam, eps, step=h)
    for p in range(family.num_params):
        e = h * np.eye(family.num_params)[p]
        up, down = (reparameterized(family, target, row, eps).elbo for row in (lam + e, lam - e))
        np.testing.assert_allclose(found.grad[:, p], (up - down) / (2 * h), rtol=1e-9)
    reference = reparameterized(family, target, lam, eps)
    np.testing.assert_allclose(found.elbo, reference.elbo, rtol=1e-12)
    for key, value in reference.grad_theta.items():
        np.testing.assert_allclose(found.grad_theta[key], value, rtol=1e-10, atol=1e-12)
    closer = finite_differences(family, target, lam, eps, step=1e-4).grad
    np.testing.assert_allclose(closer, reference.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_discrete_latents_have_the_same_mean_and_a_variance_of_one_over_h(h):
    """f(b) = (b - t)^2: p(lam) f(1) + (1 - p(lam)) f(0), moved with the probability of a jump."""
    q, lam, t = Bernoulli(1), np.array([[0.7]]), 0.2
    jump = (1 - t) ** 2 - t**2
    moved = 1 / (1 + np.exp(-0.7 - h)) - 1 / (1 + np.exp(-0.7 + h))
    mean = jump * moved / (2 * h)
    found = replicate(at_step(h), q, quadratic(t), lam, 1, RNG(2)).grad[:, 0]
    assert z_score(found, np.array([mean])) < LIMIT
    assert abs(variance_z(found, jump**2 * moved / (4 * h**2) - mean**2)[0]) < LIMIT


def test_the_entropy_of_a_discrete_q_is_differenced_too():
    q, model = Bernoulli(2), DeepLatentModel(BernoulliPrior(2), MLP((2, 3)), BernoulliLikelihood())
    target = backends.autodiff.target(model, model.init(RNG(0)), np.ones((1, 3)))
    lam, h = np.array([[0.6, -0.3]]), 1e-4
    # Noise far from every jump: the entropy alone moves.
    found = finite_differences(q, target, lam, np.full((1, 1, 2), 0.05), step=h)
    np.testing.assert_allclose(found.grad, q.entropy_and_grad(lam)[1], rtol=1e-6)


def test_the_price_counts_the_parameters():
    family = FullCovarianceGaussian(2)
    target, lam, _ = linear_gaussian_problem(family)
    counter = Counter()
    finite_differences(family, counter.watch(target), lam, family.noise(RNG(0), 3, 2))
    assert counter.evaluations == 2 * 3 * (1 + 2 * 5)


@pytest.mark.parametrize("step", [0.0, -0.1, np.nan, np.inf])
def test_a_step_that_is_none_is_refused(step):
    with pytest.raises(ValueError, match=r"step is .*expected a positive number"):
        finite_differences_of_expectation(
            Q, quadratic(1.0), np.zeros((1, 2)), np.zeros((1, 1, 1)), step
        )
