"""One function for each estimator: what the table makes of it, and its former form."""

import inspect
import pickle
from functools import partial

import numpy as np
import pytest

from bbvi import backends, estimators
from bbvi.estimators import (
    ESTIMATORS,
    Record,
    Specification,
    draw_noise,
    elbo_integrand,
    expectations,
    itself,
    leave_one_out,
    of_elbo,
    rebar,
)
from bbvi.estimators.rebar import rebar as plain_rebar
from bbvi.families import Bernoulli, DiagonalGaussian
from bbvi.models import LinearGaussian
from bbvi.models.integrands import quadratic

FAMILY = DiagonalGaussian(2)


def problem():
    rng = np.random.default_rng(0)
    model = LinearGaussian(2, 3)
    target = backends.autodiff.target(model, model.init(rng), rng.standard_normal((4, 3)))
    return target, 0.3 * rng.standard_normal((4, 4)), rng


BY_F = [
    name
    for name, its in ESTIMATORS.items()
    if its.elbo_by is of_elbo and isinstance(FAMILY, its.family)
]


@pytest.mark.parametrize("name", BY_F)
def test_of_elbo_hands_log_p_less_log_q_to_the_one_function(name):
    target, lam, rng = problem()
    its = ESTIMATORS[name]
    eps = draw_noise(its, FAMILY, rng, 4, 4)
    made = its.elbo(FAMILY, target, lam, eps)
    by_hand = its.expectation(FAMILY, elbo_integrand(FAMILY, target, lam), lam, eps)
    np.testing.assert_array_equal(made.elbo, by_hand.elbo)
    np.testing.assert_array_equal(made.grad, by_hand.grad)
    # Negative control: of log p alone it is another number.
    plain = its.expectation(FAMILY, target, lam, eps)
    assert not np.allclose(made.elbo, plain.elbo)


def test_the_table_and_the_public_names_agree():
    target, lam, rng = problem()
    for name, its in ESTIMATORS.items():
        public = getattr(estimators, name.replace("-", "_"), None)
        variant = not callable(public) or name in ("moving-average", "leave-one-out", "nvil")
        if variant or not isinstance(FAMILY, its.family) or its.normal_prior:
            continue
        eps = draw_noise(its, FAMILY, rng, 4, 4)
        table, direct = its.elbo(FAMILY, target, lam, eps), public(FAMILY, target, lam, eps)
        np.testing.assert_array_equal(table.grad, direct.grad)
        np.testing.assert_array_equal(table.elbo, direct.elbo)


def test_a_made_estimator_keeps_arguments_name_and_signature():
    q, target = Bernoulli(2), quadratic(0.3, latent_dim=2)
    lam, eps = np.array([[0.8, -0.4]]), np.random.default_rng(0).random((3, 1, 2))
    f = elbo_integrand(q, target, lam)
    np.testing.assert_array_equal(
        rebar(q, target, lam, eps, 0.2, scale=0.5).grad, plain_rebar(q, f, lam, eps, 0.2, 0.5).grad
    )
    assert rebar.__name__ == "rebar"
    assert list(inspect.signature(rebar).parameters)[:5] == [
        "family", "target", "lam", "eps", "temperature",
    ]  # fmt: skip
    assert "ELBO" in rebar.__doc__
    with pytest.raises(TypeError, match="integrand"):
        rebar(q, target, lam, eps, integrand=elbo_integrand)


def test_public_estimators_and_the_table_cross_processes():
    for name in ("score_function", "arm", "rebar", "relax", "linearized", "spsa", "var_grad"):
        made = getattr(estimators, name)
        assert pickle.loads(pickle.dumps(made)) is made
    for name, its in pickle.loads(pickle.dumps(ESTIMATORS)).items():
        assert its.source == ESTIMATORS[name].source
        assert callable(its.elbo)


def test_only_what_is_written_of_a_bound_has_no_plain_expectation():
    assert Specification(expectations.score_function, "").expectation is not None
    assert Specification(expectations.score_function, "", itself).expectation is None
    for name, its in ESTIMATORS.items():
        assert (its.expectation is None) == (its.elbo_by is itself), name


def test_the_former_form_of_two_functions():
    mine, plain = partial(estimators.score_function, baseline=leave_one_out), expectations.pathwise
    both = Record(mine, plain, source="me", min_samples=2)
    assert isinstance(both, Specification)
    assert both.elbo is mine
    assert both.expectation is plain
    assert both.min_samples == 2
    one = Record(mine, None, source="me")
    assert one.elbo is mine
    assert one.expectation is None
