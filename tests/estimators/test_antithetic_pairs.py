import numpy as np
import pytest

from bbvi.estimators import arm, disarm
from bbvi.estimators.antithetic_pairs import arm as plain_arm
from bbvi.estimators.antithetic_pairs import disarm as plain_disarm
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.models.integrands import quadratic


def test_one_pair_by_hand():
    family, lam = Bernoulli(2), np.array([[0.4, -0.9]])
    eps = np.array([[[0.8, 0.35]]])
    p = 1 / (1 + np.exp(-lam[0]))
    first, second = (eps[0, 0] > 1 - p).astype(float), (eps[0, 0] < p).astype(float)
    step = ((first - 0.3) ** 2).sum() - ((second - 0.3) ** 2).sum()
    target = quadratic(0.3, latent_dim=2)
    assert (first != second).any()
    np.testing.assert_allclose(
        plain_arm(family, target, lam, eps).grad[0],
        step * (eps[0, 0] - 0.5),
        rtol=1e-12,
    )
    weights = 0.5 * (first - second) / (1 + np.exp(-np.abs(lam[0])))
    found = plain_disarm(family, target, lam, eps)
    np.testing.assert_allclose(found.grad[0], step * weights, rtol=1e-12)
    both = ((first - 0.3) ** 2).sum() + ((second - 0.3) ** 2).sum()
    np.testing.assert_allclose(found.elbo[0], both / 2, rtol=1e-12)


def test_disarm_is_zero_where_the_pair_agrees():
    family, lam = Bernoulli(1), np.array([[3.0]])
    found = plain_disarm(family, quadratic(0.3), lam, np.full((1, 1, 1), 0.5))
    assert found.grad[0, 0] == 0.0


@pytest.mark.parametrize("estimator", [arm, disarm])
def test_other_families_are_refused(estimator):
    family = DiagonalGaussian(1)
    with pytest.raises(TypeError, match="got the family DiagonalGaussian; expected Bernoulli"):
        estimator(family, quadratic(0.0), family.init(1), np.zeros((1, 1, 1)))
