import numpy as np
import pytest
from autograd import elementwise_grad, grad
from hypothesis import given
from hypothesis import strategies as st

from bbvi.checks.statistics import column_differences
from bbvi.nets import ACTIVATIONS, MLP, astype, dtype_of, join, part, softplus, tanh

NUMPY = {
    "tanh": np.tanh,
    "relu": lambda a: np.where(a > 0, a, 0.0),
    "softplus": lambda a: np.logaddexp(0.0, a),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_network_is_its_equation(activation):
    net, rng = MLP((2, 4, 3, 5), activation), np.random.default_rng(0)
    params = net.init(rng)
    params = {key: value + rng.standard_normal(value.shape) for key, value in params.items()}
    inputs = rng.standard_normal((6, 3, 2))
    h = NUMPY[activation](inputs @ params["W0"] + params["b0"])
    h = NUMPY[activation](h @ params["W1"] + params["b1"])
    np.testing.assert_allclose(net(params, inputs), h @ params["W2"] + params["b2"], rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_its_gradient_equals_differences(activation):
    net, rng = MLP((3, 4, 1), activation), np.random.default_rng(1)
    params, inputs = net.init(rng), rng.standard_normal((5, 3))
    found = elementwise_grad(lambda a: net(params, a)[:, 0])(inputs)
    expected = column_differences(lambda a: net(params, a)[:, 0], inputs)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_a_single_layer_is_linear():
    net = MLP((3, 2))
    params = net.init(np.random.default_rng(0))
    assert net.num_layers == 1
    inputs = np.random.default_rng(1).standard_normal((4, 3))
    np.testing.assert_allclose(net(params, 2 * inputs), 2 * net(params, inputs))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(activation, dtype):
    net = MLP((2, 3, 1), activation)
    params = astype(net.init(np.random.default_rng(0)), dtype)
    inputs = np.ones((4, 2), dtype)
    assert net(params, inputs).dtype == dtype
    gradient = grad(lambda p: net(p, inputs).sum())(params)
    assert {value.dtype for value in gradient.values()} == {np.dtype(dtype)}


def test_one_scale_holds_for_every_weight_and_bias():
    params = MLP((400, 300, 200), "relu", init_scale=0.01).init(np.random.default_rng(0))
    for value in params.values():
        assert value.std() == pytest.approx(0.01, rel=0.15)
    with pytest.raises(ValueError, match="init_scale is -1; expected a positive number"):
        MLP((2, 3), init_scale=-1)


def test_weights_have_the_stated_variance():
    for activation, gain in (("tanh", 1.0), ("relu", 2.0)):
        params = MLP((400, 300, 200), activation).init(np.random.default_rng(0))
        assert params["W0"].var() == pytest.approx(gain / 400, rel=0.02)
        assert params["W1"].var() == pytest.approx(1.0 / 300, rel=0.02)
        assert np.abs(params["b0"]).max() < 400**-0.5
        assert params["b0"].any() == (activation == "relu")
        assert not params["b1"].any()


def test_softplus_is_finite_and_exact_at_large_arguments():
    a = np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    np.testing.assert_allclose(softplus(a), np.logaddexp(0, a), rtol=1e-15)
    np.testing.assert_allclose(elementwise_grad(softplus)(a), [0, 0, 0.5, 1, 1], atol=1e-16)


def test_relu_has_no_gradient_below_zero():
    slope = elementwise_grad(ACTIVATIONS["relu"])
    np.testing.assert_array_equal(slope(np.array([-2.0, -0.1, 0.1, 2.0])), [0, 0, 1, 1])


def test_sizes_become_a_tuple_so_that_networks_can_be_compared():
    assert MLP([2, 3]) == MLP((2, 3))
    assert hash(MLP([2, 3])) == hash(MLP((2, 3)))


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((2,), ValueError, r"sizes is \(2,\); expected at least \(inputs, outputs\)"),
        ((), ValueError, r"sizes is \(\); expected at least \(inputs, outputs\)"),
        ((2, 0), ValueError, r"sizes\[1\] is 0; expected at least 1"),
        ((-1, 3), ValueError, r"sizes\[0\] is -1; expected at least 1"),
        ((2.5, 3), TypeError, r"sizes\[0\] is 2\.5 \(float\); expected a whole number"),
        (("a", 3), TypeError, r"sizes\[0\] is 'a'"),
        (5, TypeError, r"sizes is 5; expected widths such as \(2, 64, 784\)"),
    ],
    ids=str,
)
def test_bad_sizes_are_refused(sizes, error, message):
    with pytest.raises(error, match=message):
        MLP(sizes)


def test_an_unknown_activation_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="activation is 'gelu'; expected one of tanh, relu, softp"):
        MLP((2, 3), "gelu")


NAMES = st.text("abcdefgh", min_size=1, max_size=4)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(), max_size=3), max_size=3))
def test_part_undoes_join(parts):
    joined = join(**parts)
    assert len(joined) == sum(len(params) for params in parts.values())
    for name, params in parts.items():
        assert part(joined, name) == params


def test_part_does_not_take_a_longer_name_for_its_own():
    params = join(decoder={"W": 1}, decoder2={"W": 2})
    assert part(params, "decoder") == {"W": 1}


def test_astype_copies():
    params = {"a": np.zeros(2), "b": np.float64(1.0)}
    single = astype(params, np.float32)
    assert dtype_of(single) == np.float32
    assert single["b"].dtype == np.float32
    double = astype(params, np.float64)
    double["a"] += 1
    assert not params["a"].any()


def test_dtype_of_no_parameters_is_float64():
    assert dtype_of({}) == np.float64


def test_the_slope_of_tanh_does_not_overflow():
    slope = elementwise_grad(tanh)
    far = np.array([-500.0, -100.0, 100.0, 500.0])
    for dtype in (np.float32, np.float64):
        out = slope(far.astype(dtype))
        assert out.dtype == dtype
        assert (out == 0).all()
    near = np.linspace(-3, 3, 7)
    assert slope(near) == pytest.approx(1 / np.cosh(near) ** 2)
