"""Bernoulli and Categorical: against their own support, and derivatives by differences."""

import numpy as np
import pytest

from bbvi import checks
from bbvi.families import Bernoulli, Categorical
from bbvi.types import Factorized, Family, Relaxable, Reparameterizable

FAMILIES = [Bernoulli(1), Bernoulli(3), Categorical(1, 2), Categorical(2, 3)]


def rows(family, N=3, scale=1.0):
    return scale * np.random.default_rng(0).standard_normal((N, family.num_params))


def differences(function, lam, step=1e-6):
    """d function / d lam_p for each p, on the last axis; function: lam (N, P) -> (..., N)."""
    columns = []
    for p in range(lam.shape[1]):
        shift = np.zeros_like(lam)
        shift[:, p] = step
        columns.append((function(lam + shift) - function(lam - shift)) / (2 * step))
    return np.stack(columns, axis=-1)


def every_value(family, N):
    return np.repeat(family.support()[:, None, :], N, axis=1)


@pytest.mark.parametrize("family", FAMILIES)
class TestDiscreteFamily:
    def test_protocols(self, family):
        assert isinstance(family, Family)
        assert isinstance(family, Factorized)
        assert isinstance(family, Relaxable)
        assert not isinstance(family, Reparameterizable)

    def test_conformance(self, family):
        assert checks.check_family(family, np.random.default_rng(1)) is None

    def test_probabilities_sum_to_one(self, family):
        lam = rows(family)
        total = np.exp(family.log_prob(lam, every_value(family, 3))).sum(axis=0)
        np.testing.assert_allclose(total, 1, rtol=1e-12)

    def test_samples_have_these_probabilities(self, family):
        lam, R = rows(family, N=1), 100_000
        eps = family.noise(np.random.default_rng(2), R, 1)
        z = family.transform(lam, eps)[:, 0]
        values = family.support()
        counts = np.array([(z == value).all(axis=1).sum() for value in values])
        assert counts.sum() == R
        p = np.exp(family.log_prob(lam, values[:, None, :]))[:, 0]
        assert np.abs((counts - R * p) / np.sqrt(R * p * (1 - p))).max() < 5

    def test_entropy_and_its_gradient(self, family):
        lam = rows(family)
        log_q = family.log_prob(lam, every_value(family, 3))
        entropy, grad = family.entropy_and_grad(lam)
        np.testing.assert_allclose(entropy, -(np.exp(log_q) * log_q).sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(family.entropy(lam), entropy, rtol=1e-12)
        np.testing.assert_allclose(grad, differences(family.entropy, lam), rtol=1e-6, atol=1e-9)

    def test_score(self, family):
        lam = rows(family)
        z = every_value(family, 3)
        found = differences(lambda lam: family.log_prob(lam, z), lam)
        np.testing.assert_allclose(family.score(lam, z), found, rtol=1e-6, atol=1e-8)

    def test_factors(self, family):
        lam = rows(family)
        z = every_value(family, 3)
        factors = family.log_prob_factors(lam, z)
        np.testing.assert_allclose(factors.sum(axis=-1), family.log_prob(lam, z), rtol=1e-12)
        assert family.param_factors.shape == (family.num_params,)
        for p, f in enumerate(family.param_factors):
            shifted = lam.copy()
            shifted[:, p] += 0.5
            moved = family.log_prob_factors(shifted, z) != factors
            others = np.arange(factors.shape[-1]) != f
            assert moved[..., f].any()
            assert not moved[..., others].any()

    def test_log_prob_is_linear_in_relaxed_z(self, family):
        lam = rows(family)
        y = family.soften(family.perturb(lam, family.noise(np.random.default_rng(1), 4, 3)), 0.7)
        step = np.random.default_rng(2).standard_normal(y.shape)
        slope = (family.log_prob_dz(lam, y) * step).sum(axis=-1)
        rise = family.log_prob(lam, y + step) - family.log_prob(lam, y)
        np.testing.assert_allclose(rise, slope, rtol=1e-10, atol=1e-12)

    def test_hardening_is_the_limit_of_softening(self, family):
        lam = rows(family)
        eps = family.noise(np.random.default_rng(1), 4, 3)
        zeta = family.perturb(lam, eps)
        z = family.harden(zeta)
        np.testing.assert_array_equal(z, family.transform(lam, eps))
        np.testing.assert_allclose(family.soften(zeta, 1e-4), z, atol=1e-6)

    def test_soften_pullback(self, family):
        lam = rows(family, N=1)
        zeta = family.perturb(lam, family.noise(np.random.default_rng(1), 1, 1))[0]
        dy = np.random.default_rng(2).standard_normal(zeta.shape)
        y = family.soften(zeta, 0.7)
        expected = differences(lambda zeta: (family.soften(zeta, 0.7) * dy).sum(axis=-1), zeta)
        found = family.soften_pullback(y, 0.7, dy)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)

    def test_mean_pullback(self, family):
        lam = rows(family)
        dz = np.random.default_rng(2).standard_normal(lam.shape)
        z = every_value(family, 3)

        def mean(lam):
            q = np.exp(family.log_prob(lam, z))
            return ((q[..., None] * z).sum(axis=0) * dz).sum(axis=-1)

        found = family.mean_pullback(lam, dz)
        np.testing.assert_allclose(found, differences(mean, lam), rtol=1e-6, atol=1e-9)

    def test_gap_pushforward_is_the_transpose_of_gap_pullback(self, family):
        lam, rng = rows(family), np.random.default_rng(1)
        zeta = family.perturb(lam, family.noise(rng, 4, 3))
        a, b = rng.standard_normal((2, *zeta.shape))
        left = (family.gap_pullback(lam, zeta, a) * b).sum(axis=-1)
        right = (a * family.gap_pushforward(lam, zeta, b)).sum(axis=-1)
        np.testing.assert_allclose(left, right, rtol=1e-10)

    def test_extreme_logits_stay_finite(self, family):
        lam = rows(family, scale=300.0)
        z = family.transform(lam, family.noise(np.random.default_rng(1), 4, 3))
        assert np.isfinite(family.log_prob(lam, z)).all()
        assert all(np.isfinite(value).all() for value in family.entropy_and_grad(lam))

    def test_float32_stays_float32(self, family):
        lam = rows(family).astype(np.float32)
        eps = family.noise(np.random.default_rng(1), 4, 3, dtype=np.float32)
        zeta = family.perturb(lam, eps)
        y = family.soften(zeta, 0.5)
        results = [
            eps,
            zeta,
            y,
            family.transform(lam, eps),
            family.score(lam, y),
            family.log_prob_factors(lam, y),
            family.log_prob_dz(lam, y),
            family.soften_pullback(y, 0.5, y),
            family.mean_pullback(lam, y),
            family.gap_pullback(lam, zeta, y),
            family.gap_pushforward(lam, zeta, y),
        ]
        assert {result.dtype for result in results} == {np.dtype(np.float32)}

    def test_noise_is_finite_in_single_precision(self, family):
        eps = family.noise(np.random.default_rng(1), 1, 300_000, dtype=np.float32)
        lam = np.zeros((300_000, family.num_params), np.float32)
        assert np.isfinite(family.perturb(lam, eps)).all()


