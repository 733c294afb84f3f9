"""A dropped normalizer is seen in a model of counts, for every seed."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import gammaln

from bbvi import MLP, BernoulliLikelihood, DeepLatentModel, LinearGaussian, StandardNormal
from bbvi.backends import autodiff
from bbvi.checks import check_model
from bbvi.checks.normalizers import UncheckedWarning, bridge
from bbvi.models import HierarchicalModel, LinearRegression, LogisticRegression

LOG_2PI = float(np.log(2 * np.pi))


class Counts:
    """x_j ~ Poisson(exp(a_j z + b_j)), z ~ N(0, 1), less a constant where asked."""

    latent_dim = 1

    def __init__(self, dropped=""):
        self.dropped = dropped

    def init(self, rng):
        return {"a": 0.5 * rng.standard_normal(5), "b": np.ones(5)}

    def log_joint(self, theta, x, z):
        log_rate = z * theta["a"] + theta["b"]
        factorial = 0 if self.dropped == "log x!" else gammaln(x + 1)
        constant = 0.0 if self.dropped == "log 2 pi" else float(np.log(2 * np.pi))
        log_likelihood = anp.sum(x * log_rate - anp.exp(log_rate) - factorial, axis=-1)
        return log_likelihood - 0.5 * anp.sum(z**2 + constant, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return rng.poisson(np.exp(z * theta["a"] + theta["b"])).astype(float), z


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(8))
def test_the_sound_model_passes_without_a_warning(seed):
    check_model(Counts(), np.random.default_rng(seed))


@pytest.mark.parametrize("dropped", ["log 2 pi", "log x!"])
@pytest.mark.parametrize("seed", range(8))
def test_a_dropped_normalizer_is_seen(dropped, seed):
    with pytest.raises(AssertionError, match="not normalized"):
        check_model(Counts(dropped), np.random.default_rng(seed))


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="num_draws is 16; expected at least"):
        check_model(Counts(), np.random.default_rng(0), num_draws=16)


class Off:
    """A sound model plus a constant."""

    def __init__(self, model, constant, hide=False):
        self.model, self.constant = model, constant
        self.latent_dim, self.init, self.sample = model.latent_dim, model.init, model.sample
        if isinstance(model, LinearRegression | LogisticRegression) and not hide:
            self.given_columns = model.given_columns

    def log_joint(self, theta, x, z):
        return self.model.log_joint(theta, x, z) + self.constant


SOUND = {
    "linear Gaussian, 1 of 1": LinearGaussian(1, 1),
    "linear Gaussian, 2 of 4": LinearGaussian(2, 4),
    "pixels": DeepLatentModel(StandardNormal(2), MLP((2, 5, 4)), BernoulliLikelihood()),
    "two layers": HierarchicalModel(MLP((1, 2)), MLP((2, 4)), BernoulliLikelihood()),
    "linear regression": LinearRegression(2, 5),
    "logistic regression": LogisticRegression(2, 5),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SOUND)
def test_one_half_log_2_pi_is_seen_with_either_sign_and_a_sound_model_passes(name):
    check_model(Off(SOUND[name], 0.0), np.random.default_rng(3))
    for constant in (0.5 * LOG_2PI, -0.5 * LOG_2PI):
        with pytest.raises(AssertionError, match="not normalized"):
            check_model(Off(SOUND[name], constant), np.random.default_rng(3))


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_a_factor_of_a_decoder_of_pixels_is_seen(factor):
    for seed in range(3):
        with pytest.raises(AssertionError, match="not normalized"):
            check_model(Off(SOUND["pixels"], float(np.log(factor))), np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["linear regression", "logistic regression"])
def test_a_regression_that_does_not_tell_its_features_is_told_how(name):
    """Its log_joint is no density of the features, whose integral is infinite."""
    with pytest.raises(AssertionError, match=r"conditioned on, which the model's given_columns"):
        check_model(Off(SOUND[name], 0.0, hide=True), np.random.default_rng(0))


def means(model, seed, constant=0.0, num_draws=2048):
    rng = np.random.default_rng(seed)
    theta = model.init(rng)
    x, z = model.sample(rng, theta, num_draws)
    target = lambda x, z: autodiff.unchecked_target(model, theta, x).value(z[None])[0]  # noqa: E731
    return bridge(rng, z, x, lambda x, z: target(x, z) + constant, np.zeros(x.shape[1], dtype=bool))


@pytest.mark.parametrize("name", list(SOUND)[:4])
def test_the_ratio_of_the_two_means_is_the_constant(name):
    """kappa = b / a, whatever kappa: the identity, over 40 runs, by a z-score of log b / a."""
    for constant in (0.0, 1.0, -1.0):
        found = [means(SOUND[name], seed, constant) for seed in range(40)]
        logs = np.array([np.log(m.proposed / m.drawn) for m in found])
        error = logs.std(ddof=1) / np.sqrt(len(logs))
        assert abs(logs.mean() - constant) < 5 * error + 1e-3, (logs.mean(), constant, error)
        assert error < 0.05


def test_the_limit_holds_and_is_of_the_size_of_five_standard_errors():
    found = [means(Counts(), seed) for seed in range(100)]
    differences = np.array([m.proposed - m.drawn for m in found])
    limits = np.array([m.limit for m in found])
    assert (np.abs(differences) < limits).all()
    assert 5 < limits.mean() / differences.std() < 10


def test_where_no_simple_density_comes_near_it_is_said():
    class Wild(DeepLatentModel):
        def init(self, rng):
            theta = super().init(rng)
            return {**theta, "decoder.W0": 40 * theta["decoder.W0"]}

    model = Wild(StandardNormal(2), MLP((2, 300)), BernoulliLikelihood())
    with pytest.warns(UncheckedWarning, match="could not tell whether exp"):
        check_model(model, np.random.default_rng(0))


class Ballots:
    """x ~ Multinomial(total, softmax(w z)), less a constant where asked."""

    latent_dim = 1

    def __init__(self, total, dropped=""):
        self.total, self.dropped = total, dropped

    def init(self, rng):
        return {"w": rng.standard_normal(4)}

    def log_joint(self, theta, x, z):
        scores = z * theta["w"]
        log_total = anp.log(anp.sum(anp.exp(scores), axis=-1, keepdims=True))
        log_p = anp.sum(x * (scores - log_total), axis=-1)
        if self.dropped != "coefficient":
            log_p = log_p + float(gammaln(self.total + 1.0)) - anp.sum(gammaln(x + 1), axis=-1)
        constant = 0.0 if self.dropped == "log 2 pi" else LOG_2PI
        return log_p - 0.5 * anp.sum(z**2 + constant, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        p = np.exp(z * theta["w"])
        return rng.multinomial(self.total, p / p.sum(axis=1, keepdims=True)).astype(float), z


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("total", [1, 6])
def test_counts_of_a_fixed_total_and_one_hot_labels_are_densities(total):
    """Draws of all columns by themselves would lie where there is no x."""
    for seed in range(4):
        check_model(Ballots(total), np.random.default_rng(seed))
        for dropped in ("log 2 pi", "coefficient") if total > 1 else ("log 2 pi",):
            with pytest.raises(AssertionError, match="not normalized"):
                check_model(Ballots(total, dropped), np.random.default_rng(seed))


class Shares:
    """x ~ Dirichlet(exp(a z) + 1), whose columns add up to 1."""

    latent_dim = 1

    def init(self, rng):
        return {"a": 0.3 * rng.standard_normal(3)}

    def log_joint(self, theta, x, z):
        alpha = anp.exp(z * theta["a"]) + 1
        log_p = anp.sum((alpha - 1) * anp.log(x) - gammaln(alpha), axis=-1)
        log_p = log_p + gammaln(anp.sum(alpha, axis=-1))
        return log_p - 0.5 * anp.sum(z**2 + LOG_2PI, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        parts = rng.gamma(np.exp(z * theta["a"]) + 1)
        return parts / parts.sum(axis=1, keepdims=True), z


def test_real_columns_that_determine_one_another_are_not_judged():
    for seed in range(4):
        with pytest.warns(UncheckedWarning, match="as shares of a whole do"):
            check_model(Shares(), np.random.default_rng(seed))
