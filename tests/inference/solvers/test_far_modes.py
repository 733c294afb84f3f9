"""Two far modes: never silent."""

import autograd.numpy as anp
import numpy as np
import pytest

import bbvi


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("away", [6.0, 20.0])
@pytest.mark.parametrize("family", [bbvi.DiagonalGaussian(1), bbvi.FullCovarianceGaussian(1)])
def test_two_far_modes_are_told(family, away, seed):
    # Start 0 widens until it covers both, and does not settle.
    def log_p(z):
        return anp.logaddexp(-0.5 * (z[0] - away) ** 2, -0.5 * (z[0] + away) ** 2)

    with pytest.warns(bbvi.NotConvergedWarning, match="several modes"):
        fit = bbvi.infer(
            bbvi.Posterior(log_p, 1), family, rng=np.random.default_rng(seed), progress=False
        )
    # Equal masses, so equal ELBOs; at 6, a q across both modes is an optimum too, and worse.
    assert fit.verdict.rival[0] < (0.05 if away == 20 else 4.5)
    mean, covariance = family.moments(fit.lam)
    assert abs(mean[0, 0]) == pytest.approx(away, abs=0.01)
    assert covariance[0, 0, 0] == pytest.approx(1, abs=0.01)
    assert fit.verdict.elbo[0] == pytest.approx(0.5 * np.log(2 * np.pi), abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_one_mode_is_not_taken_for_two(seed):
    # Negative control: a heavy tail in which draws lie far away from q.
    model = bbvi.Posterior(lambda z: -2.5 * anp.log(1 + (z[0] - 3) ** 2 / 4), 1)
    fit = bbvi.infer(
        model, bbvi.DiagonalGaussian(1), rng=np.random.default_rng(seed), progress=False
    )
    assert fit.verdict.all_converged
    assert np.isinf(fit.verdict.rival[0])
