import numpy as np
import pytest

import bbvi.models as models
from bbvi import (
    MLP,
    BernoulliLikelihood,
    ConvNet,
    DeepLatentModel,
    GaussianLikelihood,
    LinearGaussian,
)
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel import second_moments
from bbvi.nets import Dense, TransposedConv

NORMAL = models.StandardNormal(2)
MODELS = {
    "bernoulli": DeepLatentModel(NORMAL, MLP((2, 7, 6, 5)), BernoulliLikelihood()),
    "gaussian": DeepLatentModel(NORMAL, MLP((2, 7, 5), "softplus"), GaussianLikelihood(0.5)),
    "no hidden layer": DeepLatentModel(NORMAL, MLP((2, 5)), BernoulliLikelihood()),
    "learned scale": DeepLatentModel(NORMAL, MLP((2, 7, 5), "relu"), models.LearnedScaleGaussian()),
    "linear": LinearGaussian(2, 5),
}


def setup(name, dtype=np.float64, num_data=9):
    model, rng = MODELS[name], np.random.default_rng(3)
    theta = {
        key: (value + 0.3 * rng.standard_normal(np.shape(value))).astype(dtype)
        for key, value in model.init(rng).items()
    }
    x = (rng.random((num_data, 5)) < 0.5).astype(dtype)
    return model, theta, x, rng


@pytest.mark.parametrize("weighted", [False, True], ids=["mean", "weights"])
@pytest.mark.parametrize("num_samples", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("name", MODELS)
def test_sums_of_squares_equal_the_loop_over_datapoints(name, num_samples, weighted):
    model, theta, x, rng = setup(name)
    z = rng.standard_normal((num_samples, len(x), 2))
    w = rng.random(z.shape[:2]) if weighted else None
    log_p, dz, dtheta = second_moments.target(model, theta, x, 2).value_and_grads(z, w)
    expected = autodiff.target(model, theta, x).value_and_grads(z, w)
    np.testing.assert_allclose(log_p, expected[0], rtol=1e-10)
    np.testing.assert_allclose(dz, expected[1], rtol=1e-10)
    loop = [
        autodiff.target(model, theta, x[[n]]).value_and_dtheta(
            z[:, [n]], w if w is None else w[:, [n]]
        )[1]
        for n in range(len(x))
    ]
    assert set(dtheta) == {*theta, *(f"squares:{key}" for key in theta)}
    for key in theta:
        squares = sum(np.asarray(gradient[key]) ** 2 for gradient in loop)
        np.testing.assert_allclose(dtheta[key], expected[2][key], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(dtheta[f"squares:{key}"], squares, rtol=1e-10, atol=1e-12)


def test_blocks_and_threads_do_not_matter(monkeypatch):
    model, theta, x, rng = setup("bernoulli", num_data=50)
    z = rng.standard_normal((6, 50, 2))
    whole = second_moments.target(model, theta, x, 1).value_and_dtheta(z)[1]
    monkeypatch.setattr(second_moments, "SQUARES_BLOCK_BYTES", 2000)
    cut = second_moments.target(model, theta, x, 2).value_and_dtheta(z)[1]
    for key, value in whole.items():
        np.testing.assert_allclose(cut[key], value, rtol=1e-12, atol=1e-13)


def test_values_are_the_kernels_own():
    model, theta, x, rng = setup("bernoulli")
    z = rng.standard_normal((3, len(x), 2))
    ours, kernels = second_moments.target(model, theta, x), kernel.target(model, theta, x)
    assert (ours.value(z) == kernels.value(z)).all()
    assert (ours.value_and_dz(z)[1] == kernels.value_and_dz(z)[1]).all()


def test_float32_stays_float32():
    model, theta, x, rng = setup("learned scale", np.float32)
    z = rng.standard_normal((2, len(x), 2), dtype=np.float32)
    log_p, dz, dtheta = second_moments.target(model, theta, x).value_and_grads(z)
    assert {a.dtype for a in (log_p, dz, *dtheta.values())} == {np.dtype(np.float32)}


def test_squares_of_the_sum_would_be_noticed():
    """Negative control: without the cross terms of S > 1 the loop is not matched."""
    rng = np.random.default_rng(0)
    h, g = rng.standard_normal((3, 8, 4)), rng.standard_normal((3, 8, 5))
    gradients = np.einsum("sni,sno->nio", h, g)
    expected = (gradients**2).sum(axis=0)
    np.testing.assert_allclose(second_moments.sum_of_squares(h, g), expected, rtol=1e-12)
    without_cross = sum((h[s] ** 2).T @ (g[s] ** 2) for s in range(3))
    assert not np.allclose(without_cross, expected, rtol=1e-2)


def test_all_entries_are_arrays_that_can_be_added_to():
    model, theta, x, rng = setup("learned scale")
    _, dtheta = second_moments.target(model, theta, x).value_and_dtheta(rng.random((2, len(x), 2)))
    assert {type(value) for value in dtheta.values()} == {np.ndarray}


def test_z_and_weights_are_checked():
    model, theta, x, rng = setup("bernoulli")
    p, z = second_moments.target(model, theta, x), rng.standard_normal((2, len(x), 2))
    for wrong in (z[:, :-1], z[:0], z[0], z.astype(np.float32)):
        with pytest.raises(ValueError, match=r"z is float.*expected float64 \(S, N, D\)"):
            p.value_and_grads(wrong)
    with pytest.raises(ValueError, match=r"weights has shape \(2,\); expected \(S, N\) = \(2, 9\)"):
        p.value_and_dtheta(z, np.ones(2))


def test_bad_input_is_refused():
    model, theta, x, _ = setup("bernoulli")
    with pytest.raises(TypeError, match="dtype"):
        second_moments.target(model, theta, x.astype(np.float32))
    with pytest.raises(ValueError, match="x has shape"):
        second_moments.target(model, theta, x[:, :3])
    with pytest.raises(ValueError, match="kernel does not know"):
        second_moments.target(object(), theta, x)


def test_a_convolutional_decoder_is_refused():
    rng, net = np.random.default_rng(0), ConvNet(2, (Dense((1, 2, 2)), TransposedConv(1, 2, 2)))
    model = DeepLatentModel(NORMAL, net, BernoulliLikelihood())
    assert kernel.supports(model)
    assert not second_moments.supports(model)
    assert all(second_moments.supports(MODELS[name]) for name in MODELS)
    with pytest.raises(ValueError, match="the decoder is a ConvNet; expected an MLP"):
        second_moments.target(model, model.init(rng), np.ones((3, 16)))
