"""Monte Carlo EM, wake-sleep, mean-field EM and importance weighting against exact optima."""

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    Categorical,
    DeepLatentModel,
    DiagonalGaussian,
    FullCovarianceGaussian,
    GaussianMixture,
    LinearGaussian,
    LinearRegression,
    LogisticRegression,
    StandardNormal,
    adam,
    backends,
    elbo,
    fit_amortized,
    fit_importance_weighted,
    fit_mean_field_em,
    fit_monte_carlo_em,
    fit_reweighted_wake_sleep,
    fit_wake_sleep,
    infer,
    maximum_a_posteriori,
    normal_prior,
)
from bbvi.inference import known_theta
from bbvi.inference.posterior_draws import sample_posterior, start_chains
from bbvi.optimizers import cosine_decay


@pytest.fixture(scope="module")
def linear():
    """A linear-Gaussian model, data from it, and its maximum of the log-likelihood."""
    rng = np.random.default_rng(0)
    model = LinearGaussian(2, 6)
    theta = {**model.init(rng), "log_sigma": np.array(-0.7)}
    x, _ = model.sample(rng, theta, 400)
    return model, theta, x, model.log_evidence(model.fit_ml(x), x).mean()


# What one procedure may stay below the maximum: its noise at the end, and for weights their bias.
BY_GRADIENT = {
    "Monte Carlo EM": (fit_monte_carlo_em, {"inner_steps": 1, "num_samples": 4}, 0.003),
    "wake-sleep": (fit_wake_sleep, {"encoder": MLP((6, 4))}, 0.003),
    "importance-weighted": (fit_importance_weighted, {"encoder": MLP((6, 4))}, 0.003),
    "reweighted wake-sleep": (
        fit_reweighted_wake_sleep,
        {"encoder": MLP((6, 4)), "num_samples": 30},
        0.01,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_GRADIENT)
def test_the_maximum_of_the_likelihood_is_reached(linear, name):
    model, _, x, best = linear
    procedure, settings, short = BY_GRADIENT[name]
    steps = 1000
    optimizer = adam(cosine_decay(0.1, steps))
    fit = procedure(
        model,
        DiagonalGaussian(2),
        x,
        np.random.default_rng(1),
        num_steps=steps,
        optimizer=optimizer,
        **settings,
    )
    assert best - short < model.log_evidence(fit.theta, x).mean() <= best + 1e-9
    start = model.log_evidence(model.init(np.random.default_rng(1)), x).mean()
    assert start < best - 100 * short


@pytest.mark.parametrize("family", [DiagonalGaussian(2), FullCovarianceGaussian(2)])
def test_mean_field_em_reaches_the_maximum_without_noise(linear, family):
    model, _, x, best = linear
    fit = fit_mean_field_em(model, family, x, np.random.default_rng(1), num_steps=300)
    assert model.log_evidence(fit.theta, x).mean() == pytest.approx(best, abs=1e-4)
    again = fit_mean_field_em(
        model, family, x, np.random.default_rng(2), num_steps=300, theta=fit.theta
    )
    further = model.log_evidence(again.theta, x).mean()
    assert further >= model.log_evidence(fit.theta, x).mean() - 1e-12


def test_mean_field_em_at_a_known_theta_is_the_posterior_alone(linear):
    model, theta, x, _ = linear
    q, rng = FullCovarianceGaussian(2), np.random.default_rng(1)
    fit = fit_mean_field_em(model, q, x, rng, num_steps=3, learning=known_theta(theta))
    assert fit.theta == theta
    mean, covariance = model.posterior(theta, x)
    moments = q.moments(fit.lam)
    assert moments.mean == pytest.approx(mean, abs=1e-10)
    assert moments.covariance == pytest.approx(np.broadcast_to(covariance, (len(x), 2, 2)))
    prior = maximum_a_posteriori(normal_prior(1.0))
    with pytest.raises(ValueError, match=r"expected that, or known_theta\(theta\)"):
        fit_mean_field_em(model, q, x, rng, num_steps=3, learning=prior)


def test_each_full_em_step_raises_the_likelihood(linear):
    model, _, x, _ = linear
    theta, values = model.init(np.random.default_rng(3)), []
    for _ in range(10):
        values.append(model.log_evidence(theta, x).mean())
        theta = fit_mean_field_em(
            model, FullCovarianceGaussian(2), x, np.random.default_rng(4), num_steps=1, theta=theta
        ).theta
    assert (np.diff(values) > 0).all()


def test_posterior_draws_have_the_exact_moments(linear):
    model, theta, x, _ = linear
    target = backends.kernel.target(model, theta, x[:8])
    rng, S = np.random.default_rng(5), 800
    chains = start_chains(rng, 8, S, 2, np.float64)
    for _ in range(40):
        chains = sample_posterior(target, chains, rng, 1, adapt=30)
    mean, covariance = model.posterior(theta, x[:8])
    error = np.sqrt(np.diag(covariance) / S)
    assert np.abs((chains.z.mean(axis=1) - mean) / error).max() < 5
    spread = np.einsum("nsd,nse->nde", chains.z - mean[:, None], chains.z - mean[:, None]) / S
    tolerance = 5 * np.sqrt(2 / S) * np.max(covariance)
    assert np.abs(spread - covariance).max() < tolerance
    assert np.all((chains.acceptance > 0.4) & (chains.acceptance < 0.95))
    # A wrong posterior, with twice the variance, would have been seen.
    assert np.abs(spread - 2 * covariance).max() > tolerance


def test_the_step_size_is_held_without_adaptation(linear):
    model, theta, x, _ = linear
    target = backends.kernel.target(model, theta, x[:3])
    rng = np.random.default_rng(6)
    chains = start_chains(rng, 3, 5, 2, np.float64)
    moved = sample_posterior(target, chains, rng, 1, adapt=5)
    held = sample_posterior(target, moved, rng, 1)
    assert (moved.step != chains.step).all()
    assert (held.step == moved.step).all()


def mixture(rng):
    model = GaussianMixture(3, 2)
    theta = {
        "logits": np.log([0.5, 0.3, 0.2]),
        "mean": np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.0]]),
        "log_scale": np.full((3, 2), -0.3),
    }
    return model, theta, model.sample(rng, theta, 600)[0]


