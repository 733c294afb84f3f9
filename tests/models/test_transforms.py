"""Transforms: log-Jacobians against autograd's determinants, round trips, integrals of 1."""

import numpy as np
import pytest
from autograd import jacobian
from scipy import integrate, stats

from bbvi.models import transforms as t

COUPLED = np.array([[1.0, 0.5], [-0.3, 2.0]])
CASES = {
    "real": t.real(3),
    "positive": t.positive(3),
    "softplus": t.softplus(2),
    "interval": t.interval(-2.0, 5.0, 2),
    "unit interval": t.unit_interval(),
    "ordered": t.ordered(4),
    "simplex of 2": t.simplex(2),
    "simplex of 5": t.simplex(5),
    "affine": t.affine(np.array([1.0, -2.0]), COUPLED),
    "affine, diagonal": t.affine(np.array([1.0, -2.0]), np.array([3.0, -0.1])),
    "affine, one number": t.affine(np.array([1.0]), 0.2),
    "composed": t.compose(t.positive(2), t.affine(np.array([0.1, 0.2]), COUPLED)),
    "stacked": t.stack(mu=t.real(), w=t.simplex(3), sigma=t.positive(2), cut=t.ordered(2)),
}
each = pytest.mark.parametrize("transform", CASES.values(), ids=CASES)


def points(transform, *shape):
    return 1.5 * np.random.default_rng(0).standard_normal((*shape, transform.inputs))


def free(transform, z):
    """The coordinates that the Jacobian is of: without the last share of a simplex."""
    u = transform.forward(z)
    if transform.outputs == transform.inputs:
        return u
    return u[[0, 1, 2, 4, 5, 6, 7]] if "mu" in transform.names else u[:-1]


@each
def test_log_jacobian_is_autograds(transform):
    for z in points(transform, 20):
        determinant = np.linalg.det(jacobian(lambda z: free(transform, z))(z))
        assert np.exp(transform.log_jacobian(z)) == pytest.approx(abs(determinant), rel=1e-9)


def test_a_wrong_log_jacobian_is_seen():
    wrong = t.Transform(1, 1, t.positive().forward, np.log, lambda z: 0 * z[..., 0], (("u", 1),))
    with pytest.raises(AssertionError):
        test_log_jacobian_is_autograds(wrong)


@each
def test_round_trips_and_leading_axes(transform):
    z = points(transform, 4, 3)
    u = transform.forward(z)
    assert u.shape == (4, 3, transform.outputs)
    assert transform.log_jacobian(z).shape == (4, 3)
    np.testing.assert_allclose(transform.inverse(u), z, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(transform.forward(z[1, 2]), u[1, 2], rtol=1e-14)
    np.testing.assert_allclose(transform.log_jacobian(z)[1, 2], transform.log_jacobian(z[1, 2]))
    assert len(transform.names) == transform.outputs


@each
def test_far_out_nothing_overflows(transform):
    for z in (np.full(transform.inputs, 300.0), np.full(transform.inputs, -300.0)):
        assert np.isfinite(transform.log_jacobian(z)).all()
        assert np.isfinite(transform.forward(z)).all()


@pytest.mark.parametrize(
    ("transform", "density"),
    [
        (t.positive(), stats.gamma(2.5, scale=2).logpdf),
        (t.softplus(), stats.gamma(2.5, scale=2).logpdf),
        (t.unit_interval(), stats.beta(2, 5).logpdf),
        (t.interval(-1, 3), stats.beta(2, 5, loc=-1, scale=4).logpdf),
        (t.compose(t.positive(), t.affine(np.array([1.0]), -0.5)), stats.lognorm(0.7).logpdf),
    ],
)
def test_a_transformed_density_still_integrates_to_one(transform, density):
    def f(z):
        z = np.array([z])
        return np.exp(density(transform.forward(z)[0]) + transform.log_jacobian(z))

    assert integrate.quad(f, -60, 60, points=(-2, 0, 2), limit=400)[0] == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(
    ("transform", "density"),
    [
        (t.simplex(3), lambda u: stats.dirichlet([2.0, 3.0, 1.5]).logpdf(u / u.sum())),
        # Two draws in order: the density is doubled.
        (t.ordered(2), lambda u: stats.norm.logpdf(u).sum() + np.log(2)),
    ],
)
def test_integrals_in_two_dimensions(transform, density):
    grid = np.linspace(-14, 14, 281)
    z = np.stack(np.meshgrid(grid, grid), axis=-1)
    u, lj = transform.forward(z), transform.log_jacobian(z)
    values = np.array([[density(v) for v in row] for row in u])
    assert np.exp(values + lj).sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=1e-5)


def test_the_middle_and_the_names():
    np.testing.assert_allclose(t.simplex(4).forward(np.zeros(3)), 0.25, rtol=1e-14)
    stacked = CASES["stacked"]
    assert stacked.names[:5] == ("mu", "w[1]", "w[2]", "w[3]", "sigma[1]")
    parts = stacked.split(np.arange(16.0).reshape(2, 8))
    assert {name: part.shape for name, part in parts.items()} == {
        "mu": (2,), "w": (2, 3), "sigma": (2, 2), "cut": (2, 2)
    }  # fmt: skip
    assert t.stack(one=t.positive(1), number=t.positive()).names == ("one[1]", "number")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: t.positive().inverse(np.array([-1.0])), "above 0"),
        (lambda: t.unit_interval().inverse(np.array([1.0])), "below 1"),
        (lambda: t.positive(3).inverse(np.ones(2)), r"\(\.\.\., 3\)"),
        (lambda: t.ordered(2).inverse(np.array([2.0, 1.0])), "increasing"),
        (lambda: t.simplex(2).inverse(np.array([0.5, 0.6])), "sums of 1"),
        (lambda: t.interval(1, 1), "low below high"),
        (lambda: t.interval(0, np.inf), "positive"),
        (lambda: t.simplex(1), "at least 2"),
        (lambda: t.affine(np.zeros(2), np.zeros((2, 2))), "inverted"),
        (lambda: t.affine(np.zeros(2), np.zeros(3)), "scale"),
        (lambda: t.compose(t.positive(2), t.positive(3)), "inner"),
        (lambda: t.compose(t.positive(3), t.simplex(3)), "inner"),
        (lambda: t.stack(), "stack"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_part_that_is_no_transform():
    with pytest.raises(TypeError, match="sigma=positive"):
        t.stack(sigma=t.positive)
