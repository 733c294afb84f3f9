"""What all procedures share: the beginning, the end, and going on in between."""

import numpy as np
import pytest

from bbvi import (
    MLP,
    DiagonalGaussian,
    LinearGaussian,
    fit_amortized,
    fit_bbvi,
    fit_mean_field_em,
    fit_monte_carlo_em,
    fit_semi_amortized,
    fit_wake_sleep,
)
from bbvi.inference import known_theta, maximum_likelihood, normal_prior, variational_bayes

MODEL, FAMILY, ENCODER = LinearGaussian(2, 3), DiagonalGaussian(2), MLP((3, 5, 4))
X = np.random.default_rng(0).standard_normal((20, 3))
LEARNING = {
    "maximum likelihood": maximum_likelihood,
    "variational Bayes": variational_bayes(normal_prior(1.0)),
    "known theta": known_theta(MODEL.init(np.random.default_rng(1))),
}
PROCEDURES = (
    fit_bbvi,
    fit_amortized,
    fit_semi_amortized,
    fit_wake_sleep,
    fit_monte_carlo_em,
)


def fit(procedure, rng, num_steps, **settings):
    return procedure(
        MODEL, FAMILY, X, rng, encoder=ENCODER, num_steps=num_steps, batch_size=8,
        progress=False, **({"num_samples": 2} | settings),
    )  # fmt: skip


@pytest.mark.parametrize("learning", LEARNING)
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_two_halves_are_the_whole(procedure, learning):
    settings = {"learning": LEARNING[learning]}
    whole = fit(procedure, np.random.default_rng(3), 6, **settings)
    rng = np.random.default_rng(3)
    half = fit(procedure, rng, 3, **settings)
    before = half.lam.copy()
    both = fit(procedure, rng, 3, state=half.state, **settings)
    for key, value in whole.theta.items():
        np.testing.assert_array_equal(both.theta[key], value)
    np.testing.assert_array_equal(both.lam, whole.lam)
    np.testing.assert_array_equal(both.trace.elbo, whole.trace.elbo)
    # The state that came in is the caller's.
    np.testing.assert_array_equal(half.lam, before)
    assert len(half.state.trace) == 3


@pytest.mark.parametrize("procedure", [*PROCEDURES, fit_mean_field_em])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"num_samples": 0}, ValueError, "num_samples"),
        ({"estimator": "score"}, TypeError, "estimator is 'score'"),
        ({"backend": "gpu"}, ValueError, "backend is 'gpu'"),
        ({"state": 3}, TypeError, "expected a State"),
        ({"theta": {"W": np.ones(2)}}, ValueError, "theta"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations"),
    ],
)
def test_each_refuses_what_none_can_use(procedure, wrong, error, message):
    with pytest.raises(error, match=message):
        fit(procedure, np.random.default_rng(0), 1, **wrong)