def test_em_of_a_mixture_finds_its_components_and_agrees_with_scikit_learn():
    from sklearn.mixture import GaussianMixture as Reference

    model, theta, x = mixture(np.random.default_rng(0))
    q = Categorical(1, 3)
    fit = fit_mean_field_em(model, q, x, np.random.default_rng(1), num_steps=200, theta=theta)
    reference = Reference(
        3, covariance_type="diag", means_init=theta["mean"], tol=1e-10, reg_covar=0
    ).fit(x)
    ours = model.log_evidence(fit.theta, x).mean()
    assert ours == pytest.approx(reference.score(x), abs=1e-6)
    assert np.sort(np.exp(fit.theta["logits"])) == pytest.approx(
        np.sort(reference.weights_), abs=1e-4
    )
    # Its q is the exact posterior, so that the ELBO is the evidence, sample by sample.
    lam = model.coordinate_update(q, fit.theta, x, fit.lam)
    target = backends.autodiff.target(model, fit.theta, x)
    eps = q.noise(np.random.default_rng(2), 3, len(x))
    z = q.transform(lam, eps)
    bound = target.value(z) - q.log_prob(lam, z)
    assert bound == pytest.approx(
        np.broadcast_to(model.log_evidence(fit.theta, x), bound.shape), abs=1e-9
    )


def regression(rng, R=60, F=3):
    model = LinearRegression(F, R, prior_scale=2.0)
    x, _ = model.sample(rng, {"log_sigma": np.array(-0.5)}, 1)
    return model, x


def test_linear_regression_is_exact():
    model, x = regression(np.random.default_rng(0))
    fit = fit_mean_field_em(
        model, FullCovarianceGaussian(4), x, np.random.default_rng(1), num_steps=200
    )
    grid = np.linspace(-2, 1, 3001)
    evidence = [model.log_evidence({"log_sigma": np.asarray(s)}, x)[0] for s in grid]
    assert model.log_evidence(fit.theta, x)[0] == pytest.approx(max(evidence), abs=1e-5)
    design, response = model.unpack(x)
    covariance = np.exp(2 * fit.theta["log_sigma"]) * np.eye(60) + 4 * design[0] @ design[0].T
    dense = -0.5 * (
        response[0] @ np.linalg.solve(covariance, response[0])
        + np.linalg.slogdet(2 * np.pi * covariance)[1]
    )
    assert model.log_evidence(fit.theta, x)[0] == pytest.approx(dense, rel=1e-10)


def test_coordinate_sweeps_end_at_the_best_factorized_gaussian():
    model, x = regression(np.random.default_rng(2))
    theta, q = {"log_sigma": np.array(-0.5)}, DiagonalGaussian(4)
    lam = q.init(1)
    for _ in range(200):
        lam = model.coordinate_update(q, theta, x, lam)
    posterior = model.posterior(theta, x)
    assert lam == pytest.approx(q.from_moments(*posterior), abs=1e-8)


