"""ConvNet: its equation written with loops, its gradient by differences, its messages."""

import numpy as np
import pytest
from autograd import grad
from autograd import make_vjp as vjp_of

import bbvi
from bbvi.nets import Conv, ConvNet, Dense, TransposedConv, astype
from bbvi.nets.convolution import Window, patches, spread
from tests.random_networks import random_convnet, shaken


def looped_conv(weight, bias, a, layer):
    (sh, sw), (ph, pw) = layer.stride, layer.padding
    out = np.zeros((len(a), *layer.output_shape(a.shape[1:])))
    for n, o, y, x in np.ndindex(*out.shape):
        total = bias[o]
        for c, i, j in np.ndindex(*weight.shape[1:]):
            u, v = sh * y + i - ph, sw * x + j - pw
            if 0 <= u < a.shape[2] and 0 <= v < a.shape[3]:
                total += weight[o, c, i, j] * a[n, c, u, v]
        out[n, o, y, x] = total
    return out


def looped_transposed(weight, bias, a, layer):
    (sh, sw), (ph, pw) = layer.stride, layer.padding
    out = np.zeros((len(a), *layer.output_shape(a.shape[1:])))
    out += bias[:, None, None]
    for n, c, y, x in np.ndindex(*a.shape):
        for o, i, j in np.ndindex(*weight.shape[1:]):
            u, v = sh * y + i - ph, sw * x + j - pw
            if 0 <= u < out.shape[2] and 0 <= v < out.shape[3]:
                out[n, o, u, v] += weight[c, o, i, j] * a[n, c, y, x]
    return out


WINDOWS = [(3, 1, 0), (3, 2, 1), ((2, 3), (3, 1), (1, 2)), (1, 2, 0), (2, 1, 3), (5, 3, 2)]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_convolution_is_its_equation(window):
    rng, layer = np.random.default_rng(0), Conv(3, *window)
    a = rng.standard_normal((2, 2, 6, 5))
    weight, bias = rng.standard_normal(layer.weight_shape(a.shape[1:])), rng.standard_normal(3)
    expected = looped_conv(weight, bias, a, layer)
    np.testing.assert_allclose(layer(weight, bias, a), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_transposed_convolution_is_its_equation(window):
    rng = np.random.default_rng(1)
    layer = TransposedConv(3, *window)
    layer = TransposedConv(3, *window, tuple(s - 1 for s in layer.stride))
    a = rng.standard_normal((2, 2, 7, 8))
    weight, bias = rng.standard_normal(layer.weight_shape(a.shape[1:])), rng.standard_normal(3)
    expected = looped_transposed(weight, bias, a, layer)
    np.testing.assert_allclose(layer(weight, bias, a), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_spread_is_the_adjoint_of_patches(window):
    rng, window = np.random.default_rng(2), Conv(1, *window).window
    a = rng.standard_normal((2, 3, 6, 7))
    columns = patches(a, window)
    g = rng.standard_normal(columns.shape)
    back = spread(g, window, (6, 7))
    assert np.sum(g * columns) == pytest.approx(np.sum(a * back), rel=1e-12)
    # Negative control: a stride that is forgotten on the way back is no adjoint.
    if max(window.stride) > 1 and max(columns.shape[2:]) > 1:
        wrong = Window(window.kernel, (1, 1), window.padding)
        places = wrong.positions(6, 7)
        if places[0] * places[1] != columns.shape[2]:
            with pytest.raises(ValueError, match="reshape"):
                spread(g, wrong, (6, 7))


def test_the_gradient_of_random_networks_equals_differences():
    rng = np.random.default_rng(3)
    for _ in range(60):
        net = random_convnet(rng, extra=int(rng.integers(2)))
        params, inputs = shaken(net, rng), rng.standard_normal((2, net.sizes[0]))
        g = rng.standard_normal((2, net.sizes[-1]))

        def value(params, inputs, net=net, g=g):
            return np.sum(g * net(params, inputs))

        pull, _ = vjp_of(lambda both, net=net: net(*both))((params, inputs))
        dparams, dinputs = pull(g)
        toward = {key: rng.standard_normal(array.shape) for key, array in params.items()}
        shift = rng.standard_normal(inputs.shape)
        # Far smaller than the distance to a kink of relu, which is rarely below 1e-6.
        t = 1e-7
        ends = [
            value(
                {k: v + sign * t * toward[k] for k, v in params.items()}, inputs + sign * t * shift
            )
            for sign in (1, -1)
        ]
        slope = sum(np.sum(dparams[k] * toward[k]) for k in params) + np.sum(dinputs * shift)
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * t), rel=1e-6, abs=1e-6), net


def test_a_dense_convnet_is_the_mlp():
    mlp = bbvi.MLP((3, 5, 2), "tanh")
    net = ConvNet(3, (Dense(5), Dense(2)), "tanh")
    params, x = mlp.init(np.random.default_rng(0)), np.ones((4, 3))
    np.testing.assert_array_equal(net(params, x), mlp(params, x))
    for key, value in net.init(np.random.default_rng(0)).items():
        np.testing.assert_array_equal(value, params[key])


