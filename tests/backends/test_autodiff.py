from functools import partial

import autograd.numpy as anp
import numpy as np
import pytest

import bbvi
from bbvi import checks
from bbvi.backends import autodiff, kernel
from bbvi.targets import hold_theta


class BlackBox:
    """A model with no sizes but its own: x ~ N(a z, 1)."""

    latent_dim = 1

    def __init__(self, reduce=None):
        self.reduce = reduce or partial(anp.sum, axis=-1)

    def init(self, rng):
        return {"a": rng.standard_normal(1)}

    def log_joint(self, theta, x, z):
        return self.reduce(-0.5 * (x - theta["a"] * z) ** 2 - 0.5 * z**2 - np.log(2 * np.pi).item())

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return theta["a"] * z + rng.standard_normal((num, 1)), z


class NoParameters(BlackBox):
    """The same with a = 2 and an empty theta."""

    def init(self, rng):
        return {}

    def log_joint(self, theta, x, z):
        return super().log_joint({"a": 2.0}, x, z)

    def sample(self, rng, theta, num):
        return super().sample(rng, {"a": 2.0}, num)


MODEL = bbvi.LinearGaussian(2, 3)
RNG = np.random.default_rng(0)
THETA = MODEL.init(RNG)
X = MODEL.sample(RNG, THETA, 4)[0]
Z = RNG.standard_normal((3, 4, 2))


def test_a_black_box_gets_its_gradients():
    model, theta = BlackBox(), {"a": np.array([0.7])}
    x, z = np.array([[1.0], [2.0]]), np.arange(6.0).reshape(3, 2, 1)
    log_p, dz, dtheta = autodiff.target(model, theta, x).value_and_grads(z)
    residual = x - 0.7 * z
    expected = -0.5 * (residual**2 + z**2).sum(axis=-1) - np.log(2 * np.pi)
    np.testing.assert_allclose(log_p, expected)
    np.testing.assert_allclose(dz, 0.7 * residual - z)
    np.testing.assert_allclose(dtheta["a"], [(residual * z).mean(axis=0).sum()])


@pytest.mark.parametrize("model", [MODEL, BlackBox()], ids=["library's", "own"])
def test_all_four_functions_agree(model):
    class Itself:
        target = staticmethod(autodiff.target)

    assert checks.check_backends(model, np.random.default_rng(0), candidate=Itself) is None


def test_weights_weigh_each_sample_of_each_datapoint():
    target = autodiff.target(MODEL, THETA, X)
    weights = np.random.default_rng(1).uniform(-1, 1, (3, 4))
    by_hand = {key: np.zeros_like(value) for key, value in THETA.items()}
    for s, n in np.ndindex(3, 4):
        alone = autodiff.target(MODEL, THETA, X[n : n + 1])
        _, dtheta = alone.value_and_dtheta(Z[s : s + 1, n : n + 1])
        for key in by_hand:
            by_hand[key] = by_hand[key] + weights[s, n] * dtheta[key]
    for answer in (target.value_and_dtheta(Z, weights), target.value_and_grads(Z, weights)):
        for key in by_hand:
            np.testing.assert_allclose(answer[-1][key], by_hand[key], rtol=1e-10)
    equal = np.full((3, 4), 1 / 3)
    for key, value in target.value_and_grads(Z)[-1].items():
        np.testing.assert_allclose(value, target.value_and_dtheta(Z, equal)[-1][key], rtol=1e-10)


def test_dz_belongs_to_each_sample_and_is_not_averaged():
    target = autodiff.target(MODEL, THETA, X)
    together = target.value_and_grads(Z)[1]
    for s in range(3):
        np.testing.assert_allclose(target.value_and_dz(Z[s : s + 1])[1][0], together[s])


