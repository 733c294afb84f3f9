"""Convolutional networks in the kernel: equal to autograd and to differences, at random shapes."""

import tracemalloc

import numpy as np
import pytest
import threadpoolctl

import bbvi
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel import encoder as encoder_module
from bbvi.backends.kernel import linear_maps, second_moments, windows
from bbvi.nets import Conv, ConvNet, Dense, TransposedConv, astype
from bbvi.nets.convolution import patches, spread
from tests.random_networks import random_convnet, shaken

SHAPES = 200


def random_model(rng, seed):
    """A ConvNet decoder below one of the likelihoods, every second with extra outputs."""
    extra = seed % 2
    net = random_convnet(rng, extra=extra)
    likelihoods = [bbvi.BernoulliLikelihood(), bbvi.GaussianLikelihood(0.7)]
    likelihood = bbvi.ScalarScaleGaussian("logistic") if extra else likelihoods[seed // 2 % 2]
    return bbvi.DeepLatentModel(bbvi.StandardNormal(net.sizes[0]), net, likelihood)


def problem(rng, model, N, S):
    x = (rng.random((N, model.observed_dim)) < 0.5).astype(float)
    theta = {f"decoder.{k}": v for k, v in shaken(model.decoder, rng).items()}
    return x, theta, rng.standard_normal((S, N, model.latent_dim)), rng.random((S, N)) + 0.1


def worst_difference(one, other):
    assert one.keys() == other.keys()
    return max(np.abs(one[k] - other[k]).max() / (1 + np.abs(other[k]).max()) for k in one)


def test_decoders_of_random_shapes_equal_autograd_and_differences():
    rng = np.random.default_rng(0)
    for seed in range(SHAPES):
        model = random_model(rng, seed)
        N, S = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        x, theta, z, weights = problem(rng, model, N, S)
        if seed % 3 == 0:
            weights = None
        mine = kernel.target(model, theta, x).value_and_grads(z, weights)
        theirs = autodiff.target(model, theta, x).value_and_grads(z, weights)
        for found, expected in zip(mine[:2], theirs[:2]):
            size = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * size)
        assert worst_difference(mine[2], theirs[2]) < 1e-10, model
        np.testing.assert_allclose(kernel.target(model, theta, x).value(z), theirs[0], rtol=1e-10)
        toward = {key: rng.standard_normal(value.shape) for key, value in theta.items()}
        shift = rng.standard_normal(z.shape)
        w = np.full((S, N), 1 / S) if weights is None else weights
        slope = sum(np.sum(mine[2][key] * toward[key]) for key in theta) + np.sum(
            w[:, :, None] * mine[1] * shift
        )
        t = 1e-7
        ends = [
            np.sum(w * kernel.target(model, moved, x).value(z + step * shift))
            for step in (t, -t)
            for moved in [{key: value + step * toward[key] for key, value in theta.items()}]
        ]
        expected = (ends[0] - ends[1]) / (2 * t)
        size = sum(np.sum(np.abs(mine[2][key] * toward[key])) for key in theta)
        assert abs(slope - expected) < 1e-6 * (1 + size), model


def test_encoders_of_random_shapes_equal_autograd():
    rng = np.random.default_rng(1)
    for _ in range(SHAPES // 2):
        net = random_convnet(rng, extra=int(rng.integers(2)) if rng.random() < 0.3 else 0)
        phi, x = shaken(net, rng), rng.standard_normal((int(rng.integers(1, 6)), net.sizes[0]))
        lam, pullback = kernel.encode(net, phi, x)
        expected, theirs = autodiff.encode(net, phi, x)
        np.testing.assert_allclose(lam, expected, rtol=1e-10, atol=1e-10)
        g = rng.standard_normal(lam.shape)
        assert worst_difference(pullback(g), theirs(g)) < 1e-10, net


def wrong_add_back(columns, window, image):
    """Forgets that a pixel lies below several positions: the last one alone is kept."""
    for i, j, (ys, xs), (us, vs), _ in windows.taps(window, image.shape[1:3]):
        image[:, us, vs] = columns[:, i, j, ys, xs]


def test_a_wrong_adjoint_fails(monkeypatch):
    monkeypatch.setattr(linear_maps, "add_back", wrong_add_back)
    with pytest.raises(AssertionError):
        test_decoders_of_random_shapes_equal_autograd_and_differences()
    with pytest.raises(AssertionError):
        test_encoders_of_random_shapes_equal_autograd()


def test_windows_lay_out_and_add_back_as_the_networks_do():
    rng = np.random.default_rng(2)
    for window in [
        Conv(1, k, s, p).window for k in (1, 2, 3) for s in (1, 2, 3) for p in (0, 1, 4)
    ]:
        image = rng.standard_normal((2, 5, 4, 3))
        places = window.positions(5, 4)
        columns = np.full((2, *window.kernel, *places, 3), np.nan)
        windows.lay_out(image, window, columns)
        expected = patches(image.transpose(3, 0, 1, 2), window)
        flat = columns.reshape(-1, places[0] * places[1], 3).transpose(2, 0, 1)
        np.testing.assert_array_equal(flat, expected)
        back = np.zeros_like(image)
        windows.add_back(columns, window, back)
        expected = spread(flat, window, (5, 4)).transpose(1, 2, 3, 0)
        np.testing.assert_allclose(back, expected, rtol=1e-12)


DECODER = ConvNet(
    3, (Dense((8, 4, 4)), TransposedConv(4, 3, 2, 1, 1), TransposedConv(1, 3, 2, 1, 1)), extra=1
)
ENCODER = ConvNet((1, 16, 16), (Conv(4, 3, 2, 1), Conv(8, 3, 2, 1), Dense(6)))


@pytest.mark.parametrize("threads", [1, 2])
def test_many_rows_in_blocks_on_threads_equal_autograd(threads):
    model = bbvi.DeepLatentModel(
        bbvi.StandardNormal(3), DECODER, bbvi.ScalarScaleGaussian("logistic")
    )
    x, theta, z, weights = problem(np.random.default_rng(3), model, 301, 4)
    mine = kernel.target(model, theta, x, threads).value_and_grads(z, weights)
    theirs = autodiff.target(model, theta, x).value_and_grads(z, weights)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-10)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-9, atol=1e-9)
    assert worst_difference(mine[2], theirs[2]) < 1e-10


