"""Modes that q does not cover are told, whatever the family; one mode is not taken for two."""

import warnings

import autograd.numpy as anp
import numpy as np
import pytest

import bbvi
from bbvi import backends
from bbvi.inference import verdict as judging
from bbvi.inference.other_modes import Modes, other_modes

FAMILIES = [bbvi.DiagonalGaussian, bbvi.FullCovarianceGaussian, bbvi.Laplace, bbvi.QuadraticFlow]


def two_modes(D, share, scale=1.0, constant=0.0):
    """(1 - share) N(-4 scale, scale^2 I) + share N(4 scale, scale^2 I)."""

    def log_p(z):
        left, right = (-0.5 * anp.sum((z / scale - at) ** 2, -1) for at in (-4.0, 4.0))
        return anp.logaddexp(np.log(1 - share) + left, np.log(share) + right) + constant

    return bbvi.Posterior(log_p, D)


def at(family, mean, sd):
    """lam of a q with that mean and sd in each coordinate."""
    lam = family.init(1)
    D = family.latent_dim
    scale = np.log(sd / np.sqrt(2)) if isinstance(family, bbvi.Laplace) else np.log(sd)
    lam[:, :D], lam[:, family.parameter_blocks.get("log-scale", D + np.arange(D))] = mean, scale
    return lam


def search(posterior, family, lam, seed):
    rng = np.random.default_rng(seed)
    target = backends.target(posterior, {}, posterior.x)
    z = family.transform(lam, family.noise(rng, 2000, 1))
    log_w = target.value(z) - family.log_prob(lam, z)

    def targets(rows):
        return backends.unchecked_target(posterior, {}, np.zeros((len(rows), 1)))

    return other_modes(family, targets, lam, z, log_w, rng)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("scale", "share"), [(1e-6, 0.7), (1.0, 0.5), (1.0, 0.05), (1e6, 0.05)])
def test_the_mass_at_the_other_mode(family, scale, share):
    q = family(2)
    for seed in range(3):
        seen = search(two_modes(2, share, scale), q, at(q, -4 * scale, scale), seed)
        assert seen.rival[0] == pytest.approx(np.log((1 - share) / share), abs=0.15)
        assert seen.distance[0] == pytest.approx(8, abs=0.5)
        assert seen.evaluations > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_one_mode_has_no_other(family):
    rng = np.random.default_rng(0)
    q = family(2)
    one = {
        "a Gaussian": lambda z: -0.5 * anp.sum((z - 3) ** 2, -1),
        "a ridge": lambda z: -0.5 * (z[..., 0] - z[..., 1]) ** 2 * 400 - 0.5 * anp.sum(z**2, -1),
        "heavy tails": lambda z: -2.5 * anp.sum(anp.log1p(z**2 / 4), -1),
        "a funnel": lambda z: -z[..., 0] ** 2 / 18 - z[..., 0] / 2
        - 0.5 * z[..., 1] ** 2 * anp.exp(-z[..., 0]),
    }  # fmt: skip
    for name, log_p in one.items():
        mean, sd = (3, 1) if name == "a Gaussian" else (0, 0.7)
        seen = search(bbvi.Posterior(log_p, 2), q, at(q, mean, sd), int(rng.integers(99)))
        assert seen.rival[0] == np.inf, name


def test_an_end_on_a_bent_ridge_is_no_mode(monkeypatch):
    """N(z_1; 1, 1) N(z_2; z_1^2 / 2, 1/4): q covers its middle, and climbs end on its arms."""
    banana = bbvi.Posterior(
        lambda z: -0.5 * ((z[..., 0] - 1) ** 2 + 4 * (z[..., 1] - 0.5 * z[..., 0] ** 2) ** 2), 2
    )
    q, lam = bbvi.FullCovarianceGaussian(2), np.array([[0.95, 0.64, -0.47, 0.57, -0.69]])
    assert [search(banana, q, lam, seed).rival[0] for seed in range(5)] == [np.inf] * 5
    monkeypatch.setattr("bbvi.inference.other_modes.AT_REST", np.inf)
    assert min(search(banana, q, lam, seed).rival[0] for seed in range(5)) < 5


