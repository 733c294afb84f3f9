import numpy as np
import pytest
from scipy import stats

from bbvi import (
    MLP,
    BernoulliLikelihood,
    CategoricalLikelihood,
    DeepLatentModel,
    GaussianLikelihood,
    LinearGaussian,
    StandardNormal,
)
from bbvi.backends import autodiff
from bbvi.checks import check_model
from bbvi.models import ScalarScaleGaussian
from bbvi.nets import ACTIVATIONS, Conv, ConvNet, Dense, astype

BERNOULLI = DeepLatentModel(StandardNormal(2), MLP((2, 5, 3)), BernoulliLikelihood())
GAUSSIAN = DeepLatentModel(StandardNormal(2), MLP((2, 5, 3)), GaussianLikelihood(0.4))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("likelihood", [BernoulliLikelihood(), GaussianLikelihood(0.4)], ids=repr)
@pytest.mark.parametrize("sizes", [(1, 1), (2, 6, 3), (2, 6, 5, 3)], ids=str)
def test_it_is_a_model(activation, likelihood, sizes):
    model = DeepLatentModel(StandardNormal(sizes[0]), MLP(sizes, activation), likelihood)
    assert check_model(model, np.random.default_rng(0)) is None


@pytest.mark.parametrize("model", [BERNOULLI, GAUSSIAN], ids=["Bernoulli", "Gaussian"])
def test_log_joint_is_prior_plus_likelihood(model):
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, 4)
    z = rng.standard_normal((3, 4, 2))
    mean = model.mean(theta, z)
    if model is BERNOULLI:
        log_likelihood = stats.bernoulli.logpmf(x, mean).sum(axis=-1)
    else:
        log_likelihood = stats.norm.logpdf(x, mean, 0.4).sum(axis=-1)
    expected = stats.norm.logpdf(z).sum(axis=-1) + log_likelihood
    np.testing.assert_allclose(model.log_joint(theta, x, z), expected, rtol=1e-10)


def test_a_linear_decoder_with_gaussian_noise_is_the_linear_gaussian_model():
    deep = DeepLatentModel(StandardNormal(2), MLP((2, 3)), GaussianLikelihood(0.5))
    linear, rng = LinearGaussian(2, 3), np.random.default_rng(0)
    theta = deep.init(rng)
    same = {"W": theta["decoder.W0"].T, "b": theta["decoder.b0"], "log_sigma": np.log(0.5)}
    x, z = rng.standard_normal((4, 3)), rng.standard_normal((3, 4, 2))
    expected = linear.log_joint(same, x, z)
    np.testing.assert_allclose(deep.log_joint(theta, x, z), expected, rtol=1e-12)


def test_logits_of_ten_thousand_give_finite_exact_values():
    model = DeepLatentModel(StandardNormal(1), MLP((1, 2)), BernoulliLikelihood())
    theta = {"decoder.W0": np.array([[1e4, -1e4]]), "decoder.b0": np.zeros(2)}
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    z = np.ones((1, 2, 1))
    log_p, dz, dtheta = autodiff.target(model, theta, x).value_and_grads(z)
    log_prior = stats.norm.logpdf(1.0)
    np.testing.assert_allclose(log_p, [[log_prior, log_prior - 2e4]], rtol=1e-14)
    np.testing.assert_allclose(dz[0, :, 0], [-1, -1 - 2e4])
    np.testing.assert_allclose(dtheta["decoder.W0"], [[-1, 1]])


