import copy
import pickle

import numpy as np
import pytest
from replicates import LIMIT, declared_bias, replicate, z_score

from bbvi.estimators import (
    ESTIMATORS,
    NOISE_SOURCES,
    antithetic,
    draw_noise,
    independent,
    prepared_expectation,
    quasi_monte_carlo,
    reparameterized,
    with_noise,
)
from bbvi.evaluation.exact_sums import hermite_nodes, support_nodes, weighted_sum
from bbvi.families import (
    Bernoulli,
    Beta,
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    Gamma,
)
from bbvi.inference import infer
from bbvi.models import LinearGaussian
from bbvi.models.integrands import cosine, quadratic

FAMILIES = [
    DiagonalGaussian(2),
    FullCovarianceGaussian(2),
    Bernoulli(2),
    Categorical(1, 3),
    Gamma(2),
    Beta(2),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("source", NOISE_SOURCES.values(), ids=NOISE_SOURCES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_source_has_the_shape_dtype_and_distribution_of_the_family(family, source, dtype):
    rng = np.random.default_rng(0)
    eps = source(family, rng, 4, 5000, dtype)
    reference = independent(family, rng, 4, 5000, dtype)
    assert eps.shape == reference.shape
    assert eps.dtype == dtype
    assert np.isfinite(eps).all()
    for s in range(4):
        quantiles = [0.05, 0.3, 0.5, 0.7, 0.95]
        cuts = np.quantile(reference[s], quantiles, axis=0)
        below = (eps[s] < cuts[:, None]).mean(axis=1)
        # Both samples are random: sqrt(2 p (1 - p) / 5000) is below 0.01.
        assert np.abs(below - np.array(quantiles)[:, None]).max() < 0.05


@pytest.mark.parametrize("source", [antithetic, quasi_monte_carlo])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, its in ESTIMATORS.items()
        if its.expectation and its.bias.order and not its.couples_samples
    ],
)
def test_averages_over_samples_stay_unbiased(name, source):
    record = ESTIMATORS[name]
    gaussian = isinstance(DiagonalGaussian(1), record.family)
    family = DiagonalGaussian(1) if gaussian else Bernoulli(2)
    lam = np.array([[0.4, -0.3]])
    target = quadratic(0.3, latent_dim=family.latent_dim)
    nodes = (hermite_nodes if gaussian else support_nodes)(family, lam)
    exact = weighted_sum(family, target, lam, nodes)
    estimator = prepared_expectation(record, family, target, lam, None, np.random.default_rng(1))

    def at(estimator):
        rng, draws = np.random.default_rng(2), record.draws_for(family)
        return replicate(estimator, family, target, lam, 4, rng, draws=draws, source=source)

    found = at(estimator)
    assert z_score(found.grad, exact.grad, declared_bias(record, estimator, at)) < LIMIT
    assert z_score(found.elbo, exact.elbo) < LIMIT


@pytest.mark.parametrize("name", ["leave-one-out", "moving-average"])
def test_estimators_whose_samples_meet_would_be_biased_and_are_refused(name):
    record, family, lam = ESTIMATORS[name], DiagonalGaussian(1), np.array([[0.4, -0.3]])
    exact = weighted_sum(family, quadratic(0.3), lam, hermite_nodes(family, lam))
    rng = np.random.default_rng(0)
    estimator, target = record.expectation, quadratic(0.3)
    found = replicate(estimator, family, target, lam, 4, rng, source=antithetic)
    assert z_score(found.grad, exact.grad) > LIMIT
    with pytest.raises(ValueError, match="noise source is antithetic, but this estimator"):
        draw_noise(record, family, rng, 4, 1, source=antithetic)


