"""The two doors choose the back end, by the model and by the encoder."""

import numpy as np
import pytest

import bbvi
from bbvi import backends
from bbvi.backends import autodiff, kernel

MODEL = bbvi.LinearGaussian(2, 3)
THETA = MODEL.init(np.random.default_rng(0))
X = np.random.default_rng(1).standard_normal((5, 3))
Z = np.random.default_rng(2).standard_normal((4, 5, 2))
ENCODER = bbvi.MLP((3, 6, 4))
PHI = ENCODER.init(np.random.default_rng(3))


class BlackBox:
    """Scale mixture that only autograd can differentiate."""

    latent_dim = 2

    def log_joint(self, theta, x, z):
        return MODEL.log_joint(theta, x, 2 * z)


class Doubled:
    """An encoder that is no MLP."""

    sizes = ENCODER.sizes

    def __call__(self, phi, x):
        return 2 * ENCODER(phi, x)


def module_of(target):
    evaluate = target.evaluate
    return getattr(evaluate, "func", evaluate).__module__


@pytest.mark.parametrize("door", [backends.target, backends.unchecked_target])
def test_a_target_comes_from_the_kernel_where_it_knows_the_model(door):
    assert module_of(door(MODEL, THETA, X)).startswith(kernel.__name__)
    assert module_of(door(BlackBox(), THETA, X)) == autodiff.__name__
    assert module_of(door(MODEL, THETA, X, "autodiff")) == autodiff.__name__
    with pytest.raises(ValueError, match="backend is 'fast'"):
        door(MODEL, THETA, X, "fast")
    with pytest.raises(ValueError, match="BlackBox, which the kernel does not know"):
        door(BlackBox(), THETA, X, "kernel")


def test_both_targets_agree():
    np.testing.assert_allclose(
        backends.target(MODEL, THETA, X).value(Z),
        backends.target(MODEL, THETA, X, "autodiff").value(Z),
        rtol=1e-12,
    )


def test_the_door_checks_and_the_unchecked_one_does_not():
    wrong = np.where(X.max() == X, np.nan, X)
    with pytest.raises(ValueError, match="x has 1 NaN"):
        backends.target(MODEL, THETA, wrong)
    assert np.isnan(backends.unchecked_target(MODEL, THETA, wrong).value(Z)).any()


def test_an_encoder_is_pulled_back_alike_by_both():
    dlam = np.random.default_rng(4).standard_normal((5, 4))
    lam, pullback = backends.encode(ENCODER, PHI, X)
    expected, reference = backends.encode(ENCODER, PHI, X, "autodiff")
    np.testing.assert_allclose(lam, expected, rtol=1e-12)
    for key, value in reference(dlam).items():
        np.testing.assert_allclose(pullback(dlam)[key], value, rtol=1e-10)


def test_any_encoder_has_a_pass():
    lam, pullback = backends.encode(Doubled(), PHI, X)
    np.testing.assert_allclose(lam, 2 * ENCODER(PHI, X))
    assert pullback(np.ones_like(lam)).keys() == PHI.keys()
    with pytest.raises(ValueError, match=r"expected an MLP"):
        backends.encode(Doubled(), PHI, X, "kernel")
    with pytest.raises(ValueError, match="backend is 'fast'"):
        backends.encode(ENCODER, PHI, X, "fast")


@pytest.mark.parametrize("backend", ["autodiff", "kernel", "auto"])
def test_no_rows_are_not_encoded(backend):
    with pytest.raises(ValueError, match=r"x has shape \(0, 3\); expected at least one row"):
        backends.encode(ENCODER, PHI, X[:0], backend)
