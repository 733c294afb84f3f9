import numpy as np
import pytest
from scipy.special import gammaln

from bbvi import (
    MLP,
    Bernoulli,
    BernoulliLikelihood,
    BernoulliPrior,
    DeepLatentModel,
    DiagonalGaussian,
    FullCovarianceGaussian,
    GaussianLikelihood,
    LinearGaussian,
    MixtureOfGaussians,
    StandardNormal,
    backends,
    log_evidence_ais,
    log_evidence_enumeration,
    log_evidence_psis,
)
from bbvi.datasets import digits
from bbvi.estimators import ESTIMATORS
from bbvi.evaluation import elbo, inference_gap, log_evidence_is, log_evidence_quadrature
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.grid_sums import moments_of
from bbvi.evaluation.quadrature import find_boxes, halve_spacing, trapezoids
from bbvi.inference import NotConvergedWarning


@pytest.fixture(scope="module")
def gaussian():
    model = LinearGaussian(2, 5)
    theta = model.init(np.random.default_rng(0))
    theta["log_sigma"] = np.array(-0.5)
    x, _ = model.sample(np.random.default_rng(1), theta, 20)
    return model, theta, x


@pytest.fixture(scope="module")
def digits_model():
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16, 64)), BernoulliLikelihood())
    theta = model.init(np.random.default_rng(0))
    # Wide weights make posteriors narrow, bent and multimodal, as learning does.
    theta["decoder.W0"] *= 2
    theta["decoder.W1"] *= 3
    return model, theta, digits().x[:25]


def test_elbo_is_the_closed_form_within_five_standard_errors(gaussian):
    model, theta, x = gaussian
    family = DiagonalGaussian(2)
    lam = 0.3 * np.random.default_rng(2).standard_normal((20, 4))
    target = backends.kernel.target(model, theta, x)
    found = elbo(family, target, lam, np.random.default_rng(3), num_samples=4000)
    exact = linear_gaussian_elbo(model, theta, x, family, lam).elbo
    z = (found.value - exact) / found.standard_error
    assert np.abs(z).max() < 5
    assert 0.5 < z.std() < 2
    # The entropy counted twice, say, is seen.
    wrong = found.value + family.entropy(lam)
    assert np.abs((wrong - exact) / found.standard_error).max() > 5


def test_elbo_does_not_depend_on_how_its_samples_are_cut_into_parts(gaussian, monkeypatch):
    model, theta, x = gaussian
    family, target = DiagonalGaussian(2), backends.kernel.target(model, theta, x)
    lam = family.init(20)
    whole = elbo(family, target, lam, np.random.default_rng(0), num_samples=300)
    monkeypatch.setattr("bbvi.evaluation.monte_carlo._ROWS", 20 * 7)
    parts = elbo(family, target, lam, np.random.default_rng(0), num_samples=300)
    np.testing.assert_allclose(whole.value, parts.value, rtol=1e-12)
    np.testing.assert_allclose(whole.standard_error, parts.standard_error, rtol=1e-9)


def test_at_the_exact_posterior_all_three_are_log_p_without_error(gaussian):
    model, theta, x = gaussian
    family = FullCovarianceGaussian(2)
    lam = family.from_moments(*model.posterior(theta, x))
    target = backends.kernel.target(model, theta, x)
    exact = model.log_evidence(theta, x)
    bound = elbo(family, target, lam, np.random.default_rng(0), num_samples=5)
    sampled = log_evidence_is(family, target, lam, np.random.default_rng(0), num_samples=5)
    assert np.abs(bound.value - exact).max() < 1e-9
    assert bound.standard_error.max() < 1e-9
    assert np.abs(sampled.value - exact).max() < 1e-9
    np.testing.assert_allclose(sampled.effective_sample_size, 5)


def test_importance_sampling_is_log_p_within_five_standard_errors(gaussian):
    model, theta, x = gaussian
    family = DiagonalGaussian(2)
    target = backends.kernel.target(model, theta, x)
    found = log_evidence_is(family, target, family.init(20), np.random.default_rng(0), 20_000)
    z = (found.value - model.log_evidence(theta, x)) / found.standard_error
    assert np.abs(z).max() < 5
    assert ((found.effective_sample_size > 1) & (found.effective_sample_size < 20_000)).all()