def jaakkola_jordan(model, family, x, lam):
    """The bound at its best xi, written as in the paper and by nothing of the package."""
    design, labels = model.unpack(x)
    mean, covariance = family.moments(lam)
    sign = 2 * labels[0] - 1
    logit = sign * (design[0] @ mean[0])
    square = logit**2 + np.einsum("rd,de,re->r", design[0], covariance[0], design[0])
    xi = np.sqrt(square)
    log_likelihood = np.sum(-np.log1p(np.exp(-xi)) + (logit - xi) / 2)
    squares = mean[0] @ mean[0] + np.trace(covariance[0])
    log_prior = -0.5 * squares - 0.5 * len(mean[0]) * np.log(2 * np.pi)
    return log_likelihood + log_prior + family.entropy(lam)[0]


def test_logistic_regression_climbs_jaakkola_and_jordan_s_bound():
    rng = np.random.default_rng(3)
    model, family = LogisticRegression(2, 40), FullCovarianceGaussian(3)
    x, _ = model.sample(rng, {}, 1)
    lam, values = family.init(1), []
    for _ in range(100):
        lam = model.coordinate_update(family, {}, x, lam)
        values.append(jaakkola_jordan(model, family, x, lam))
    assert (np.diff(values) > -1e-12).all()
    assert values[-1] - values[0] > 0.5
    nearby = [
        jaakkola_jordan(model, family, x, lam + 0.03 * rng.standard_normal(lam.shape))
        for _ in range(50)
    ]
    assert max(nearby) < values[-1]
    # The bound lies below the ELBO, whose optimum is elsewhere.
    at_bound = model.expected_log_joint(x, *family.moments(lam)) + family.entropy(lam)
    fit = infer(model, family, {}, x, np.random.default_rng(4), num_samples=64, num_steps=1500)
    optimum = model.expected_log_joint(x, *family.moments(fit.lam)) + family.entropy(fit.lam)
    assert values[-1] < at_bound[0] < optimum[0]


@pytest.mark.slow
def test_sleep_has_its_own_objective_hence_its_own_bias():
    """Where q cannot be the posterior, wake-sleep ends below the ELBO's optimum, seed by seed."""
    model = DeepLatentModel(StandardNormal(1), MLP((1, 16, 8)), BernoulliLikelihood())
    rng, q = np.random.default_rng(0), DiagonalGaussian(1)
    theta = {key: 3 * value for key, value in model.init(rng).items()}
    x, _ = model.sample(rng, theta, 300)
    behind = []
    for seed in range(3):
        ends = []
        for procedure in (fit_amortized, fit_wake_sleep):
            optimizer = adam(cosine_decay(0.02, 800))
            fit = procedure(
                model,
                q,
                x,
                np.random.default_rng(seed),
                encoder=MLP((8, 16, 2)),
                num_steps=800,
                optimizer=optimizer,
            )
            target = backends.kernel.target(model, fit.theta, x)
            ends.append(elbo(q, target, fit.lam, np.random.default_rng(9), 200).value.mean())
        behind.append(ends[0] - ends[1])
    assert min(behind) > 0.01


def test_where_there_is_no_closed_form_the_message_says_what_is_missing():
    model = DeepLatentModel(StandardNormal(2), MLP((2, 4)), BernoulliLikelihood())
    x = np.ones((5, 4))
    with pytest.raises(TypeError, match=r"no closed-form coordinate_update and maximize.*fit_bbvi"):
        fit_mean_field_em(model, DiagonalGaussian(2), x, np.random.default_rng(0))
    with pytest.raises(TypeError, match="family is Categorical; expected DiagonalGaussian or"):
        fit_mean_field_em(LinearGaussian(2, 4), Categorical(1, 2), x, np.random.default_rng(0))
    with pytest.raises(TypeError, match="Discrete latents have no Hamiltonian"):
        fit_monte_carlo_em(
            GaussianMixture(3, 4), Categorical(1, 3), x, np.random.default_rng(0), num_steps=1
        )


@pytest.mark.parametrize("procedure", [fit_monte_carlo_em, fit_mean_field_em, fit_wake_sleep])
def test_a_run_goes_on_where_it_stopped(linear, procedure):
    model, _, x, _ = linear
    settings = {"encoder": MLP((6, 4))} if procedure is fit_wake_sleep else {}
    q, rng = DiagonalGaussian(2), np.random.default_rng(7)
    whole = procedure(model, q, x, rng, num_steps=6, **settings)
    rng = np.random.default_rng(7)
    half = procedure(model, q, x, rng, num_steps=3, **settings)
    rest = procedure(model, q, x, rng, num_steps=3, state=half.state, **settings)
    for key, value in whole.theta.items():
        assert (rest.theta[key] == value).all()
    assert (rest.lam == whole.lam).all()
