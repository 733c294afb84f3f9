import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    FullCovarianceGaussian,
    LinearGaussian,
    StandardNormal,
)
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel import second_moments
from bbvi.estimators import expectations
from bbvi.estimators.record import draw_noise
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.exact import linear_gaussian_elbo, quadratic_expectation
from bbvi.evaluation.gradients import gradient_statistics, parameter_blocks
from bbvi.evaluation.intervals import variance_interval
from bbvi.evaluation.moments import Moments
from bbvi.models.integrands import quadratic
from bbvi.targets import hold_theta
from bbvi.types import Estimate

RNG = np.random.default_rng
SURE = 0.9999
"""Level of intervals that must hold in a test."""


def noise_of(family, num_samples=1):
    return lambda rng, R: family.noise(rng, num_samples, R)


def on_quadratic(estimator, d, s, num_samples=1, R=100_000, scale=1.0, **settings):
    """Statistics at q = N(k + d, s^2) for f = (z - k)^2, k = -3, against the exact gradient."""
    family, lam = DiagonalGaussian(1), np.array([[d - 3, np.log(s)]])

    def scaled(*arguments):
        found = estimator(*arguments)
        return found._replace(grad=scale * found.grad)

    return gradient_statistics(
        scaled,
        family,
        lambda R: quadratic(-3.0, R),
        lam,
        noise_of(family, num_samples),
        RNG(1),
        replicates=R,
        exact=quadratic_expectation(family, -3.0, lam).grad[0],
        level=SURE,
        **settings,
    )


@pytest.mark.parametrize(("d", "s"), [(4.0, 1.0), (2.0, 0.5), (-1.0, 0.3)])
def test_published_variances_lie_in_the_intervals(d, s):
    """The derivative in log sigma is sigma times the published one in sigma."""
    published = {
        expectations.score_function: (
            (d**4 + 14 * d**2 * s**2 + 15 * s**4) / s**2,
            2 * d**4 + 60 * d**2 * s**2 + 74 * s**4,
        ),
        expectations.pathwise: (4 * s**2, s**2 * (4 * d**2 + 8 * s**2)),
    }
    for estimator, variances in published.items():
        for num_samples in (1, 4):
            found = on_quadratic(estimator, d, s, num_samples, R=40_000)
            for block, variance in zip(found.blocks, variances):
                interval = block.interval
                assert interval.low < variance / num_samples < interval.high
                assert interval.high / interval.low < 2
                assert abs(block.bias_z) < 5


def test_a_wrong_gradient_is_noticed():
    """Negative control: 1.1 times the gradient is biased, and its variance is not the published."""
    found = on_quadratic(expectations.pathwise, 4.0, 1.0, scale=1.1)
    assert abs(found.blocks[0].bias_z) > 5
    assert found.blocks[0].bias == pytest.approx(0.8, abs=0.05)
    assert found.blocks[0].interval.low > 4


def test_samples_inside_an_estimate_are_not_replicates():
    """Two copies of one sample: the variance over rows sees no gain where S = 2 would halve it."""
    family = DiagonalGaussian(1)
    lam = np.zeros((1, 2))
    found = gradient_statistics(
        expectations.pathwise,
        family,
        lambda R: quadratic(0.0, R),
        lam,
        lambda rng, R: np.repeat(family.noise(rng, 1, R), 2, axis=0),
        RNG(0),
        replicates=20_000,
        level=SURE,
    )
    assert found.blocks[0].interval.low < 4 < found.blocks[0].interval.high


def test_evaluations_are_counted_and_signal_to_noise_is_mean_over_deviation():
    found = on_quadratic(ESTIMATORS["reparameterized"].expectation, 4.0, 1.0, num_samples=3)
    assert found.evaluations == 3
    assert found.replicates == 100_000
    assert found.seconds > 0
    assert found.blocks[0].snr == pytest.approx(8 / np.sqrt(4 / 3), rel=0.02)


def test_signal_to_noise_does_not_take_noise_for_signal():
    """At d = 0 the gradient in the mean is 0; the squared mean of R draws is not."""
    found = on_quadratic(expectations.pathwise, 1e-9, 1.0, R=100)
    assert found.blocks[0].snr < 0.25


def test_chunks_do_not_change_the_statistics(monkeypatch):
    whole = on_quadratic(expectations.pathwise, 4.0, 1.0, R=1000)
    monkeypatch.setattr("bbvi.evaluation.gradients.CHUNK_EVALUATIONS", 7)
    parts = on_quadratic(expectations.pathwise, 4.0, 1.0, R=1000)
    for one, other in zip(whole.blocks, parts.blocks):
        assert other.variance == pytest.approx(one.variance, rel=1e-10)
        assert other.bias == pytest.approx(one.bias, rel=1e-8)


def test_the_method_is_said_and_tells_normal_from_heavy_tailed():
    mean, log_scale = on_quadratic(expectations.pathwise, 0.0, 1.0, R=20_000).blocks
    assert (mean.interval.method, log_scale.interval.method) == ("chi-square", "bootstrap")


