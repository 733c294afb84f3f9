"""The optimum of Step 1 does not depend on where it starts."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, backends, infer
from bbvi.evaluation import elbo, inference_gap
from bbvi.inference import NotConvergedWarning


class Square:
    """z ~ N(0, 1), x = z^2 + N(0, 0.3^2): modes near both roots, q's optimum across them too."""

    latent_dim = 1

    def log_joint(self, theta, x, z):
        away = (x[:, 0] - z[..., 0] ** 2) / 0.3
        return -0.5 * (z[..., 0] ** 2 + away**2) - anp.log(2 * anp.pi * 0.3)


X = np.linspace(2, 9, 20)[:, None]
ACROSS = DiagonalGaussian(1).init(20)
AT_A_ROOT = np.column_stack([np.sqrt(X[:, 0]), np.full(20, -2.0)])


@pytest.mark.parametrize("start", [ACROSS, AT_A_ROOT], ids=["across both modes", "at a mode"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_gap_is_that_of_the_best_optimum(start, seed):
    gap = inference_gap(Square(), DiagonalGaussian(1), {}, start, X, np.random.default_rng(seed))
    # A Gaussian at one of two equal modes holds half of the posterior.
    np.testing.assert_allclose(gap.approximation, np.log(2), atol=0.1)
    assert gap.verdict.all_converged
    noise = 5 * gap.elbo_error + gap.elbo_optimum_error
    assert (gap.elbo < gap.elbo_optimum + noise).all()


def test_step_1_alone_ends_across_both_modes():
    """Negative control: what the gap would be from this start alone."""
    family, rng = DiagonalGaussian(1), np.random.default_rng(0)
    gap = inference_gap(Square(), family, {}, ACROSS, X, rng)
    with pytest.warns(NotConvergedWarning):
        fit = infer(Square(), family, {}, X, rng, lam=ACROSS)
    alone = elbo(family, backends.target(Square(), {}, X), fit.lam, rng, 1000)
    assert (gap.elbo_optimum - alone.value > 2).sum() > 10
