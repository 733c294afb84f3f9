import numpy as np
import pytest
from replicates import LIMIT, replicate, z_scores

from bbvi import backends, reparameterized
from bbvi.estimators import linearized
from bbvi.estimators.linearized import linearized_pathwise
from bbvi.evaluation import gauss_hermite, quadratic_expectation
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian, Gamma
from bbvi.models import BernoulliLikelihood, DeepLatentModel, StandardNormal
from bbvi.models.integrands import quadratic
from bbvi.nets import MLP

FAMILIES = [DiagonalGaussian(2), FullCovarianceGaussian(2)]


def decoder():
    rng = np.random.default_rng(0)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 5, 6)), BernoulliLikelihood())
    theta = {key: v + 0.5 * rng.standard_normal(v.shape) for key, v in model.init(rng).items()}
    x = rng.integers(0, 2, size=(1, 6)).astype(float)
    return backends.kernel.target(model, theta, x)


def row(family, log_scale):
    lam = np.zeros((1, family.num_params))
    lam[:, : family.latent_dim] = 0.1
    lam[:, family.parameter_blocks["log-scale"]] = log_scale
    return lam


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("step", [0.01, 0.5])
def test_a_quadratic_leaves_nothing_to_chance(family, step):
    lam = row(family, -0.3)
    eps = family.noise(np.random.default_rng(0), 1, 1)
    found = linearized_pathwise(family, quadratic(0.7, latent_dim=2), lam, eps, step)
    exact = quadratic_expectation(family, 0.7, lam)
    np.testing.assert_allclose(found.grad, exact.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
def test_unbiased_whatever_the_matrix_is(family):
    """A coarse step gives another matrix, not another mean."""
    target, lam = decoder(), row(family, -0.2)
    exact = gauss_hermite(family, target, lam)

    def coarse(family, target, lam, eps):
        return linearized(family, target, lam, eps, step=2.0)

    found = replicate(coarse, family, target, lam, 1, np.random.default_rng(0))
    assert max(z_scores(found, exact)) < LIMIT


@pytest.mark.parametrize(("family", "power"), [(FAMILIES[0], 2), (FAMILIES[1], 4)])
def test_it_helps_most_where_q_is_narrow(family, power):
    target, ratios = decoder(), []
    for log_scale in (-4.0, -3.0, -0.5):
        lam = row(family, log_scale)
        variances = [
            replicate(
                estimator, family, target, lam, 1, np.random.default_rng(0), num_replicates=20_000
            )
            .grad.var(axis=0)
            .sum()
            for estimator in (linearized, reparameterized)
        ]
        ratios.append(variances[0] / variances[1])
    # What is left is of second order in sigma.  What was removed is of first order, and of order
    # 0 in the off-diagonal of L, where the slope at the mean itself meets noise.
    assert np.isclose(ratios[1] / ratios[0], np.exp(power), rtol=0.1)
    assert ratios[1] < 0.05
    assert ratios[1] < ratios[2] < 1


def test_dropping_the_exact_part_is_rejected():
    """Negative control: E[l(z) dz/dlam] = 0 holds for no parameter here."""
    family, target = DiagonalGaussian(2), decoder()
    lam = row(family, -0.2)
    exact = gauss_hermite(family, target, lam)

    def without(family, target, lam, eps):
        kept = linearized(family, target, lam, eps)
        centre = np.zeros_like(eps[:1])
        _, slope = target.value_and_dz(family.transform(lam, centre))
        return kept._replace(grad=kept.grad - family.pullback(lam, centre, slope)[0])

    found = replicate(without, family, target, lam, 1, np.random.default_rng(0))
    assert z_scores(found, exact)[1] > LIMIT


def test_another_family_is_refused():
    family = Gamma(2)
    with pytest.raises(
        TypeError, match=r"expected a Gaussian one \(DiagonalGaussian, FullCovarianceGaussian"
    ):
        linearized(family, quadratic(1.0, latent_dim=2), family.init(1), np.full((1, 1, 2), 0.5))
