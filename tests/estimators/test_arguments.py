"""What every estimator refuses: numbers that are not finite are named, before anything is made."""

import warnings

import numpy as np
import pytest

import bbvi
from bbvi import DiagonalGaussian, FullCovarianceGaussian, LinearGaussian, backends
from bbvi.estimators import iwae, linearized, vimco
from bbvi.estimators.arguments import SMALL, check_finite
from bbvi.estimators.contracts import require

MODEL, Q = LinearGaussian(2, 3), DiagonalGaussian(2)


def problem(dtype=np.float64, num_samples=3, num_data=4):
    rng = np.random.default_rng(0)
    theta = {k: v.astype(dtype) for k, v in MODEL.init(rng).items()}
    target = backends.target(MODEL, theta, rng.standard_normal((num_data, 3)).astype(dtype))
    return target, Q.init(num_data).astype(dtype), Q.noise(rng, num_samples, num_data, dtype)


ESTIMATORS = [
    bbvi.reparameterized,
    bbvi.sticking_the_landing,
    bbvi.score_function,
    iwae,
    vimco,
    linearized,
]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda f: f.__name__)
def test_nan_and_infinity_are_named(estimator, dtype, bad):
    target, lam, eps = problem(dtype)
    assert np.isfinite(estimator(Q, target, lam, eps).grad).all()
    wrong = lam.copy()
    wrong[2, 1] = bad
    with pytest.raises(ValueError, match=r"lam has 1 NaN or infinite value.*first at lam\[2, 1\]"):
        estimator(Q, target, wrong, eps)
    wrong = eps.copy()
    wrong[1, 3, 0] = bad
    with pytest.raises(ValueError, match=r"eps has 1 NaN.*first at eps\[1, 3, 0\]"):
        estimator(Q, target, lam, wrong)


@pytest.mark.parametrize("size", [10, SMALL + 1])
def test_large_numbers_are_finite_and_opposite_infinities_are_not(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (np.float32, np.float64):
            check_finite("lam", np.full(size, np.finfo(dtype).max))
            check_finite("eps", np.full((1, size), -np.finfo(dtype).max))
            both = np.zeros(size, dtype)
            both[:2] = np.inf, -np.inf
            with pytest.raises(ValueError, match="2 NaN or infinite"):
                check_finite("eps", both)


def test_whole_numbers_for_noise_pass():
    model, q = bbvi.GaussianMixture(3, 2), bbvi.Categorical(1, 3)
    rng = np.random.default_rng(0)
    target = backends.target(model, model.init(rng), rng.standard_normal((4, 2)))
    assert bbvi.score_function(q, target, q.init(4), q.noise(rng, 2, 4)).grad.shape == (4, 3)


class Renamed:
    """A Gaussian family of somebody's, which shares no class with the package's."""

    def __init__(self, latent_dim):
        inner = FullCovarianceGaussian(latent_dim)
        for name in (
            *("latent_dim", "num_params", "init", "noise", "transform", "log_prob", "score"),
            *("entropy", "entropy_and_grad", "pullback", "log_prob_dz", "gaussian_moments"),
        ):
            setattr(self, name, getattr(inner, name))


def test_linearized_takes_any_gaussian_and_no_other():
    target, _, eps = problem()
    q, known = Renamed(2), FullCovarianceGaussian(2)
    lam = known.init(4)
    found, expected = (linearized(family, target, lam, eps) for family in (q, known))
    np.testing.assert_array_equal(found.grad, expected.grad)
    # By its name, too.
    require("linearized", q, target, 3)
    laplace = bbvi.Laplace(2)
    with pytest.raises(TypeError, match="Laplace; expected a Gaussian one"):
        linearized(laplace, target, laplace.init(4), eps)