def bernoulli_given_z(lam, v, z):
    """zeta drawn given z, with uniform v (Tucker et al. 2017, appendix C)."""
    p = 1 / (1 + np.exp(-lam))
    u = np.where(z == 1, 1 - p + v * p, v * (1 - p))
    return lam + np.log(u) - np.log1p(-u)


def test_bernoulli_gap_by_differences():
    """zeta - zeta~ moves by the pushforward, zeta~ started at zeta."""
    family, lam = Bernoulli(2), np.array([[0.5, -1.2]])
    eps = family.noise(np.random.default_rng(0), 50, 1)
    zeta, z, p = family.perturb(lam, eps), family.transform(lam, eps), 1 / (1 + np.exp(-lam))
    v = np.where(z == 1, (eps - (1 - p)) / p, eps / (1 - p))
    np.testing.assert_allclose(bernoulli_given_z(lam, v, z), zeta, rtol=1e-9)
    dlam = np.array([[0.7, -0.4]])

    def gap(lam):
        return family.perturb(lam, eps) - bernoulli_given_z(lam, v, z)

    expected = (gap(lam + 1e-6 * dlam) - gap(lam - 1e-6 * dlam)) / 2e-6
    found = family.gap_pushforward(lam, zeta, dlam)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def categorical_given_z(lam, v, k):
    """zeta drawn given the winner k of one variable, with uniform v (the same appendix)."""
    p = np.exp(lam - np.log(np.exp(lam).sum()))
    top = np.log(np.exp(lam).sum()) - np.log(-np.log(v[k]))
    with np.errstate(divide="ignore"):
        rest = np.log(np.exp(lam).sum()) - np.log(-np.log(v) / p - np.log(v[k]))
    return np.where(np.arange(len(lam)) == k, top, rest)


def test_categorical_gap_by_differences():
    family, lam = Categorical(1, 3), np.array([0.5, -1.2, 0.3])
    rng, dlam = np.random.default_rng(0), np.array([0.7, -0.4, 0.2])
    for _ in range(20):
        eps = family.noise(rng, 1, 1)
        zeta = family.perturb(lam[None], eps)
        k, top = int(zeta.argmax()), zeta.max()
        normalizer = np.log(np.exp(lam).sum())
        # Invert the conditional draw: which v gives this zeta?
        v = np.exp(-np.exp(lam) * (np.exp(-zeta[0, 0]) - np.exp(-top)))
        v[k] = np.exp(-np.exp(-(top - normalizer)))
        np.testing.assert_allclose(categorical_given_z(lam, v, k), zeta[0, 0], rtol=1e-8)

        def gap(lam, eps=eps, v=v, k=k):
            return lam + eps[0, 0] - categorical_given_z(lam, v, k)

        expected = (gap(lam + 1e-6 * dlam) - gap(lam - 1e-6 * dlam)) / 2e-6
        found = family.gap_pushforward(lam[None], zeta, dlam)[0, 0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_constant_added_to_the_logits_of_a_variable_changes_nothing():
    family = Categorical(2, 3)
    lam = rows(family)
    shifted = lam + np.repeat([[5.0, -7.0]], 3, axis=0).repeat(3, axis=1)
    z = every_value(family, 3)
    np.testing.assert_allclose(family.log_prob(shifted, z), family.log_prob(lam, z), rtol=1e-10)
    np.testing.assert_allclose(family.entropy(shifted), family.entropy(lam), rtol=1e-10)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="latent_dim is 0"):
        Bernoulli(0)
    with pytest.raises(ValueError, match="num_variables is 0"):
        Categorical(0, 3)
    with pytest.raises(ValueError, match="num_categories is 1; expected at least 2"):
        Categorical(2, 1)


@pytest.mark.parametrize("family", [Bernoulli(17), Bernoulli(100), Categorical(11, 3)])
def test_a_support_that_is_too_large_is_refused(family):
    with pytest.raises(ValueError, match="enumeration is for at most 65536"):
        family.support()
