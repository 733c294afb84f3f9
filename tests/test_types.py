import numpy as np
from altered import of_functions

import bbvi
from bbvi.targets import hold_theta
from bbvi.types import (
    Estimate,
    Family,
    GenerativeModel,
    Model,
    Reparameterizable,
    Target,
)


class BlackBox:
    """A model by structure alone."""

    latent_dim = 1

    def init(self, rng):
        return {}

    def log_joint(self, theta, x, z):
        return -0.5 * (z**2).sum(axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return z, z


def counted_target():
    """A target that notes which of its functions are called."""
    calls = []

    def value(z):
        calls.append("value")
        return z[..., 0]

    def value_and_dz(z):
        calls.append("value_and_dz")
        return z[..., 0], np.ones_like(z)

    def value_and_dtheta(z, weights=None):
        calls.append("value_and_dtheta")
        return z[..., 0], {"a": np.ones(1)}

    def value_and_grads(z, weights=None):
        calls.append("value_and_grads")
        return z[..., 0], np.ones_like(z), {"a": np.ones(1)}

    target = of_functions(
        value, value_and_dz, value_and_dtheta, value_and_grads, 2, 1, np.dtype(np.float64)
    )
    return target, calls


def test_hold_theta_asks_for_no_theta_gradient():
    target, calls = counted_target()
    held, z = hold_theta(target), np.zeros((3, 2, 1))
    log_p, dtheta = held.value_and_dtheta(z)
    assert log_p.shape == (3, 2)
    assert dtheta is None
    log_p, dz, dtheta = held.value_and_grads(z, np.ones((3, 2)))
    assert dz.shape == z.shape
    assert dtheta is None
    assert calls == ["value", "value_and_dz"]
    assert held.num_data == target.num_data


def test_models_and_families_need_no_base_class():
    assert isinstance(BlackBox(), Model)
    assert isinstance(bbvi.LinearGaussian(1, 2), GenerativeModel)
    density = bbvi.Posterior(lambda z: -(z[0] ** 2), 1)
    assert isinstance(density, Model)
    assert not isinstance(density, GenerativeModel)
    assert not isinstance(object(), Model)
    assert isinstance(bbvi.DiagonalGaussian(1), Family)
    assert isinstance(bbvi.FullCovarianceGaussian(1), Reparameterizable)


def test_a_family_without_pullback_is_not_reparameterizable():
    class Rigid:
        latent_dim = num_params = 1
        init = noise = transform = log_prob = score = entropy = entropy_and_grad = len

    assert isinstance(Rigid(), Family)
    assert not isinstance(Rigid(), Reparameterizable)


def test_a_standard_normal_prior_is_not_assumed():
    assert Target._field_defaults["standard_normal_prior"] is False
    assert Estimate._fields[:3] == ("elbo", "grad", "grad_theta")
