"""Sums of targets against finite differences; what is not asked for is not paid for."""

import numpy as np
import pytest
from altered import with_functions

import bbvi
from bbvi.backends import autodiff, kernel
from bbvi.models.integrands import cosine, quadratic
from bbvi.targets import hold_theta, plus
from bbvi.types import Evaluation

Z = np.random.default_rng(0).standard_normal((3, 2, 2))
WEIGHTS = np.random.default_rng(1).standard_normal((3, 2))


def problem(backend=kernel):
    model = bbvi.LinearGaussian(2, 3)
    theta = model.init(np.random.default_rng(2))
    return backend.target(model, theta, np.random.default_rng(3).standard_normal((2, 3)))


def cubed(target, sign=1.0):
    return plus(target, lambda z: (z**3).sum(axis=-1), lambda z: sign * 3 * z**2)


def slope_error(target):
    """The largest difference of d/dz from central differences, in any direction of any z."""
    worst = 0.0
    for d in range(Z.shape[-1]):
        step = 1e-6 * np.eye(Z.shape[-1])[d]
        numeric = (target.value(Z + step) - target.value(Z - step)) / 2e-6
        worst = max(worst, float(np.abs(numeric - target.value_and_dz(Z)[1][..., d]).max()))
    return worst


@pytest.mark.parametrize("make", [problem, lambda: cosine(0.7, 2, 2)])
def test_plus_adds_values_and_slopes(make):
    target = make()
    found = cubed(target)
    np.testing.assert_allclose(found.value(Z), target.value(Z) + (Z**3).sum(axis=-1))
    assert slope_error(found) < 1e-7
    assert slope_error(cubed(target, sign=-1.0)) > 1e-2


def test_plus_leaves_theta_alone_and_forgets_the_prior():
    target = problem()
    found = cubed(target)
    for key, value in target.value_and_dtheta(Z, WEIGHTS)[1].items():
        np.testing.assert_array_equal(found.value_and_grads(Z, WEIGHTS)[2][key], value)
    assert target.standard_normal_prior
    assert not found.standard_normal_prior
    assert cubed(target._replace(blankets=lambda z: z)).blankets is None


@pytest.mark.parametrize("backend", [autodiff, kernel])
@pytest.mark.parametrize("dtheta", [False, True])
@pytest.mark.parametrize("dz", [False, True])
def test_what_is_not_asked_for_is_none(backend, dz, dtheta):
    target = problem(backend)
    for one in (target, cubed(target), hold_theta(target)):
        found = one.evaluate(Z, dz, dtheta)
        assert isinstance(found, Evaluation)
        np.testing.assert_allclose(found.log_p, one.value(Z), rtol=1e-12)
        assert (found.dz is not None) == dz
    assert (target.evaluate(Z, dz, dtheta).dtheta is not None) == dtheta
    assert hold_theta(target).evaluate(Z, dz, dtheta).dtheta is None


def test_four_functions_make_a_target():
    """Each question goes to the function of its name, and to no other."""
    target, asked = problem(), []

    def noted(name):
        def answer(*args):
            asked.append(name)
            return getattr(target, name)(*args)

        return answer

    names = ("value", "value_and_dz", "value_and_dtheta", "value_and_grads")
    watched = with_functions(target, **{name: noted(name) for name in names})
    for name in names:
        for a, b in zip(getattr(watched, name)(Z), getattr(target, name)(Z)):
            np.testing.assert_equal(a, b)
    assert asked == list(names)
    assert watched._replace(evaluate=None) == target._replace(evaluate=None)


def test_a_plain_function_needs_no_theta():
    assert quadratic(0.0, 2, 2).value_and_grads(Z)[2] == {}
