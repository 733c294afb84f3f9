"""Importance weights tell what is wrong with q's means and standard deviations."""

import autograd.numpy as anp
import numpy as np
import pytest

import bbvi
from bbvi.inference.importance_check import weigh
from bbvi.models import transforms


def verdict_of(posterior, family, seed, **settings):
    return bbvi.infer(
        posterior, family, rng=np.random.default_rng(seed), progress=False, **settings
    ).verdict


def correlated(rho):
    return bbvi.Posterior(
        lambda z: -0.5 * (z[..., 0] ** 2 + z[..., 1] ** 2 - 2 * rho * z[..., 0] * z[..., 1])
        / (1 - rho**2), 2,
    )  # fmt: skip


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_mean_fields_sd_are_flagged(rho):
    """The best factorized q has sd sqrt(1 - rho^2)."""
    for seed in range(3):
        judged = verdict_of(correlated(rho), bbvi.DiagonalGaussian(2), seed)
        assert judged.all_converged
        assert judged.flagged[0]
        np.testing.assert_allclose(judged.response_ratio[0], np.sqrt(1 - rho**2), rtol=1e-6)
        if rho == 0.5:  # the weights are good enough
            assert judged.khat[0] < 0.7
            np.testing.assert_allclose(judged.sd_ratio[0], np.sqrt(1 - rho**2), atol=0.06)
            assert "q's sd are as low as 0.87" in str(judged)


@pytest.mark.parametrize("family", [bbvi.DiagonalGaussian, bbvi.FullCovarianceGaussian])
def test_a_q_that_is_the_posterior_is_not_flagged(family):
    for seed in range(3):
        judged = verdict_of(
            bbvi.Posterior(lambda z: -0.5 * anp.sum((z - 3) ** 2, -1), 3), family(3), seed
        )
        assert not judged.flagged[0]
        np.testing.assert_allclose(judged.mean_error, 0, atol=1e-6)
        np.testing.assert_allclose(judged.sd_ratio, 1, atol=1e-6)
        assert "Weighted" not in str(judged)


def test_the_moments_are_those_of_the_scale_reported():
    """A half-normal by its logarithm: the mean is sqrt(2 / pi), the sd sqrt(1 - 2 / pi)."""
    posterior = bbvi.Posterior(lambda u: -0.5 * u[..., 0] ** 2, transform=transforms.positive())
    for seed in range(3):
        judged = verdict_of(posterior, bbvi.DiagonalGaussian(1), seed)
        assert judged.flagged[0]
    # Under the best q, whose error the weights tell: by hand, under common draws.
    q, rng = bbvi.DiagonalGaussian(1), np.random.default_rng(0)
    lam = np.array([[np.log(0.7), np.log(0.8)]])
    z = q.transform(lam, q.noise(rng, 100_000, 1))
    log_w = posterior.log_joint({}, posterior.x, z) - q.log_prob(lam, z)
    weighed = weigh(q, z, log_w, posterior.constrain, np.float64)
    mean, sd = np.sqrt(2 / np.pi), np.sqrt(1 - 2 / np.pi)
    u = np.exp(z)
    assert weighed.mean_error[0, 0] == pytest.approx((u.mean() - mean) / sd, abs=0.03)
    assert weighed.sd_ratio[0, 0] == pytest.approx(u.std() / sd, rel=0.03)


def test_weights_that_are_no_numbers_are_flagged_and_discrete_z_has_no_moments():
    z, log_w = np.zeros((100, 2, 1)), np.zeros((100, 2))
    z[::2] = 1
    log_w[0, 1] = np.nan
    weighed = weigh(bbvi.Laplace(1), z, log_w, None, np.float64)
    assert np.isinf(weighed.khat[1])
    assert np.isnan(weighed.mean_error[1, 0])
    assert weighed.sd_ratio[0, 0] == pytest.approx(1)
    assert weigh(bbvi.Bernoulli(1), z, log_w, None, np.float64).mean_error.shape == (2, 0)