def test_a_transposed_convolution_undoes_the_shapes_of_a_convolution():
    for n in range(3, 12):
        for k, s, p in [(3, 1, 1), (3, 2, 1), (4, 2, 1), (5, 3, 2), (2, 2, 0)]:
            small = Conv(1, k, s, p).output_shape((1, n, n))
            sizes = [TransposedConv(1, k, s, p, more).output_shape(small)[1] for more in range(s)]
            assert n in sizes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_leading_axes_are_kept(dtype):
    net = ConvNet(
        2, (Dense((2, 3, 3)), TransposedConv(2, 3, 2, 1, 1), Conv(1, 3, 1, 1)), "softplus", extra=2
    )
    params = astype(net.init(np.random.default_rng(0)), dtype)
    out = net(params, np.ones((4, 5, 2), dtype))
    assert out.shape == (4, 5, 38)
    assert out.dtype == dtype
    gradient = grad(lambda p: net(p, np.ones((4, 5, 2), dtype)).sum())(params)
    assert {value.dtype for value in gradient.values()} == {np.dtype(dtype)}
    assert net(params, np.ones(2, dtype)).shape == (38,)


def test_weights_have_the_stated_variance():
    net = ConvNet(400, (Dense((16, 8, 8)), TransposedConv(32, 4, 2, 1), Conv(64, 3)), "relu")
    params = net.init(np.random.default_rng(0))
    assert params["W0"].var() == pytest.approx(2 / 400, rel=0.02)
    assert params["W1"].var() == pytest.approx(2 / (16 * 16 / 4), rel=0.05)
    assert params["W2"].var() == pytest.approx(1 / (32 * 9), rel=0.03)
    # So the outputs of a wide image have about the variance of the inputs.
    assert params["b1"].any()
    assert not params["b2"].any()


def test_networks_of_the_same_layers_are_equal():
    one = ConvNet((1, 4, 4), [Conv(2, 3), Dense(2)])
    assert one == ConvNet([1, 4, 4], (Conv(2, (3, 3), (1, 1), 0), Dense((2,))))
    assert hash(one) == hash(ConvNet((1, 4, 4), (Conv(2, 3), Dense(2))))


DOWN = (Conv(4, 3, stride=2), Conv(4, 5))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ConvNet((1, 8, 8), DOWN),
            ValueError,
            r"layers\[1\], Conv\(4, 5\), does not fit: .* -1 x -1 pixels, of an input of 3 x 3; "
            r"make the kernel smaller(.|\n)*\(1, 8, 8\)\n0  Conv\(4, 3, stride=2\) +\(4, 3, 3\)",
        ),
        (lambda: ConvNet(5, (Conv(4, 3),)), ValueError, r"gets 5 numbers but wants an image"),
        (
            lambda: ConvNet((1, 2, 2), (TransposedConv(1, 2, 1, 4),)),
            ValueError,
            "make the padding smaller",
        ),
        (
            lambda: ConvNet((1, 8), (Dense(2),)),
            ValueError,
            r"inputs is \(1, 8\); expected a num",
        ),
        (lambda: ConvNet((1, 8, 8), ()), ValueError, r"layers has 0 layer\(s\); expected at least"),
        (lambda: ConvNet(2, (Dense(2),), extra=1), ValueError, "at least two, because extra"),
        (lambda: ConvNet(2, Dense(2)), TypeError, r"expected a tuple"),
        (lambda: ConvNet(2, (5,)), TypeError, r"layers\[0\] is 5; expected Dense"),
        (lambda: ConvNet(2, (Dense(2),), "gelu"), ValueError, "activation is 'gelu'; expected one"),
        (lambda: Conv(0, 3), ValueError, "Conv.channels is 0; expected at least 1"),
        (lambda: Conv(2, 3, padding=-1), ValueError, r"Conv.padding is -1; expected at least 0"),
        (lambda: Conv(2, (3, 0)), ValueError, r"Conv.kernel\[1\] is 0; expected at least 1"),
        (lambda: Conv(2, 3, stride=(1, 2, 3)), ValueError, "Conv.stride .*; expected one number"),
        (lambda: Conv(2, 3.0), TypeError, "Conv.kernel is 3.0 .*; expected a whole number"),
        (lambda: TransposedConv(1, 3, 2, 1, 2), ValueError, "expected less than the stride"),
        (lambda: Dense(0), ValueError, "Dense.outputs is 0; expected at least 1"),
    ],
    ids=range(16),
)
def test_what_does_not_fit_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_inputs_of_another_width_are_refused():
    net = ConvNet((1, 4, 4), (Conv(2, 3),))
    params = net.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"inputs has shape \(3, 15\); expected \(..., 16\)"):
        net(params, np.ones((3, 15)))


@pytest.mark.parametrize("extra", [0, 2])
def test_no_rows_and_lists_are_mapped_as_by_an_mlp(extra):
    net = ConvNet((1, 4, 4), (Conv(2, 3), Dense(3)), extra=extra)
    params = net.init(np.random.default_rng(0))
    assert net(params, np.ones((0, 16))).shape == (0, 3 + extra)
    assert net(params, np.ones((2, 0, 16))).shape == (2, 0, 3 + extra)
    np.testing.assert_array_equal(net(params, [[1.0] * 16]), net(params, np.ones((1, 16))))
    with pytest.raises(ValueError, match=r"inputs has shape \(\); expected"):
        net(params, 3.0)


def test_a_subclass_of_a_layer_is_refused():
    class Mine(Conv):
        """What the kernel would take for a convolution, or not know."""

    with pytest.raises(TypeError, match=r"layers\[0\] is .*Mine.*none of their subclasses"):
        ConvNet((1, 6, 6), (Mine(2, 3), Dense(4)))
