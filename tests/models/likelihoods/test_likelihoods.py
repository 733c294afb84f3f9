import numpy as np
import pytest
from scipy import stats

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalScaleGaussian,
    GaussianLikelihood,
    LearnedScaleGaussian,
    ScalarScaleGaussian,
    StandardNormal,
)
from bbvi.checks import check_model

DX = 3
# name: likelihood, number of decoder outputs, params, (outputs, params) -> scipy distribution
CASES = {
    "Bernoulli": (
        BernoulliLikelihood(),
        DX,
        {},
        lambda out, params: stats.bernoulli(1 / (1 + np.exp(-out))),
    ),
    "Gaussian": (GaussianLikelihood(0.4), DX, {}, lambda out, params: stats.norm(out, 0.4)),
    "learned scale": (
        LearnedScaleGaussian(),
        DX,
        {"log_scale": np.array(-0.7)},
        lambda out, params: stats.norm(out, np.exp(-0.7)),
    ),
    "scalar scale": (
        ScalarScaleGaussian(),
        DX + 1,
        {},
        lambda out, params: stats.norm(out[..., :DX], np.exp(out[..., DX:])),
    ),
    "logistic mean": (
        ScalarScaleGaussian("logistic"),
        DX + 1,
        {},
        lambda out, params: stats.norm(1 / (1 + np.exp(-out[..., :DX])), np.exp(out[..., DX:])),
    ),
    "diagonal scale": (
        DiagonalScaleGaussian(),
        2 * DX,
        {},
        lambda out, params: stats.norm(out[..., :DX], np.exp(out[..., DX:])),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_log_prob_and_mean_are_scipys(name):
    likelihood, num_outputs, params, oracle = CASES[name]
    rng = np.random.default_rng(0)
    outputs, x = rng.standard_normal((4, 5, num_outputs)), np.round(rng.random((5, DX)))
    truth = oracle(outputs, params)
    log_density = truth.logpmf if name == "Bernoulli" else truth.logpdf
    found = likelihood.log_prob(params, x, outputs)
    np.testing.assert_allclose(found, log_density(x).sum(axis=-1), rtol=1e-10)
    np.testing.assert_allclose(likelihood.mean(params, outputs), truth.mean(), rtol=1e-10)
    assert likelihood.observed_dim(num_outputs) == DX


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_mean_and_variance(name):
    likelihood, num_outputs, params, oracle = CASES[name]
    rng = np.random.default_rng(0)
    outputs = np.broadcast_to(rng.standard_normal(num_outputs), (20_000, num_outputs))
    draws, truth = likelihood.sample(rng, params, outputs), oracle(outputs[0], params)
    error = truth.std() / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - truth.mean()) < 5 * error).all()
    np.testing.assert_allclose(draws.var(axis=0), truth.var(), rtol=0.06)


@pytest.mark.parametrize("name", CASES)
def test_in_a_model_it_passes_the_public_check(name):
    likelihood, num_outputs, _, _ = CASES[name]
    model = DeepLatentModel(StandardNormal(2), MLP((2, 5, num_outputs)), likelihood)
    assert model.observed_dim == DX
    assert check_model(model, np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name):
    likelihood, num_outputs, params, _ = CASES[name]
    params = {key: np.asarray(value, np.float32) for key, value in params.items()}
    outputs = np.ones((2, 4, num_outputs), np.float32)
    x = likelihood.sample(np.random.default_rng(0), params, outputs[0])
    assert x.dtype == np.float32
    assert likelihood.log_prob(params, x, outputs).dtype == np.float32
    assert likelihood.mean(params, outputs).dtype == np.float32


def test_bernoulli_takes_zeros_and_ones_only():
    likelihood = BernoulliLikelihood()
    assert likelihood.check_data(np.array([[0.0, 1.0]])) is None
    with pytest.raises(ValueError, match=r"x has values from 0 to 0\.5 .*bbvi\.datasets\.binarize"):
        likelihood.check_data(np.array([[0.0, 0.5]]))


@pytest.mark.parametrize(
    ("likelihood", "num_outputs", "message"),
    [
        (DiagonalScaleGaussian(), 5, r"5 outputs; DiagonalScaleGaussian expects an even number"),
        (ScalarScaleGaussian(), 1, r"1 output\(s\); ScalarScaleGaussian expects at least 2"),
    ],
    ids=["diagonal", "scalar"],
)
def test_a_decoder_must_give_the_scales_too(likelihood, num_outputs, message):
    with pytest.raises(ValueError, match=message):
        DeepLatentModel(StandardNormal(2), MLP((2, num_outputs)), likelihood)


def test_an_unknown_link_is_refused():
    with pytest.raises(ValueError, match="link is 'probit'; expected one of identity, logistic"):
        ScalarScaleGaussian("probit")


def test_the_standard_normal_prior():
    prior, rng = StandardNormal(3), np.random.default_rng(0)
    z = prior.sample(rng, prior.init(rng), 5)
    assert z.shape == (5, 3)
    expected = stats.norm.logpdf(z).sum(axis=-1)
    np.testing.assert_allclose(prior.log_prob({}, z), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="latent_dim is 0"):
        StandardNormal(0)