def test_importance_sampling_streams_to_the_same_numbers(gaussian, monkeypatch):
    model, theta, x = gaussian
    family, target = DiagonalGaussian(2), backends.kernel.target(model, theta, x)
    whole = log_evidence_is(family, target, family.init(20), np.random.default_rng(0), 500)
    monkeypatch.setattr("bbvi.evaluation.monte_carlo._ROWS", 20 * 3)
    parts = log_evidence_is(family, target, family.init(20), np.random.default_rng(0), 500)
    for one, other in zip(whole, parts):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_quadrature_is_the_closed_form(latent_dim):
    model = LinearGaussian(latent_dim, 3)
    theta = model.init(np.random.default_rng(0))
    # From the prior's width down to a posterior a thousand times narrower.
    for log_sigma in (0.0, -3.0, -7.0):
        theta["log_sigma"] = np.array(log_sigma)
        x, _ = model.sample(np.random.default_rng(1), theta, 12)
        found = log_evidence_quadrature(model, theta, x)
        np.testing.assert_allclose(found.value, model.log_evidence(theta, x), atol=1e-6)


def test_quadrature_finds_mass_outside_its_first_box():
    model = LinearGaussian(1, 1)
    theta = {"W": np.array([[1.0]]), "b": np.zeros(1), "log_sigma": np.array(-3.0)}
    x = np.array([[15.0], [-40.0], [0.0]])
    found = log_evidence_quadrature(model, theta, x)
    np.testing.assert_allclose(found.value, model.log_evidence(theta, x), atol=1e-6)


class FarPrior:
    """z ~ N(0, scale^2 I), x = z_1 + N(0, 0.1^2): log p(x) = log N(x; 0, scale^2 + 0.1^2)."""

    def __init__(self, latent_dim, scale):
        self.latent_dim, self.scale = latent_dim, scale

    def log_joint(self, theta, x, z):
        parts = -0.5 * ((x[:, 0] - z[..., 0]) / 0.1) ** 2 - np.log(0.1)
        parts = parts - 0.5 * np.sum((z / self.scale) ** 2, axis=-1)
        D = self.latent_dim
        return parts - D * np.log(self.scale) - 0.5 * (D + 1) * np.log(2 * np.pi)


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("scale", [30.0, 300.0, 1e5])
def test_quadrature_finds_narrow_mass_far_away(latent_dim, scale):
    """The first boxes see a slope so steep that all but their last nodes are negligible."""
    x = scale * np.linspace(-2.5, 2.5, 9)[:, None]
    found = log_evidence_quadrature(FarPrior(latent_dim, scale), {}, x)
    variance = scale**2 + 0.1**2
    exact = -0.5 * x[:, 0] ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
    np.testing.assert_allclose(found.value, exact, atol=1e-6)
    assert found.error.max() < 1e-6


class Improper(FarPrior):
    """The second latent has no prior: no box holds all of the mass."""

    def log_joint(self, theta, x, z):
        return super().log_joint(theta, x, z) + 0.5 * (z[..., 1] / self.scale) ** 2


def test_quadrature_of_what_is_no_density_is_nan_and_its_error_infinite():
    found = log_evidence_quadrature(Improper(2, 1.0), {}, np.zeros((3, 1)))
    assert np.isnan(found.value).all()
    assert np.isposinf(found.error).all()


class Ridge:
    """z_1 ~ N(0, 1) and z_2 = slope |z_1 - x| + N(0, width^2): log p(x) = 0."""

    latent_dim = 2

    def __init__(self, width, slope):
        self.width, self.slope = width, slope

    def log_joint(self, theta, x, z):
        away = (z[..., 1] - self.slope * np.abs(z[..., 0] - x[:, 0])) / self.width
        return -0.5 * (z[..., 0] ** 2 + away**2) - np.log(2 * np.pi * self.width)


@pytest.mark.parametrize("width", [0.3, 0.1, 0.05])
@pytest.mark.parametrize("slope", [1.0, 2.0, 4.0])
def test_quadrature_follows_a_narrow_bent_ridge(width, slope):
    """A wide box's grid sees the ends of the ridge only here and there."""
    x = np.linspace(-3, 3, 60)[:, None]
    found = log_evidence_quadrature(Ridge(width, slope), {}, x, tolerance=1e-3, max_nodes=256)
    # Where two coarse sums agree by chance, the last change is smaller than the error.
    assert (np.abs(found.value) < np.maximum(found.error, 0.01)).all()
    fine = log_evidence_quadrature(Ridge(width, slope), {}, x[::3])
    assert (np.abs(fine.value) < 1e-3).all()