def test_a_q_across_both_modes_covers_both():
    q = bbvi.DiagonalGaussian(1)
    assert np.isinf(search(two_modes(1, 0.5), q, at(q, 0, 4.2), 0).rival[0])


def fitted(family, solver=None, seed=0):
    return bbvi.infer(
        two_modes(2, 0.3), family(2), rng=np.random.default_rng(seed), solver=solver, progress=False
    )


@pytest.mark.parametrize("family", [bbvi.Laplace, bbvi.QuadraticFlow])
def test_the_stochastic_solver_is_not_silent(family):
    with pytest.warns(bbvi.NotConvergedWarning, match="several modes"):
        fitted(family)


def test_without_the_search_two_modes_are_silent(monkeypatch):
    # Negative control: neither the solver's criterion nor k-hat knows; rays happen to meet it.
    nothing = Modes(np.array([np.inf]), np.zeros(1), 0)
    monkeypatch.setattr(judging, "other_modes", lambda *args: nothing)
    assert fitted(bbvi.Laplace).verdict.tail_ratio[0] < 0.5
    monkeypatch.setattr(judging, "tail_ratio", lambda *args: (np.ones(1), 0))
    fit = fitted(bbvi.Laplace)
    assert fit.verdict.all_converged
    assert not fit.verdict.flagged[0]


def test_many_rows_and_families_without_a_path_are_not_searched():
    q = bbvi.Bernoulli(2)
    nothing = np.zeros((1, 17, 2)), np.zeros((1, 17))
    assert other_modes(q, None, q.init(1), *nothing, None) == Modes(np.array([np.inf]), [0], 0)
    q = bbvi.Laplace(2)
    seen = other_modes(q, None, q.init(17), *nothing, None)
    assert np.isinf(seen.rival).all()
    assert seen.evaluations == 0


def two_gaussians(D, away, share, narrow=1.0):
    """(1 - share) N(0, I) + share N(away u, narrow^2 I), u a direction of no axis."""
    u = np.random.default_rng(D).standard_normal(D)
    far = away * u / np.linalg.norm(u)

    def log_p(z):
        other = -0.5 * anp.sum(((z - far) / narrow) ** 2, -1) - D * np.log(narrow)
        return anp.logaddexp(np.log(1 - share) - 0.5 * anp.sum(z**2, -1), np.log(share) + other)

    return bbvi.Posterior(log_p, D)


@pytest.mark.parametrize(
    ("D", "away", "share", "narrow"), [(2, 6, 0.3, 0.2), (5, 10, 0.3, 0.5), (20, 40, 0.5, 1.0)]
)
def test_kinks_along_rays_show_a_narrower_and_a_far_mode(D, away, share, narrow, monkeypatch):
    q = bbvi.DiagonalGaussian(D)
    posterior = two_gaussians(D, away, share, narrow)
    for seed in range(3):
        seen = search(posterior, q, q.init(1), seed)
        assert seen.rival[0] == pytest.approx(np.log((1 - share) / share), abs=0.2)
    # Without kinks only the climbs from around q and the neutral start are left.
    monkeypatch.setattr("bbvi.inference.other_modes.KINKS", 0)
    without = [search(posterior, q, q.init(1), seed).rival[0] for seed in range(8)]
    assert np.isinf(without).any()


@pytest.mark.parametrize(("share", "away", "told"), [(0.005, 20, True), (0.001, 8, False)])
def test_a_mode_of_little_mass_counts_as_far_as_it_moves_the_variance(share, away, told):
    q = bbvi.FullCovarianceGaussian(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bbvi.NotConvergedWarning)
        fit = bbvi.infer(two_gaussians(2, away, share), q, rng=np.random.default_rng(0))
    assert fit.verdict.rival[0] == pytest.approx(np.log((1 - share) / share), abs=0.1)
    assert fit.verdict.rival[0] > judging.RIVAL
    assert fit.verdict.several_modes[0] == told == (share * away**2 > judging.FELT)