@pytest.mark.parametrize("draw", ["normal", "exponential", "laplace"])
def test_intervals_cover_as_often_as_they_say(draw):
    rng, hits = RNG(5), 0
    truth = {"normal": 1.0, "exponential": 1.0, "laplace": 2.0}[draw]
    for _ in range(300):
        g = getattr(rng, draw)(size=500)
        spread = (g - g.mean()) ** 2
        interval = variance_interval(g.var(ddof=1), spread, np.ones(500), 0.9, rng, g)
        hits += interval.low < truth < interval.high
    assert 0.84 < hits / 300 < 0.96


def test_the_chi_square_interval_would_not_cover_a_heavy_tail():
    """Negative control of the choice between the methods."""
    rng, hits = RNG(6), 0
    for _ in range(200):
        g = rng.laplace(size=500)
        hits += abs(g.var() / 2 - 1) < 1.645 * np.sqrt(2 / 499)
    assert hits / 200 < 0.8


def test_no_spread_is_said_and_gives_no_interval():
    """Sticking the landing at the exact posterior."""
    model, family = LinearGaussian(2, 4), FullCovarianceGaussian(2)
    theta, x = model.init(RNG(0)), RNG(1).standard_normal((1, 4))
    lam = family.from_moments(*model.posterior(theta, x))
    found = gradient_statistics(
        ESTIMATORS["sticking-the-landing"].elbo,
        family,
        lambda R: hold_theta(kernel.target(model, theta, np.repeat(x, R, axis=0))),
        lam,
        noise_of(family),
        RNG(2),
        replicates=500,
        exact=linear_gaussian_elbo(model, theta, x, family, lam).grad[0],
    )
    assert [block.block for block in found.blocks] == ["mean", "log-scale", "off-diagonal"]
    for block in found.blocks:
        assert block.variance < 1e-25
        assert abs(block.bias_z) < 5


THETA_MODELS = {
    "deep": DeepLatentModel(StandardNormal(2), MLP((2, 4, 5)), BernoulliLikelihood()),
    "linear": LinearGaussian(2, 5),
}