class OneDimension:
    """log p(x, z) = log_density(z - x): log p(x) = 0 for a density."""

    latent_dim = 1

    def __init__(self, log_density):
        self.log_density = log_density

    def log_joint(self, theta, x, z):
        return self.log_density(z[..., 0] - x[:, 0])


def _spike_and_slab(z):
    parts = [-0.5 * (z / sd) ** 2 - np.log(2 * sd) - 0.5 * np.log(2 * np.pi) for sd in (0.01, 3.0)]
    return np.logaddexp(*parts)


def _student(degrees):
    def log_density(z):
        constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2)
        tail = -0.5 * (degrees + 1) * np.log1p(z**2 / degrees)
        return constant - 0.5 * np.log(degrees * np.pi) + tail

    return log_density


@pytest.mark.parametrize(
    ("log_density", "max_nodes", "resolved"),
    [
        # Its slab alone is summed right with 63 nodes, and says nothing of the spike.
        (_spike_and_slab, 128, False),
        (_spike_and_slab, 2**16, True),
        # Sums with one node in the peak fall by log 2 each time, however wrong they are.
        (_student(1), 1024, False),
        (_student(3), 256, False),
        (_student(3), 2**16, True),
    ],
)
def test_a_sum_that_does_not_resolve_a_peak_claims_no_error(log_density, max_nodes, resolved):
    model, x = OneDimension(log_density), np.linspace(-3, 3, 20)[:, None]
    found = log_evidence_quadrature(model, {}, x, tolerance=1e-3, max_nodes=max_nodes)
    error = np.abs(found.value)
    if resolved:
        assert (error <= np.maximum(found.error, 1e-3)).all()
        assert found.error.max() < 1e-3
    else:
        assert np.isposinf(found.error).all()
        assert error.max() > 0.1


class Sum(FarPrior):
    """z ~ N(0, 10^2 I), x = z_1 + z_2 + N(0, 0.1^2): a long narrow ridge between the axes."""

    def log_joint(self, theta, x, z):
        prior = -0.5 * np.sum((z / 10) ** 2, axis=-1) - np.log(2 * np.pi * 10**2)
        return prior - 0.5 * ((x[:, 0] - z.sum(-1)) / 0.1) ** 2 - 0.5 * np.log(2 * np.pi * 0.1**2)


def test_sums_that_agree_by_chance_claim_no_error():
    x = np.linspace(-20, 20, 100)[:, None]
    found = log_evidence_quadrature(Sum(2, 10.0), {}, x, tolerance=1e-3, max_nodes=256)
    exact = -0.5 * x[:, 0] ** 2 / 200.01 - 0.5 * np.log(2 * np.pi * 200.01)
    error = np.abs(found.value - exact)
    assert (error <= np.maximum(found.error, 0.01)).all()
    # Far off as a whole, so that a finite error would be a chance.
    assert error.max() > 0.5


def test_a_gap_has_no_log_p_that_quadrature_does_not_resolve():
    lam, x = np.zeros((1, 4)), np.full((1, 1), 3.0)
    gaps = [
        inference_gap(Ridge(width, 4.0), DiagonalGaussian(2), {}, lam, x, np.random.default_rng(0))
        for width in (0.3, 0.002)
    ]
    assert abs(gaps[0].log_evidence[0]) < 1e-3
    assert gaps[1].log_evidence_error[0] > 0.1
    assert np.isnan(gaps[1].log_evidence[0])


class TwoNarrowModes:
    """p(z) = N(z; 0.2051, 0.02^2) / 2 + N(z; 1.6, 0.02^2) / 2 for every x, so log p(x) = 0."""

    latent_dim = 1

    def log_joint(self, theta, x, z):
        parts = [-0.5 * ((z[..., 0] - mean) / 0.02) ** 2 for mean in (0.2051, 1.6)]
        return np.logaddexp(*parts) - np.log(2 * 0.02 * np.sqrt(2 * np.pi)) + 0 * x[:, 0]


def test_quadrature_does_not_lose_a_mode_between_coarse_nodes():
    found = log_evidence_quadrature(TwoNarrowModes(), {}, np.zeros((2, 1)))
    np.testing.assert_allclose(found.value, 0, atol=1e-9)


