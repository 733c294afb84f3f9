from functools import partial

import numpy as np
import pytest
from altered import with_functions
from replicates import LIMIT, replicate, z_scores

from bbvi import LinearGaussian, backends, reparameterized_mc, sticking_the_landing
from bbvi.estimators import dreg, iwae, renyi, vimco
from bbvi.evaluation import hermite_nodes, multi_sample_bound
from bbvi.families import Bernoulli, DiagonalGaussian, FullCovarianceGaussian
from bbvi.models.integrands import quadratic

BOUNDS = [iwae, dreg, vimco, partial(renyi, alpha=0.5), partial(renyi, alpha=-1.0)]


def problem(family, N=1):
    model = LinearGaussian(family.latent_dim, 3)
    theta = model.init(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((N, 3))
    lam = 0.3 * np.random.default_rng(2).standard_normal((N, family.num_params))
    return model, theta, x, backends.autodiff.target(model, theta, x), lam


@pytest.mark.parametrize("bound", BOUNDS)
def test_at_the_exact_posterior_every_bound_is_the_evidence(bound):
    family = FullCovarianceGaussian(2)
    model, theta, x, target, _ = problem(family, N=4)
    lam = family.from_moments(*model.posterior(theta, x))
    found = bound(family, target, lam, family.noise(np.random.default_rng(0), 3, 4))
    np.testing.assert_allclose(found.elbo, model.log_evidence(theta, x), rtol=1e-10)


def test_dreg_has_no_variance_at_the_exact_posterior():
    family = FullCovarianceGaussian(2)
    model, theta, x, target, _ = problem(family, N=4)
    lam = family.from_moments(*model.posterior(theta, x))
    eps = family.noise(np.random.default_rng(0), 3, 4)
    np.testing.assert_allclose(dreg(family, target, lam, eps).grad, 0, atol=1e-10)
    assert np.abs(iwae(family, target, lam, eps).grad).max() > 0.01


def test_one_sample_is_the_elbo():
    family = DiagonalGaussian(2)
    _, _, _, target, lam = problem(family, N=3)
    eps = family.noise(np.random.default_rng(0), 1, 3)
    for bound, same in ((iwae, reparameterized_mc), (dreg, sticking_the_landing)):
        found, expected = bound(family, target, lam, eps), same(family, target, lam, eps)
        np.testing.assert_allclose(found.elbo, expected.elbo, rtol=1e-12)
        np.testing.assert_allclose(found.grad, expected.grad, rtol=1e-10)
        for key, value in expected.grad_theta.items():
            np.testing.assert_allclose(found.grad_theta[key], value, rtol=1e-10)


def test_renyi_joins_iwae_and_the_elbo():
    family = DiagonalGaussian(2)
    _, _, _, target, lam = problem(family, N=3)
    eps = family.noise(np.random.default_rng(0), 4, 3)
    np.testing.assert_array_equal(
        renyi(family, target, lam, eps, alpha=0.0).grad, iwae(family, target, lam, eps).grad
    )
    found = renyi(family, target, lam, eps, alpha=1.0)
    elbo = reparameterized_mc(family, target, lam, eps)
    np.testing.assert_allclose(found.elbo, elbo.elbo, rtol=1e-12)
    np.testing.assert_allclose(found.grad, elbo.grad, rtol=1e-10)
    bounds = [renyi(family, target, lam, eps, a).elbo for a in (-1.0, 0.0, 0.5, 1.0, 2.0)]
    assert (np.diff(bounds, axis=0) < 0).all()


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 2.0])
def test_renyi_against_all_tuples(alpha):
    family = DiagonalGaussian(1)
    _, _, _, target, lam = problem(family)
    exact = multi_sample_bound(family, target, lam, hermite_nodes(family, lam), 2, alpha)
    estimator = partial(renyi, alpha=alpha)
    found = replicate(estimator, family, target, lam, 2, np.random.default_rng(0))
    assert max(z_scores(found, exact)) < LIMIT