def test_an_encoder_that_keeps_nothing_gives_the_same(monkeypatch):
    rng = np.random.default_rng(4)
    phi, x = shaken(ENCODER, rng), rng.random((700, 256))
    lam, pullback = kernel.encode(ENCODER, phi, x)
    g = rng.standard_normal(lam.shape)
    kept = pullback(g)
    monkeypatch.setattr(encoder_module, "ENCODER_KEPT_BYTES", 0)
    again, pullback = kernel.encode(ENCODER, phi, x)
    np.testing.assert_array_equal(lam, again)
    for key, value in pullback(g).items():
        np.testing.assert_array_equal(value, kept[key])


def peak_bytes(phi, num_rows):
    x = np.zeros((num_rows, 256), np.float32)
    tracemalloc.start()
    _, pullback = kernel.encode(ENCODER, phi, x)
    pullback(np.zeros((num_rows, 6), np.float32))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    phi = astype(ENCODER.init(np.random.default_rng(0)), np.float32)
    peak_bytes(phi, 500)
    # On one thread, whose buffers are there after the first calls.
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        for num_rows in (20_000, 30_000):
            peak_bytes(phi, num_rows)
        # An image takes 1024 bytes; the second layer's columns alone take 2368 for each.
        assert peak_bytes(phi, 30_000) - peak_bytes(phi, 20_000) < 10_000 * 512
        monkeypatch.setattr(encoder_module, "ENCODER_KEPT_BYTES", 2**40)
        assert peak_bytes(phi, 30_000) - peak_bytes(phi, 20_000) > 10_000 * 2368


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    model = bbvi.DeepLatentModel(bbvi.StandardNormal(3), DECODER, bbvi.ScalarScaleGaussian())
    x, theta, z, weights = problem(np.random.default_rng(5), model, 5, 2)
    target = kernel.target(model, astype(theta, dtype), x.astype(dtype))
    value, dz, dtheta = target.value_and_grads(z.astype(dtype), weights.astype(dtype))
    assert {array.dtype for array in (value, dz, *dtheta.values())} == {np.dtype(dtype)}
    lam, pullback = kernel.encode(
        ENCODER, astype(ENCODER.init(np.random.default_rng(0)), dtype), x.astype(dtype)
    )
    assert {v.dtype for v in pullback(lam).values()} == {np.dtype(dtype)}


def test_the_kernel_is_chosen_and_sums_of_squares_are_refused():
    model = bbvi.DeepLatentModel(bbvi.StandardNormal(3), DECODER, bbvi.ScalarScaleGaussian())
    assert bbvi.backends.resolve("auto", model) is kernel
    x, theta, _, _ = problem(np.random.default_rng(6), model, 5, 2)
    with pytest.raises(ValueError, match="the decoder is a ConvNet; expected an MLP"):
        second_moments.target(model, theta, x)


def test_training_is_the_same_by_either_back_end():
    model = bbvi.DeepLatentModel(
        bbvi.StandardNormal(3), DECODER, bbvi.ScalarScaleGaussian("logistic")
    )
    x = np.random.default_rng(7).random((40, 256))
    traces = [
        bbvi.fit_amortized(
            model,
            bbvi.DiagonalGaussian(3),
            x,
            np.random.default_rng(0),
            encoder=ENCODER,
            num_steps=5,
            num_samples=2,
            batch_size=16,
            backend=backend,
            progress=False,
        ).trace.elbo
        for backend in ("kernel", "autodiff")
    ]
    np.testing.assert_allclose(*traces, rtol=1e-10)


@pytest.mark.parametrize("net", [ENCODER, bbvi.MLP((256, 5, 6))], ids=["conv", "dense"])
def test_passes_that_are_kept_at_once_do_not_share_memory(net):
    rng = np.random.default_rng(8)
    phi, x, y = shaken(net, rng), rng.random((9, 256)), rng.random((9, 256))
    g = rng.standard_normal((9, 6))
    alone = [autodiff.encode(net, phi, data)[1](g) for data in (x, y)]
    for _ in range(2):
        pullbacks = [kernel.encode(net, phi, data)[1] for data in (x, y)]
        for pullback, expected in zip(pullbacks, alone):
            assert worst_difference(pullback(g), expected) < 1e-10