def test_quadrature_on_digits_is_below_1e_6_shown_by_doubling(digits_model):
    model, theta, x = digits_model
    found = log_evidence_quadrature(model, theta, x)
    assert found.error.max() < 1e-6
    low, high = find_boxes(model, theta, x, backend="kernel")
    finer = trapezoids(backends.kernel.target(model, theta, x), low, high, 300).value
    assert np.abs(finer - found.value).max() < 1e-6
    # Too few nodes are seen to be too few.
    coarse = trapezoids(backends.kernel.target(model, theta, x), low, high, 12).value
    assert np.abs(coarse - found.value).max() > 1e-3


def test_half_the_spacing_adds_the_nodes_between(digits_model):
    model, theta, x = digits_model
    target = backends.kernel.target(model, theta, x)
    low, high = np.full((25, 2), -3.0), np.array([4.0, 2.0]) + np.arange(25)[:, None] / 10
    halved = halve_spacing(trapezoids(target, low, high, 11), target, low, high, 11).value
    whole = trapezoids(target, low, high, 21).value
    np.testing.assert_allclose(halved, whole, rtol=0, atol=1e-11)
    assert np.abs(halved - trapezoids(target, low, high, 22).value).max() > 1e-9


def test_quadrature_agrees_with_importance_sampling_from_the_prior(digits_model):
    model, theta, x = digits_model
    target = backends.kernel.target(model, theta, x)
    family = DiagonalGaussian(2)
    sampled = log_evidence_is(family, target, family.init(25), np.random.default_rng(0), 40_000)
    exact = log_evidence_quadrature(model, theta, x).value
    well = sampled.effective_sample_size > 200
    assert well.sum() > 15
    z = (sampled.value - exact)[well] / sampled.standard_error[well]
    assert np.abs(z).max() < 5


def test_quadrature_is_the_same_in_both_back_ends_and_from_float32(digits_model):
    model, theta, x = digits_model
    theta32 = {key: value.astype(np.float32) for key, value in theta.items()}
    found = [
        log_evidence_quadrature(model, theta32, x[:4].astype(np.float32), backend=backend).value
        for backend in ("kernel", "autodiff")
    ]
    assert found[0].dtype == np.float64
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)


def test_the_gap_splits_into_two_parts_that_are_not_negative(gaussian):
    model, theta, x = gaussian
    for family, approximation in ((FullCovarianceGaussian(2), 0.0), (DiagonalGaussian(2), None)):
        lam = family.init(20)
        gap = inference_gap(model, family, theta, lam, x, np.random.default_rng(0))
        np.testing.assert_allclose(
            gap.approximation + gap.amortization, gap.log_evidence - gap.elbo, atol=1e-12
        )
        noise = 5 * np.hypot(gap.elbo_error, gap.elbo_optimum_error) + 1e-9
        assert (gap.approximation > -noise).all()
        assert (gap.amortization > -noise).all()
        assert gap.amortization.mean() > 0.3
        if approximation is not None:
            assert np.abs(gap.approximation).max() < 1e-3


def test_the_gap_uses_the_exact_evidence_quadrature_or_importance_sampling(digits_model):
    model, theta, x = digits_model
    family = DiagonalGaussian(2)
    gap = inference_gap(model, family, theta, family.init(5), x[:5], np.random.default_rng(0))
    exact = log_evidence_quadrature(model, theta, x[:5])
    np.testing.assert_allclose(gap.log_evidence, exact.value, atol=1e-6)
    assert (gap.elbo < gap.log_evidence).all()
    wide = DeepLatentModel(StandardNormal(3), MLP((3, 8, 64)), BernoulliLikelihood())
    theta3, family3 = wide.init(np.random.default_rng(0)), DiagonalGaussian(3)
    gap3 = inference_gap(wide, family3, theta3, family3.init(5), x[:5], np.random.default_rng(0))
    assert (gap3.log_evidence_error > 0).all()
    assert (gap3.elbo < gap3.log_evidence + 5 * gap3.log_evidence_error).all()


def test_bad_arguments_are_named(gaussian):
    model, theta, x = gaussian
    family, target = DiagonalGaussian(2), backends.kernel.target(model, theta, x)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="num_samples is 1; expected at least 2"):
        elbo(family, target, family.init(20), rng, num_samples=1)
    with pytest.raises(ValueError, match="num_samples is 0; expected at least 2"):
        log_evidence_is(family, target, family.init(20), rng, num_samples=0)
    model3 = LinearGaussian(3, 5)
    with pytest.raises(ValueError, match="latent_dim 3; quadrature is for 1 or 2"):
        log_evidence_quadrature(model3, model3.init(rng), x)
    with pytest.raises(ValueError, match="max_nodes is 16"):
        log_evidence_quadrature(model, theta, x, max_nodes=16)


