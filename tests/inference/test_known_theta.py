import numpy as np
import pytest

from bbvi import MLP, DiagonalGaussian, LinearGaussian, fit_amortized, fit_bbvi, fit_semi_amortized
from bbvi.inference import known_theta
from bbvi.optimizers import adam, cosine_decay


@pytest.fixture(scope="module")
def problem():
    model = LinearGaussian(2, 5)
    theta = model.init(np.random.default_rng(0))
    x, _ = model.sample(np.random.default_rng(1), theta, 60)
    family = DiagonalGaussian(2)
    optimum = family.from_moments(*model.posterior(theta, x))
    return model, family, theta, x, optimum


@pytest.mark.parametrize("procedure", [fit_bbvi, fit_amortized, fit_semi_amortized])
def test_lam_is_learnt_and_theta_stays(problem, procedure):
    model, family, theta, x, optimum = problem
    start = {key: value.copy() for key, value in theta.items()}
    fit = procedure(
        model,
        family,
        x,
        np.random.default_rng(2),
        encoder=MLP((5, 4)),
        batch_size=60,
        num_steps=600,
        inner_steps=2,
        optimizer=adam(cosine_decay(0.05, 600)),
        local_optimizer=adam(0.05),
        learning=known_theta(theta),
        progress=False,
    )
    assert all((fit.theta[key] == start[key]).all() for key in start)
    assert fit.state.theta == {}
    # The posterior mean of this model is linear in x, so that a linear encoder can be exact.
    close = 0.3 if procedure is fit_bbvi else 0.1
    assert np.abs(fit.lam - optimum).max() < close
    assert np.abs(fit.lam + 0.5 - optimum).max() > close
