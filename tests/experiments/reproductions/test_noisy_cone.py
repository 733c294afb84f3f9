"""The cone's densities and the hierarchical bound against quadrature and finite differences."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import i0e

from bbvi.experiments.reproductions import noisy_cone
from bbvi.experiments.reproductions.agreement import compare
from bbvi.experiments.reproductions.noisy_cone import hierarchical_bound, log_density


def test_the_density_is_that_of_the_paper():
    z = np.array([[1.0, 2.0], [0.3, -2.1]])
    r = (z**2).sum(axis=1)
    wanted = stats.norm.logpdf(z, 0, 10).sum(axis=1) + stats.norm.logpdf(5.0, r, 0.1 + r / 100)
    np.testing.assert_allclose(log_density(z), wanted, rtol=1e-12)


def test_the_slope_of_the_hierarchical_bound():
    rng = np.random.default_rng(0)
    eps, u = rng.standard_normal((3, 4, 2, 2)), rng.random((5, 3, 4, 2))
    at = np.array([[-1.0, -0.5], [-0.3, 0.1]])
    _, slope = hierarchical_bound(at, eps, u)
    for d in range(2):
        step = 1e-6 * np.eye(2)[d]
        plus, minus = (hierarchical_bound(at + sign * step, eps, u)[0] for sign in (1, -1))
        np.testing.assert_allclose(slope[..., d], (plus - minus) / 2e-6, rtol=1e-4, atol=1e-5)


def test_many_angles_give_the_log_density_of_the_ring():
    """With s equal in both directions q(x, y) has a closed form, by the Bessel function I_0."""
    rng, s = np.random.default_rng(1), 0.4
    eps, u = rng.standard_normal((2000, 1, 1, 2)), rng.random((800, 2000, 1, 1))
    bound, _ = hierarchical_bound(np.full((1, 2), np.log(s)), eps, u)
    centre = np.sqrt(5) * np.stack([np.cos(2 * np.pi * u[0]), np.sin(2 * np.pi * u[0])], axis=-1)
    z = centre + s * eps
    radius = np.linalg.norm(z, axis=-1)
    ring = np.sqrt(5.0)
    log_q = np.log(i0e(radius * ring / s**2)) - 0.5 * ((radius - ring) / s) ** 2
    log_q -= np.log(2 * np.pi * s**2)
    difference = bound[:, 0] - (log_density(z) - log_q)[:, 0, 0]
    error = difference.std() / np.sqrt(len(difference))
    assert abs(difference.mean()) < 5 * error + 5e-3


def test_the_optimum_agrees_and_a_wrong_scale_differs(monkeypatch):
    cell = noisy_cone.ENTRY.cells[0]
    assert cell["variant"] == "optimum"
    published = [p for p in noisy_cone.ENTRY.published if p.by == "quadrature"]
    verdicts = compare(published, noisy_cone.measure(cell, np.random.default_rng(2)))
    assert {one.verdict for one in verdicts} == {"agrees"}
    monkeypatch.setattr(noisy_cone, "SCALE", 11.0)
    wrong = compare(published, noisy_cone.measure(cell, np.random.default_rng(2)))
    assert {one.verdict for one in wrong if one.quantity == "log Z"} == {"differs"}


def test_a_comparison_tells_a_bound_from_its_neighbour_in_the_table():
    """Ours at the neighbour's value differs, or the comparison is none."""
    resolution = {(p.by, p.quantity): p.resolution for p in noisy_cone.ENTRY.published}
    assert resolution["GenJAX", "ELBO"] == pytest.approx(8.183 - 8.0760)
    assert resolution["Pyro", "IWAE, K = 5"] == pytest.approx(8.0826 - 7.831)
    (theirs,) = (p for p in noisy_cone.ENTRY.published if p.value == -7.831)
    noise = np.random.default_rng(4).normal(0, 1, 20)
    for sd, verdict in ((0.05, "differs"), (0.19, "cannot be compared")):
        rows = [{"quantity": theirs.quantity, "value": -8.0826 + sd * v} for v in noise]
        (one,) = compare([theirs], rows)
        assert one.verdict == verdict


@pytest.mark.slow
def test_the_hierarchical_bound_agrees_and_an_iwae_without_log_n_differs(monkeypatch):
    cell = {**noisy_cone.ENTRY.quick_cells[-1], "seeds": 4, "steps": 2000, "rate": 2.5e-3}
    assert cell["angles"] == 5
    published = [
        p for p in noisy_cone.ENTRY.published if p.quantity.startswith("hierarchical, N = 5, K = 1")
    ]
    (one,) = compare(published, noisy_cone.measure(cell, np.random.default_rng(3)))
    assert one.verdict == "agrees"
    monkeypatch.setattr(noisy_cone, "log_mean_exp", lambda a: np.logaddexp.reduce(a, axis=0))
    (one,) = compare(published, noisy_cone.measure(cell, np.random.default_rng(3)))
    assert one.verdict == "differs"