BAD_TABLES = {
    r"lam has shape \(1, 4\); expected \(N, P\) = \(20, 4\)": {"lam": np.zeros((1, 4))},
    r"lam has shape \(20, 5\)": {"lam": np.zeros((20, 5))},
    "lam is float32 but the target": {"lam": np.zeros((20, 4), np.float32)},
    "lam is a list; expected an array": {"lam": [[0.0] * 4] * 20},
    "family has latent_dim 3": {"family": DiagonalGaussian(3)},
    "target is a LinearGaussian; expected a Target": {"target": LinearGaussian(2, 5)},
    "rng is int; expected a numpy Generator": {"rng": 0},
}


@pytest.mark.parametrize("message", BAD_TABLES)
@pytest.mark.parametrize("evaluate", [elbo, log_evidence_is, log_evidence_psis])
def test_what_does_not_fit_the_target_is_named_and_not_broadcast(gaussian, evaluate, message):
    model, theta, x = gaussian
    arguments = {
        "family": DiagonalGaussian(2),
        "target": backends.kernel.target(model, theta, x),
        "lam": np.zeros((20, 4)),
        "rng": np.random.default_rng(0),
        "num_samples": 30,
    }
    with pytest.raises((ValueError, TypeError), match=message):
        evaluate(**arguments | BAD_TABLES[message])


BAD_GAPS = {
    "x has dtype int64": {"x": np.ones((20, 5), int)},
    "lam has dtype object": {"lam": None},
    r"lam has shape \(3, 4\); expected": {"lam": np.zeros((3, 4))},
    "theta is a NoneType; expected a dict": {"theta": None},
}


@pytest.mark.parametrize("message", BAD_GAPS)
def test_the_gap_converts_precision_but_not_integers(gaussian, message):
    model, theta, x = gaussian
    arguments = {"model": model, "family": DiagonalGaussian(2), "theta": theta, "x": x}
    arguments |= {"lam": np.zeros((20, 4), np.float32), "rng": np.random.default_rng(0)}
    arguments |= {"num_samples": 2}
    assert inference_gap(**arguments).amortization.dtype == np.float64
    with pytest.raises((ValueError, TypeError), match=message):
        inference_gap(**arguments | BAD_GAPS[message])


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan])
def test_quadrature_wants_a_positive_tolerance(gaussian, tolerance):
    with pytest.raises(ValueError, match=r"tolerance is .*; expected nats above 0"):
        log_evidence_quadrature(*gaussian, tolerance=tolerance)


@pytest.mark.parametrize("evaluate", [elbo, log_evidence_is, log_evidence_psis, log_evidence_ais])
def test_a_table_with_nan_is_refused(gaussian, evaluate):
    model, theta, x = gaussian
    lam = np.zeros((20, 4))
    lam[7, 2] = np.nan
    target = backends.kernel.target(model, theta, x)
    with pytest.raises(
        ValueError, match=r"lam has 1 NaN or infinite value\(s\), the first at lam\[7, 2\]"
    ):
        evaluate(DiagonalGaussian(2), target, lam, np.random.default_rng(0))


