"""A bias passes as declared, and is refuted where it does not vanish as declared."""

from functools import partial

import numpy as np
import pytest

from bbvi import checks, reparameterized
from bbvi.estimators import UNBIASED, UNKNOWN, Bias, finite_differences, spsa

RNG = np.random.default_rng


def one_sided(family, target, lam, eps, step=0.01):
    """(L(lam + h e_p) - L(lam)) / h: a bias of O(h)."""
    found = reparameterized(family, target, lam, eps)
    grad = np.empty_like(lam)
    for p in range(lam.shape[1]):
        moved = lam.copy()
        moved[:, p] += step
        grad[:, p] = (reparameterized(family, target, moved, eps).elbo - found.elbo) / step
    return found._replace(grad=grad)


def with_offset(family, target, lam, eps, step=0.01, offset=0.3):
    found = finite_differences(family, target, lam, eps, step)
    return found._replace(grad=found.grad + offset)


def test_what_is_declared_passes():
    checks.check_estimator(finite_differences, RNG(0), bias=Bias(2, "step"))
    checks.check_estimator(one_sided, RNG(0), bias=Bias(1, "step"))
    checks.check_estimator(spsa, RNG(0), num_samples=(5, 15), bias=Bias(2, "step"))
    # A smaller bias than declared is no mistake.
    checks.check_estimator(finite_differences, RNG(0), num_samples=(2,), bias=Bias(1, "step"))


def test_a_step_at_which_the_bias_is_seen_is_allowed_it():
    wide = partial(finite_differences, step=0.6)
    sharp = {"num_samples": (4,), "resolution": 0.005}
    checks.check_estimator(wide, RNG(0), bias=Bias(2, "step"), **sharp)
    with pytest.raises(AssertionError, match="grad is biased"):
        checks.check_estimator(wide, RNG(0), bias=UNBIASED, **sharp)


@pytest.mark.parametrize(
    ("estimator", "bias"),
    [(one_sided, Bias(2, "step")), (finite_differences, Bias(4, "step"))],
    ids=["O(h) for O(h^2)", "O(h^2) for O(h^4)"],
)
def test_a_slower_bias_than_declared_is_refuted(estimator, bias):
    with pytest.raises(AssertionError, match=r"grad has a bias that does not vanish as O\(step"):
        checks.check_estimator(estimator, RNG(0), num_samples=(3,), bias=bias)


def test_a_bias_that_does_not_vanish_is_refuted():
    with pytest.raises(AssertionError, match="grad is biased"):
        checks.check_estimator(with_offset, RNG(0), num_samples=(3,), bias=Bias(2, "step"))


def test_unknown_says_nothing_of_the_mean_but_the_rest_is_checked():
    checks.check_estimator(with_offset, RNG(0), bias=UNKNOWN)

    def float64(family, target, lam, eps):
        found = reparameterized(family, target, lam, eps)
        return found._replace(grad=found.grad.astype(np.float64))

    with pytest.raises(AssertionError, match="grad is float64"):
        checks.check_estimator(float64, RNG(0), bias=UNKNOWN)


def test_an_argument_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="no keyword argument 'width'"):
        checks.check_estimator(finite_differences, RNG(0), bias=Bias(2, "width"))


def test_bias_as_text():
    assert [str(b) for b in (UNBIASED, UNKNOWN, Bias(1, "h"), Bias(2, "step"))] == [
        "none",
        "unknown",
        "O(h)",
        "O(step^2)",
    ]


def test_what_is_no_bias_is_said():
    with pytest.raises(TypeError, match=r"bias is 2; expected e\.g\. bbvi\.estimators\.Bias"):
        checks.check_estimator(finite_differences, RNG(0), bias=2)
