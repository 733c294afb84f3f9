"""Families made of families: mean field across groups, and a label with its Gaussians."""

import numpy as np
import pytest

from bbvi import infer, reparameterized, score_function
from bbvi.backends import autodiff
from bbvi.checks import check_family
from bbvi.families import (
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    LabelAndGaussian,
    MeanField,
    SmoothMeanField,
)
from bbvi.models import LinearGaussian

FAMILIES = {
    "mixed groups": MeanField((Categorical(2, 3), FullCovarianceGaussian(2))),
    "smooth groups": SmoothMeanField((FullCovarianceGaussian(2), DiagonalGaussian(1))),
    "one group": SmoothMeanField((DiagonalGaussian(2),)),
    "label and Gaussian": LabelAndGaussian(3, 2),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_conformance(name):
    assert check_family(FAMILIES[name], np.random.default_rng(0)) is None


def test_one_group_is_the_group():
    lam = np.random.default_rng(0).standard_normal((3, 4))
    one, group = FAMILIES["one group"], DiagonalGaussian(2)
    eps = group.noise(np.random.default_rng(1), 5, 3)
    z = one.transform(lam, eps)
    np.testing.assert_array_equal(z, group.transform(lam, eps))
    np.testing.assert_array_equal(one.log_prob(lam, z), group.log_prob(lam, z))
    np.testing.assert_array_equal(one.pullback(lam, eps, z), group.pullback(lam, eps, z))


def test_two_groups_lie_between_diagonal_and_full():
    """p(z | x) of a 3-dimensional Gaussian: finer groups leave a larger exact KL gap."""
    model = LinearGaussian(3, 4)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 3)
    covariance = model.posterior(theta, x).covariance
    precision = np.linalg.inv(covariance)
    family = FAMILIES["smooth groups"]
    fit = infer(model, family, theta, x, np.random.default_rng(2), num_samples=8, num_steps=500)
    groups = [[0, 1], [2]]
    blocks = sum(np.linalg.slogdet(precision[np.ix_(g, g)])[1] for g in groups)
    gap = 0.5 * (blocks - np.linalg.slogdet(precision)[1])
    diagonal = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert 0 < gap < diagonal
    eps = family.noise(np.random.default_rng(3), 4000, 3)
    estimate = reparameterized(family, autodiff.target(model, theta, x), fit.lam, eps).elbo
    np.testing.assert_allclose(estimate, model.log_evidence(theta, x) - gap, atol=0.1)
    first, last = fit.lam[:, :5], fit.lam[:, 5:]
    found = FullCovarianceGaussian(2).moments(first).covariance
    np.testing.assert_allclose(found[0], np.linalg.inv(precision[:2, :2]), atol=0.03)
    assert abs(np.exp(2 * last[0, 1]) - 1 / precision[2, 2]) < 0.03


class TestLabelAndGaussian:
    def test_density_is_label_times_gaussian(self):
        family = FAMILIES["label and Gaussian"]
        rng = np.random.default_rng(0)
        lam, eps = rng.standard_normal((2, 15)), family.noise(rng, 4, 2)
        for k in range(3):
            z = family.with_label(lam, eps, k)
            row = lam[:, 3 + 4 * k : 7 + 4 * k]
            expected = np.log(family.probabilities(lam)[:, k])
            expected = expected + DiagonalGaussian(2).log_prob(row, z[..., 3:])
            np.testing.assert_allclose(family.log_prob(lam, z), expected, rtol=1e-12)

    def test_each_label_has_its_own_style(self):
        family = FAMILIES["label and Gaussian"]
        lam = np.zeros((1, 15))
        lam[0, 3:5], lam[0, 7:9] = 10.0, -10.0
        z = family.transform(lam, family.noise(np.random.default_rng(0), 500, 1))
        assert (z[z[..., 0] == 1][:, 3:] > 3).all()
        assert (z[z[..., 1] == 1][:, 3:] < -3).all()


class TestBadInput:
    def test_groups(self):
        with pytest.raises(TypeError, match="groups holds nothing"):
            MeanField(())
        with pytest.raises(TypeError, match="groups holds int; expected families"):
            MeanField((DiagonalGaussian(1), 3))
        with pytest.raises(TypeError, match="groups holds Categorical, whose samples do not"):
            SmoothMeanField((DiagonalGaussian(1), Categorical(1, 2)))

    def test_pathwise_estimators_refuse_mixed_groups(self):
        model = LinearGaussian(8, 9)
        theta = model.init(np.random.default_rng(0))
        x, _ = model.sample(np.random.default_rng(1), theta, 2)
        family, target = FAMILIES["mixed groups"], autodiff.target(model, theta, x)
        eps, lam = family.noise(np.random.default_rng(2), 2, 2), family.init(2)
        with pytest.raises(TypeError, match="MeanField"):
            reparameterized(family, target, lam, eps)
        assert np.isfinite(score_function(family, target, lam, eps).grad).all()

    def test_labels(self):
        with pytest.raises(ValueError, match="num_labels is 1; expected at least 2"):
            LabelAndGaussian(1, 2)
        with pytest.raises(ValueError, match="style_dim is 0"):
            LabelAndGaussian(3, 0)