class TestDiscreteLatents:
    """log p(x) is a finite sum, however few the latents: never a quadrature of real z."""

    def parts(self, D):
        model = DeepLatentModel(BernoulliPrior(D), MLP((D, 5, 6)), BernoulliLikelihood())
        rng = np.random.default_rng(D)
        theta = {k: v + rng.standard_normal(v.shape) for k, v in model.init(rng).items()}
        return model, theta, model.sample(rng, theta, 4)[0]

    @pytest.mark.parametrize("D", [1, 2, 5])
    def test_the_gap_is_a_kl_divergence(self, D):
        model, theta, x = self.parts(D)
        family, lam = Bernoulli(D), np.full((4, D), 0.3)
        gap = inference_gap(
            model, family, theta, lam, x, np.random.default_rng(0), num_steps=40,
            estimator=ESTIMATORS["leave-one-out"].elbo,
        )  # fmt: skip
        z = np.repeat(family.support()[:, None], 4, axis=1)
        log_joint, log_q = model.log_joint(theta, x, z), family.log_prob(lam, z)
        evidence = np.logaddexp.reduce(log_joint, axis=0)
        assert gap.evidence_by == "enumeration"
        np.testing.assert_allclose(gap.log_evidence, evidence, rtol=1e-12)
        kl = np.sum(np.exp(log_q) * (log_q - log_joint + evidence), axis=0)
        assert (np.abs(evidence - gap.elbo - kl) < 6 * gap.elbo_error + 1e-9).all()

    def test_the_sum_does_not_depend_on_its_parts(self, monkeypatch):
        model, theta, x = self.parts(5)
        target = backends.kernel.target(model, theta, x)
        whole = log_evidence_enumeration(Bernoulli(5), target)
        monkeypatch.setattr("bbvi.evaluation.exact_sums._ROWS", 4 * 3)
        np.testing.assert_allclose(log_evidence_enumeration(Bernoulli(5), target), whole)

    def test_too_many_values_are_sampled(self):
        model, theta, x = self.parts(17)
        with pytest.warns(NotConvergedWarning, match="in 4 of 4 rows"):
            gap = inference_gap(
                model, Bernoulli(17), theta, np.zeros((4, 17)), x, np.random.default_rng(0),
                num_steps=2, num_samples=20, estimator=ESTIMATORS["leave-one-out"].elbo,
            )  # fmt: skip
        assert gap.evidence_by == "importance sampling"

    def test_bad_input(self):
        model, theta, x = self.parts(2)
        target = backends.kernel.target(model, theta, x)
        with pytest.raises(TypeError, match="no support to enumerate"):
            log_evidence_enumeration(DiagonalGaussian(2), target)
        with pytest.raises(ValueError, match="family has latent_dim 3 but"):
            log_evidence_enumeration(Bernoulli(3), target)


def test_a_very_poor_lam_is_not_put_down_to_the_family(gaussian):
    """Step 1 may not recover from a very poor lam: an overconfident q far away is too steep."""
    model, theta, x = gaussian
    family, lam = FullCovarianceGaussian(2), np.zeros((20, 5))
    lam[:10, :2], lam[:10, 2] = 400.0, 5.0
    gap = inference_gap(model, family, theta, lam, x, np.random.default_rng(0))
    assert np.abs(gap.approximation).max() < 1e-3
    assert gap.amortization[:10].min() > 1e4


def test_where_the_neutral_start_leads_to_a_worse_mode_lam_is_followed():
    """Mass 0.9 at 4 and 0.1 at -0.8: lam is too far right, N(0, I) is better but ends at -0.8."""
    model = DeepLatentModel(MixtureOfGaussians(1, 2), MLP((1, 1)), GaussianLikelihood(1.0))
    theta = {
        "prior.logits": np.log([0.9, 0.1]),
        "prior.components": np.array([[4.0, np.log(0.3)], [-0.8, np.log(0.5)]]),
        "decoder.W0": np.zeros((1, 1)),
        "decoder.b0": np.zeros(1),
    }
    family, x, rng = DiagonalGaussian(1), np.zeros((2, 1)), np.random.default_rng(0)
    target = backends.kernel.target(model, theta, x)
    lam = np.array([[5.2, np.log(0.3)], [4.0, np.log(0.3)]])
    starts = [elbo(family, target, at, rng, 1000).value for at in (lam, family.init(2))]
    assert starts[1][0] > starts[0][0]
    with pytest.warns(NotConvergedWarning, match="the posterior has several modes"):
        gap = inference_gap(model, family, theta, lam, x, rng)
    np.testing.assert_allclose(gap.approximation, -np.log(0.9), atol=0.02)


class Told:
    """A family of three latents, correlated and not Gaussian, that knows nothing of its moments."""

    latent_dim, num_params = 3, 3

    def init(self, num_data):
        return np.zeros((num_data, 3))

    def noise(self, rng, num_samples, num_data, dtype=np.float64):
        return rng.exponential(size=(num_samples, num_data, 3)).astype(dtype)

    def transform(self, lam, eps):
        return lam + np.cumsum(eps, axis=-1)


def test_moments_by_draws_where_neither_the_family_nor_a_grid_tells():
    lam = np.array([[0.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    mean, covariance = moments_of(Told(), lam)
    exact = np.minimum.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    # Sums of unit exponentials: mean k, covariance min(j, k).
    assert np.abs(mean - lam - [1, 2, 3]).max() < 5 * np.sqrt(3 / 2**16)
    assert np.abs(covariance - exact).max() < 5 * np.sqrt(60 / 2**16)
    again = moments_of(Told(), lam)
    assert (again.mean == mean).all()
    assert mean.shape == (2, 3)
    assert covariance.shape == (2, 3, 3)
