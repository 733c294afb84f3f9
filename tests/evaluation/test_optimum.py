"""A gap's optimum, from more than one start."""

import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import DiagonalGaussian, backends, infer
from bbvi.evaluation import elbo, inference_gap, optimum
from bbvi.inference import NotConvergedWarning, NotFiniteError
from bbvi.inference.inner_loop import step_1
from bbvi.inference.solvers.solution import Solution


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


class Wall:
    """z ~ Gamma(2, 1) beyond a wall: log p is NaN for z < 0."""

    latent_dim = 1

    def log_joint(self, theta, x, z):
        return anp.log(z[..., 0]) - z[..., 0] + 0.0 * x[:, 0]


def _ends_of(climb, lam):
    x = np.zeros((len(lam), 1))

    def targets(rows):
        return backends.target(Wall(), {}, x[rows])

    with np.errstate(invalid="ignore"):
        return optimum.optimum_from_several_starts(
            climb, DiagonalGaussian(1), targets, lam, np.random.default_rng(0), 200
        )


def _fit(rows, lam, judge):
    model, x = Square(), np.full((len(rows), 1), 4.0)
    fit = step_1(model, DiagonalGaussian(1), {}, x, np.random.default_rng(0), lam=lam, solver=_stay)
    return fit._replace(lam=lam, verdict=fit.verdict._replace(converged=np.full(len(rows), False)))


def _stay(family, targets, lam, rng, observe):
    elbo_now = np.zeros(len(lam))
    observe(elbo_now)
    settled = np.full(len(lam), True)
    return Solution(lam, settled, "nothing", elbo_now, elbo_now, np.full(len(lam), np.inf))


WIDE, NARROW = [1.0, 1.0], [3.0, -3.0]


def test_an_end_that_is_no_number_gives_way_to_lam_and_has_not_converged():
    lam = np.array([NARROW, NARROW])
    at_lam, end = _ends_of(
        lambda rows, start, judge: _fit(rows, np.array([WIDE] * len(rows)), judge), lam
    )
    assert np.isfinite(at_lam.value).all()
    np.testing.assert_array_equal(end.lam, lam)
    np.testing.assert_array_equal(end.elbo.value, at_lam.value)
    assert not end.verdict.converged.any()


def test_an_end_that_is_a_number_is_better_than_one_that_is_none():
    ends = iter([WIDE, [2.0, -2.0]])
    lam = np.array([NARROW])
    at_lam, end = _ends_of(
        lambda rows, start, judge: _fit(rows, np.array([next(ends)]), judge), lam
    )
    np.testing.assert_array_equal(end.lam, [[2.0, -2.0]])
    assert end.elbo.value > at_lam.value


def test_another_start_that_leads_nowhere_changes_nothing():
    lam, calls = np.array([NARROW]), []

    def climb(rows, start, judge):
        calls.append(start)
        if len(calls) > 1:
            raise NotFiniteError("nowhere", None)
        return _fit(rows, lam, judge)

    _, end = _ends_of(climb, lam)
    assert len(calls) == 2
    np.testing.assert_array_equal(end.lam, lam)