@pytest.mark.parametrize("model", [BERNOULLI, GAUSSIAN], ids=["Bernoulli", "Gaussian"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sample_and_log_joint_keep_the_dtype(model, dtype):
    rng = np.random.default_rng(0)
    theta = astype(model.init(rng), dtype)
    x, z = model.sample(rng, theta, 3)
    assert x.dtype == z.dtype == dtype
    assert model.log_joint(theta, x, z[None]).dtype == dtype
    assert model.mean(theta, z).dtype == dtype


def test_it_says_what_it_is():
    assert (BERNOULLI.latent_dim, BERNOULLI.observed_dim) == (2, 3)
    assert BERNOULLI.standard_normal_prior is True
    assert set(BERNOULLI.init(np.random.default_rng(0))) == {
        *("decoder.W0", "decoder.b0", "decoder.W1", "decoder.b1"),
    }


def test_a_decoder_must_begin_at_the_latents():
    with pytest.raises(ValueError, match=r"decoder\.sizes is \(3, 4\).*latent_dim 2"):
        DeepLatentModel(StandardNormal(2), MLP((3, 4)), BernoulliLikelihood())


GREY = np.linspace(0, 1, 12).reshape(4, 3)
BAD = {
    "grey": (BERNOULLI, GREY, ValueError, r"x has values from 0 to 1 .*Binarize.*Gaussian"),
    "counts": (BERNOULLI, 255 * np.round(GREY), ValueError, "x has values from 0 to 255"),
    "signs": (BERNOULLI, 1 - 2 * np.round(GREY), ValueError, "x has values from -1 to 1"),
    "uint8": (BERNOULLI, (255 * GREY).astype(np.uint8), TypeError, "dtype uint8.*binarize"),
    "bool": (BERNOULLI, GREY > 0.5, TypeError, "x has dtype bool"),
    "integers": (GAUSSIAN, np.ones((4, 3), dtype=int), TypeError, "x has dtype int64"),
    "transposed": (GAUSSIAN, GREY.T, ValueError, "its last axis is 4; expected 3"),
    "NaN": (GAUSSIAN, np.where(GREY > 0.9, np.nan, GREY), ValueError, "first in row 3"),
    "empty": (GAUSSIAN, GREY[:0], ValueError, "x is empty"),
    "float32": (GAUSSIAN, GREY.astype(np.float32), TypeError, "x is float32 but theta"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused(name):
    model, x, error, message = BAD[name]
    theta = model.init(np.random.default_rng(0))
    with pytest.raises(error, match=message):
        autodiff.target(model, theta, x)


@pytest.mark.parametrize(
    ("prior", "decoder", "likelihood", "message"),
    [
        (StandardNormal, MLP((2, 3)), BernoulliLikelihood(), "prior is the class StandardNormal"),
        (StandardNormal(2), None, BernoulliLikelihood(), "decoder is None, which has no init"),
        (StandardNormal(2), MLP((2, 3)), BernoulliLikelihood, "likelihood is the class Bernoulli"),
    ],
)
def test_parts_are_objects_and_not_their_classes(prior, decoder, likelihood, message):
    with pytest.raises(TypeError, match=message):
        DeepLatentModel(prior, decoder, likelihood)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, "1", None, np.ones(2)])
def test_a_scale_is_positive(scale):
    with pytest.raises(ValueError, match=r"scale is .*positive standard deviation \(not its log\)"):
        GaussianLikelihood(scale)


def test_a_numpy_scale_does_not_promote_float32():
    likelihood = GaussianLikelihood(np.float64(0.4))
    x = np.zeros((2, 3), np.float32)
    assert likelihood == GaussianLikelihood(0.4)
    assert likelihood.log_prob({}, x, x[None]).dtype == np.float32


@pytest.mark.parametrize(
    ("channels", "extra", "likelihood", "message"),
    [
        (3, 0, CategoricalLikelihood(3), r"Give CategoricalLikelihood\(3, channels_first=True\)"),
        (3, 0, CategoricalLikelihood(2, channels_first=True), "multiple|expects 2 channels"),
        (1, 0, ScalarScaleGaussian(), r"0 extra outputs; .* expects 1, the log-scale"),
        (1, 2, ScalarScaleGaussian(), "2 extra outputs"),
    ],
)
def test_an_image_that_means_nothing_to_the_likelihood_is_refused(
    channels, extra, likelihood, message
):
    decoder = ConvNet(2, (Dense((2, 4, 4)), Conv(channels, 1)), extra=extra)
    with pytest.raises(ValueError, match=message):
        DeepLatentModel(StandardNormal(2), decoder, likelihood)


def test_an_image_s_channels_are_the_categories_of_its_pixels():
    decoder = ConvNet(2, (Dense((3, 4, 4)), Conv(3, 1)))
    likelihood = CategoricalLikelihood(3, channels_first=True)
    model = DeepLatentModel(StandardNormal(2), decoder, likelihood)
    theta = model.init(np.random.default_rng(0))
    outputs = model.decode(theta, np.random.default_rng(1).standard_normal((5, 2)))
    image = np.exp(outputs.reshape(5, 3, 4, 4))
    softmax = (image / image.sum(axis=1, keepdims=True)).reshape(5, 3, 16)
    np.testing.assert_allclose(likelihood.probabilities(outputs), softmax.swapaxes(1, 2))
    assert check_model(model, np.random.default_rng(0)) is None
    with pytest.raises(TypeError, match="channels_first is 1; expected True or False"):
        CategoricalLikelihood(3, channels_first=1)
