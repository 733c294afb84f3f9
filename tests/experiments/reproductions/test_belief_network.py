"""The change of parameters by differences; every estimator learns; a wrong sign does not."""

import numpy as np
import pytest

from bbvi.experiments.reproductions import belief_network as network


def images():
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (3, 30))
    x = patterns[rng.integers(0, 3, 480)]
    return np.where(rng.random(x.shape) < 0.05, 1 - x, x).astype(np.float32)


def test_the_kernel_sees_the_same_network():
    rng = np.random.default_rng(1)
    W, c = rng.normal(size=(4, 5)), rng.normal(size=5)
    b = rng.integers(0, 2, (7, 4))
    theta = network.for_the_kernel({"decoder.W0": W, "decoder.b0": c})
    wanted = (2 * b - 1) @ W + c
    np.testing.assert_allclose(b @ theta["decoder.W0"] + theta["decoder.b0"], wanted)


def test_its_gradients_come_back():
    rng = np.random.default_rng(2)
    dV, dv = rng.normal(size=(4, 5)), rng.normal(size=5)
    dW, dc = rng.normal(size=(4, 5)), rng.normal(size=5)
    back = network.centred({"decoder.W0": dV.copy(), "decoder.b0": dv})
    # <gradient, change> is the same in both parameterizations, which are linear in each other.
    change = network.for_the_kernel({"decoder.W0": dW, "decoder.b0": dc})
    wanted = np.sum(dV * change["decoder.W0"]) + np.sum(dv * change["decoder.b0"])
    found = np.sum(back["decoder.W0"] * dW) + np.sum(back["decoder.b0"] * dc)
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("name", network.NAMES)
def test_every_estimator_learns(name):
    cell = {"estimator": name, "rate": 5e-3, "epochs": 12}
    curve = dict(network.train(images(), cell, np.random.default_rng(3)))
    assert curve[12] > curve[1] + 2


def test_a_wrong_sign_does_not_learn(monkeypatch):
    cell = {"estimator": "disarm", "rate": 5e-3, "epochs": 4}
    right = network.centred
    monkeypatch.setattr(network, "centred", lambda theta: {k: -v for k, v in right(theta).items()})
    curve = dict(network.train(images(), cell, np.random.default_rng(3)))
    assert curve[4] < curve[1]