@pytest.mark.parametrize("name", [n for n, r in ESTIMATORS.items() if r.prepare is None])
@pytest.mark.parametrize("kind", THETA_MODELS)
def test_theta_variance_equals_the_loop_over_replicates(kind, name):
    record, model, family = ESTIMATORS[name], THETA_MODELS[kind], DiagonalGaussian(2)
    if not isinstance(family, record.family):
        pytest.skip("not for a Gaussian")
    R, S = 13, 3
    theta = model.init(RNG(0))
    x, lam = np.ones((1, 5)), RNG(1).standard_normal((1, 4))
    drawn = []

    def noise(rng, num_rows):
        drawn.append(draw_noise(record, family, rng, S, num_rows))
        return drawn[-1]

    found = gradient_statistics(
        record.elbo,
        family,
        lambda R: second_moments.target(model, theta, np.repeat(x, R, axis=0)),
        lam,
        noise,
        RNG(2),
        replicates=R,
    )
    one = autodiff.target(model, theta, x)
    eps = np.concatenate(drawn[1:], axis=1)
    loop = [record.elbo(family, one, lam, eps[:, [r]]).grad_theta for r in range(R)]
    flat = np.array([np.concatenate([np.ravel(g[key]) for key in sorted(g)]) for g in loop])
    block = found.blocks[-1]
    assert block.block == "theta"
    np.testing.assert_allclose(block.mean, flat.mean(axis=0), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(block.variances, flat.var(axis=0, ddof=1), rtol=1e-8, atol=1e-10)


def test_theta_is_unbiased_and_its_interval_holds():
    model, family = LinearGaussian(2, 3), DiagonalGaussian(2)
    theta, x, lam = model.init(RNG(0)), RNG(1).standard_normal((1, 3)), np.zeros((1, 4))
    exact = linear_gaussian_elbo(model, theta, x, family, lam)

    def at(target_theta, rng):
        return gradient_statistics(
            ESTIMATORS["reparameterized"].elbo,
            family,
            lambda R: second_moments.target(model, theta, np.repeat(x, R, axis=0)),
            lam,
            noise_of(family),
            rng,
            replicates=20_000,
            exact=exact.grad[0],
            exact_theta=target_theta,
            level=SURE,
        ).blocks[-1]

    block = at(exact.grad_theta, RNG(2))
    again = at(exact.grad_theta, RNG(3))
    assert abs(block.bias_z) < 5
    assert block.interval.low < again.variance < block.interval.high
    wrong = at({key: 1.1 * value for key, value in exact.grad_theta.items()}, RNG(2))
    assert abs(wrong.bias_z) > 5


def test_the_largest_of_many_biases_is_judged_as_such():
    """1000 unbiased parameters: the largest score is above 3, and nothing is wrong."""
    rng, found = RNG(0), []
    for _ in range(60):
        moments = Moments()
        moments.add(rng.standard_normal((50, 1000)))
        found.append(moments.statistics("many", np.zeros(1000), 0.95, rng).bias_z)
    assert np.abs(found).max() < 5
    assert np.median(np.abs(found)) < 2


@pytest.mark.parametrize("R", [2, 3, 6])
def test_few_replicates_are_not_taken_for_a_bias(R):
    """The standard error of a few replicates is itself a guess: Student's t, not a normal."""
    rng, found = RNG(3), []
    for _ in range(500):
        moments = Moments()
        moments.add(rng.standard_normal((R, 3)))
        found.append(moments.statistics("few", np.zeros(3), 0.95, rng).bias_z)
    assert np.mean(np.abs(found) > 1.96) < 0.08
    assert np.mean(np.abs(found) > 3) < 0.01


def test_two_replicates_say_nothing_of_the_variance():
    """About their mean both have the same square, which is no certainty."""
    moments = Moments()
    moments.add(RNG(0).standard_normal((2, 3)))
    assert moments.statistics("two", None, 0.95, RNG(1)).interval == (0.0, np.inf, "none")


def test_replicates_that_are_not_finite_are_counted_and_leave_no_number():
    grad = RNG(0).standard_normal((50, 3))
    grad[[3, 7], [0, 2]] = np.nan, np.inf
    for parts in ([grad], [grad[:3], grad[3:]], [grad[3:], grad[:3]]):
        moments = Moments()
        for part in parts:
            moments.add(part)
        found = moments.statistics("some", np.zeros(3), 0.95, RNG(1))
        assert found.not_finite == 2
        assert np.isnan([found.variance, found.snr, found.tail_index]).all()
        assert found.variance_exists is found.bias_z is None
    moments = Moments()
    moments.add_moments(5, np.array([np.nan]), np.array([1.0]))
    assert moments.statistics("theta", None, 0.95, RNG(1)).not_finite == 5


def test_one_event_in_all_replicates_bounds_the_variance_from_below_only():
    """A third of the resamples hold zeros only."""
    spread = np.zeros(200)
    spread[7] = 1.0
    interval = variance_interval(spread.mean(), spread, np.ones(200), 0.95, RNG(0))
    assert interval.low < spread.mean()
    assert interval.high == np.inf


def test_moments_that_cancel_leave_no_negative_spread():
    moments = Moments()
    for count in (3, 3, 3, 3, 3, 4):
        moments.add_moments(count, np.array([0.1 * count]), np.array([0.1**2 * count]))
    found = moments.statistics("theta", None, 0.95, RNG(0))
    assert found.variance < 1e-15
    assert found.interval.low <= found.variance


def test_families_without_blocks_are_one_block():
    class Plain:
        num_params = 3

    assert list(parameter_blocks(Plain())) == ["lam"]
    assert parameter_blocks(Plain())["lam"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("learning_rows", [1, 7])
def test_a_prepared_estimator_learns_once_and_is_used_for_all_replicates(
    learning_rows, monkeypatch
):
    monkeypatch.setattr("bbvi.evaluation.gradients.CHUNK_EVALUATIONS", 30)
    learned, used = [], []

    def prepare(target, lam, rng):
        learned.append((target.num_data, len(lam)))
        target.value(np.zeros((5, len(lam), 1)))

        def estimator(family, target, lam, eps):
            used.append(len(lam))
            return expectations.pathwise(family, target, lam, eps)

        return estimator

    found = on_quadratic(
        expectations.pathwise, 4.0, 1.0, R=100, prepare=prepare, learning_rows=learning_rows
    )
    assert found.blocks[0].variance > 0
    assert learned == [(learning_rows, learning_rows)]
    assert used == [30, 30, 30, 10]
    assert found.evaluations == 1
    assert found.evaluations_beforehand == 5 * learning_rows


def test_float32_rows_are_summed_in_float64():
    family = DiagonalGaussian(1)

    def shifted(family, target, lam, eps):
        return Estimate(np.zeros(len(lam)), (1000 + eps[0]).repeat(2, axis=1), None)

    found = gradient_statistics(
        shifted,
        family,
        lambda R: quadratic(0.0, R, dtype=np.float32),
        np.zeros((1, 2), np.float32),
        lambda rng, R: family.noise(rng, 1, R, np.float32),
        RNG(0),
        replicates=20_000,
    )
    assert found.blocks[0].variance == pytest.approx(1, rel=0.05)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="replicates is 1; expected at least 2"):
        on_quadratic(expectations.pathwise, 1.0, 1.0, R=1)
    family = DiagonalGaussian(1)
    for lam in (np.zeros((2, 2)), np.zeros(2)):
        with pytest.raises(ValueError, match="lam has shape"):
            gradient_statistics(
                expectations.pathwise,
                family,
                lambda R: quadratic(0.0, R),
                lam,
                noise_of(family),
                RNG(0),
                replicates=10,
            )