def test_mirrored_samples_cancel_odd_functions_exactly():
    family, lam, target = DiagonalGaussian(1), np.array([[0.4, 0.2]]), quadratic(1.0)
    found = replicate(
        ESTIMATORS["reparameterized"].expectation,
        family,
        target,
        lam,
        2,
        np.random.default_rng(0),
        source=antithetic,
        num_replicates=1000,
        num_blocks=1,
    )
    # d/dmu (z - k)^2 = 2 (z - k) is linear in eps.
    np.testing.assert_allclose(found.grad[:, 0, 0], 2 * (0.4 - 1.0), rtol=1e-12)


def test_quasi_monte_carlo_has_less_variance_on_a_smooth_integrand():
    family, lam, target = DiagonalGaussian(2), np.zeros((1, 4)), cosine(0.7, latent_dim=2)
    variances = {}
    for name, source in NOISE_SOURCES.items():
        found = replicate(
            ESTIMATORS["reparameterized"].expectation,
            family,
            target,
            lam,
            16,
            np.random.default_rng(0),
            source=source,
            num_replicates=10_000,
        )
        variances[name] = found.grad.var(axis=0).sum()
    assert variances["quasi-monte-carlo"] < 0.2 * variances["independent"]


def test_rows_of_quasi_monte_carlo_noise_are_independent():
    eps = quasi_monte_carlo(DiagonalGaussian(1), np.random.default_rng(0), 1, 20_000)
    pairs = eps.reshape(-1, 2)
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 5 / np.sqrt(len(pairs))


def test_parts_of_one_sample_stay_independent_under_quasi_monte_carlo():
    record = ESTIMATORS["measure-valued"]
    rng, family = np.random.default_rng(0), DiagonalGaussian(1)
    eps = draw_noise(record, family, rng, 1, 20_000, source=quasi_monte_carlo)
    correlations = np.corrcoef(eps[..., 0])
    assert np.abs(correlations - np.eye(3)).max() < 5 / np.sqrt(20_000)


def test_with_noise_is_the_same_family_with_other_noise():
    family = DiagonalGaussian(2)
    mirrored = with_noise(family, antithetic)
    eps = mirrored.noise(np.random.default_rng(0), 4, 3)
    np.testing.assert_array_equal(eps[:2], -eps[2:])
    assert type(mirrored) is DiagonalGaussian
    assert mirrored == family
    plain = family.noise(np.random.default_rng(0), 4, 3)
    assert not np.array_equal(plain[:2], -plain[2:])
    for copied in (copy.deepcopy(mirrored), pickle.loads(pickle.dumps(mirrored))):
        np.testing.assert_array_equal(copied.noise(np.random.default_rng(0), 4, 3), eps)


def test_with_noise_goes_through_step_1():
    model = LinearGaussian(1, 2)
    theta = model.init(np.random.default_rng(0))
    x = np.array([[1.0, -0.5]])
    family = with_noise(DiagonalGaussian(1), antithetic)
    fit = infer(
        model,
        family,
        theta,
        x,
        np.random.default_rng(1),
        estimator=reparameterized,
        num_samples=2,
        num_steps=400,
        progress=False,
    )
    exact = family.from_moments(*model.posterior(theta, x))
    # The mean's gradient is linear in eps, and mirrored noise makes it exact.
    np.testing.assert_allclose(fit.lam[:, 0], exact[:, 0], atol=1e-3)


@pytest.mark.parametrize("source", [antithetic, quasi_monte_carlo])
def test_noise_that_is_not_by_inversion_is_refused_with_the_way_out(source):
    class Exponential(DiagonalGaussian):
        def noise(self, rng, num_samples, num_data, dtype=np.float64):
            return rng.exponential(size=(num_samples, num_data, self.latent_dim))

    with pytest.raises(AttributeError, match=r"rng\.exponential; expected .* by inversion"):
        source(Exponential(2), np.random.default_rng(0), 4, 3)


def test_antithetic_refuses_an_odd_number():
    with pytest.raises(ValueError, match="num_samples = 3; expected an even number"):
        antithetic(DiagonalGaussian(1), np.random.default_rng(0), 3, 1)
