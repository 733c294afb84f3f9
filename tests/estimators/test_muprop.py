"""MuProp by hand and against enumeration."""

import numpy as np
import pytest
from scipy.special import expit

from bbvi.estimators import ESTIMATORS
from bbvi.estimators.muprop import muprop
from bbvi.families import Bernoulli, Categorical, DiagonalGaussian
from bbvi.models.integrands import quadratic
from bbvi.types import Evaluation


def cubic(num_data, D):
    """f(z) = (sum_d d z_d - 0.7)^3, d = 1 .. D."""
    a = np.arange(1, D + 1)

    def evaluate(z, dz=False, dtheta=False, weights=None):
        s = z @ a - 0.7
        slope = 3 * s[..., None] ** 2 * a if dz else None
        return Evaluation(s**3, slope, {} if dtheta else None)

    return quadratic(0.0, num_data, D)._replace(evaluate=evaluate)


@pytest.mark.parametrize("family", [Bernoulli(2), Categorical(2, 3)])
def test_unbiased_against_enumeration_and_not_without_the_line(family):
    rng, R = np.random.default_rng(0), 40000
    lam = rng.normal(size=(1, family.num_params))
    target, wide = cubic(R, family.latent_dim), np.repeat(lam, R, axis=0)
    z = family.support()[:, None]
    q = np.exp(family.log_prob(lam, z))
    exact = (q[..., None] * cubic(1, family.latent_dim).value(z)[..., None]
             * family.score(lam, z)).sum(axis=(0, 1))  # fmt: skip
    g = muprop(family, target, wide, family.noise(rng, 1, R)).grad
    error = g.std(axis=0) / np.sqrt(R)
    assert np.all(np.abs(g.mean(axis=0) - exact) < 5 * error)
    line = muprop(family, target, wide, family.noise(rng, 1, R)).grad
    assert np.any(np.abs(1.1 * line.mean(axis=0) - exact) > 5 * error)


def test_a_linear_f_has_no_variance():
    q, lam = Bernoulli(3), np.array([[0.3, -1.0, 2.0]])
    a = np.array([1.0, -2.0, 0.5])

    def evaluate(z, dz=False, dtheta=False, weights=None):
        return Evaluation(z @ a, np.broadcast_to(a, z.shape), {} if dtheta else None)

    target = quadratic(0.0, 1, 3)._replace(evaluate=evaluate)
    found = muprop(q, target, lam, q.noise(np.random.default_rng(1), 1, 1))
    np.testing.assert_allclose(found.grad, a * expit(lam) * expit(-lam), rtol=1e-12)


def test_other_families_are_refused():
    q = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="DiagonalGaussian"):
        muprop(q, quadratic(0.0), q.init(1), np.zeros((1, 1, 1)))


def test_it_is_in_the_table():
    assert ESTIMATORS["muprop"].differentiable