def test_unweighted_theta_is_rejected():
    """Negative control: theta must move with the normalized weights, not with 1 / S."""
    family = DiagonalGaussian(1)
    _, _, _, target, lam = problem(family)
    exact = multi_sample_bound(family, target, lam, hermite_nodes(family, lam), 2)

    def unweighted(family, target, lam, eps):
        found = iwae(family, target, lam, eps)
        dtheta = target.value_and_dtheta(family.transform(lam, eps))[1]
        return found._replace(grad_theta=dtheta)

    elbo, grad, theta = z_scores(
        replicate(unweighted, family, target, lam, 2, np.random.default_rng(0)), exact
    )
    assert max(elbo, grad) < LIMIT < theta


@pytest.mark.parametrize("S", [2, 3, 6])
def test_vimco_by_a_plain_loop(S):
    family = DiagonalGaussian(2)
    _, _, _, target, lam = problem(family, N=3)
    eps = family.noise(np.random.default_rng(0), S, 3)
    z = family.transform(lam, eps)
    log_w, score = target.value(z) - family.log_prob(lam, z), family.score(lam, z)
    expected = np.zeros_like(lam)
    for n in range(3):
        bound = np.log(np.mean(np.exp(log_w[:, n])))
        for s in range(S):
            replaced = log_w[:, n].copy()
            replaced[s] = np.delete(log_w[:, n], s).mean()
            share = np.exp(log_w[s, n]) / np.exp(log_w[:, n]).sum()
            baseline = np.log(np.mean(np.exp(replaced)))
            expected[n] += (bound - baseline - share) * score[s, n]
    np.testing.assert_allclose(vimco(family, target, lam, eps).grad, expected, rtol=1e-10)


def test_vimco_without_the_direct_term_is_rejected():
    family = DiagonalGaussian(1)
    _, _, _, target, lam = problem(family)
    exact = multi_sample_bound(family, target, lam, hermite_nodes(family, lam), 2)

    def without(family, target, lam, eps):
        found = vimco(family, target, lam, eps)
        z = family.transform(lam, eps)
        log_w = target.value(z) - family.log_prob(lam, z)
        w = np.exp(log_w - log_w.max(axis=0))
        share = (w / w.sum(axis=0))[..., None]
        return found._replace(grad=found.grad + (share * family.score(lam, z)).sum(axis=0))

    found = replicate(without, family, target, lam, 2, np.random.default_rng(0))
    assert z_scores(found, exact)[1] > LIMIT


def test_signal_to_noise_falls_with_s_for_iwae_and_rises_for_dreg():
    family = DiagonalGaussian(1)
    _, _, _, target, lam = problem(family)
    ratios = {}
    for bound in (iwae, dreg):
        for S in (1, 64):
            found = replicate(
                bound, family, target, lam, S, np.random.default_rng(0), num_replicates=20_000
            )
            ratios[bound, S] = np.abs(found.grad.mean(axis=0)) / found.grad.std(axis=0)
    assert (ratios[dreg, 64] > 1.5 * ratios[dreg, 1]).all()
    assert (ratios[iwae, 64] < ratios[iwae, 1]).all()


@pytest.mark.parametrize("bound", BOUNDS)
def test_weights_far_apart_stay_finite(bound):
    family = DiagonalGaussian(1)
    far = with_functions(
        quadratic(0.0),
        value=lambda z: -1e6 * z[..., 0] ** 2,
        value_and_dz=lambda z: (-1e6 * z[..., 0] ** 2, -2e6 * z),
        value_and_dtheta=lambda z, weights=None: (-1e6 * z[..., 0] ** 2, {}),
        value_and_grads=lambda z, weights=None: (-1e6 * z[..., 0] ** 2, -2e6 * z, {}),
    )
    eps = np.array([[[0.1]], [[3.0]], [[-20.0]]])
    found = bound(family, far, np.zeros((1, 2)), eps)
    assert np.isfinite(found.elbo).all()
    assert np.isfinite(found.grad).all()


def test_vimco_refuses_one_sample():
    family = DiagonalGaussian(1)
    with pytest.raises(ValueError, match="vimco got S = 1 sample; expected S >= 2"):
        vimco(family, quadratic(0.0), family.init(1), np.zeros((1, 1, 1)))


@pytest.mark.parametrize("bound", [iwae, dreg, renyi])
def test_pathwise_bounds_refuse_discrete_latents(bound):
    family = Bernoulli(1)
    with pytest.raises(TypeError, match="which has no pullback"):
        bound(family, quadratic(0.0), family.init(1), np.full((2, 1, 1), 0.5))