def test_a_model_without_parameters():
    model = NoParameters()
    target = autodiff.target(model, {}, np.ones((2, 1)))
    z = np.ones((3, 2, 1))
    assert target.value_and_dtheta(z)[1] == {}
    assert target.value_and_grads(z)[2] == {}
    np.testing.assert_allclose(target.value_and_grads(z)[1], 2 * (1 - 2) - 1)
    assert checks.check_model(model, np.random.default_rng(0)) is None


def test_the_record_describes_the_data():
    target = autodiff.target(MODEL, THETA, X)
    assert (target.num_data, target.latent_dim, target.dtype) == (4, 2, np.float64)
    assert target.standard_normal_prior is True
    own = autodiff.target(BlackBox(), {"a": np.ones(1)}, np.ones((2, 1)))
    assert own.standard_normal_prior is False


def test_holding_theta_keeps_values():
    target = autodiff.target(MODEL, THETA, X)
    log_p, dz, dtheta = hold_theta(target).value_and_grads(Z)
    np.testing.assert_array_equal(log_p, target.value(Z))
    np.testing.assert_array_equal(dz, target.value_and_dz(Z)[1])
    assert dtheta is None


@pytest.mark.parametrize(
    ("reduce", "message"),
    [
        (anp.sum, r"BlackBox.log_joint returned shape \(\).*\(S, N\) = \(3, 4\).*everything"),
        (lambda a: anp.sum(a, axis=(0, 2)), r"shape \(4,\).*summed over the samples"),
        (lambda a: anp.sum(a, axis=(1, 2)), r"shape \(3,\).*summed over the datapoints"),
        (lambda a: anp.sum(a, axis=-1).T, r"shape \(4, 3\).*axes are swapped"),
        (lambda a: a, r"shape \(3, 4, 1\).*sum over the last axis only"),
    ],
    ids=["scalar", "samples lost", "datapoints lost", "swapped", "not summed"],
)
@pytest.mark.parametrize("ask", ["value", "value_and_dz", "value_and_dtheta", "value_and_grads"])
def test_a_log_joint_of_the_wrong_shape_is_refused(reduce, message, ask):
    target = autodiff.target(BlackBox(reduce), {"a": np.ones(1)}, np.ones((4, 1)))
    with pytest.raises(ValueError, match=message):
        getattr(target, ask)(np.ones((3, 4, 1)))


BAD = {
    "NaN": (THETA, np.where(X.max() == X, np.nan, X), ValueError, "x has 1 NaN or infinite"),
    "inf": (THETA, np.where(X.max() == X, np.inf, X), ValueError, "x has 1 NaN or infinite"),
    "empty": (THETA, X[:0], ValueError, "x is empty"),
    "one axis": (THETA, X[0], ValueError, r"x has shape \(3,\); expected \(N, Dx\)"),
    "wrong width": (THETA, X[:, :2], ValueError, "its last axis is 2; expected 3"),
    "integers": (THETA, X.astype(int), TypeError, "x has dtype int64"),
    "mixed dtypes": (THETA, X.astype(np.float32), TypeError, "x is float32 but theta"),
    "theta a list": (list(THETA.values()), X, TypeError, "theta is a list; expected a dict"),
    "theta integers": (THETA | {"b": np.zeros(3, int)}, X, TypeError, r"theta\['b'\].*int64"),
    "theta NaN": (THETA | {"b": np.full(3, np.nan)}, X, ValueError, r"theta\['b'\] has 3 NaN"),
}


@pytest.mark.parametrize("backend", [autodiff, kernel], ids=["autodiff", "kernel"])
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_alike_by_both_back_ends(name, backend):
    theta, x, error, message = BAD[name]
    with pytest.raises(error, match=message):
        backend.target(MODEL, theta, x)


def test_the_unchecked_door_makes_no_checks_so_that_loops_do_not_pay_for_them():
    target = autodiff.unchecked_target(MODEL, THETA, np.where(X.max() == X, np.nan, X))
    assert np.isnan(target.value(Z)).any()
