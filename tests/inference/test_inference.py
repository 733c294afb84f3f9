import warnings

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    FullCovarianceGaussian,
    LinearGaussian,
    NotFiniteError,
    StandardNormal,
    adam,
    backends,
    fit_amortized,
    fit_bbvi,
    fit_semi_amortized,
    infer,
    reparameterized,
    score_function,
    sticking_the_landing,
)
from bbvi.datasets import digits, iris
from bbvi.inference import stochastic
from bbvi.inference.counting import Counter
from bbvi.inference.step_parts import next_batch
from bbvi.optimizers import cosine_decay
from bbvi.types import Estimate

PROCEDURES = [fit_bbvi, fit_amortized, fit_semi_amortized]


@pytest.fixture(scope="module")
def small():
    x = digits().x[:60].astype(np.float32)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 8, 64)), BernoulliLikelihood())
    return model, DiagonalGaussian(2), x, MLP((64, 8, 4))


def gaussian_kl(moments, posterior):
    precision = np.linalg.inv(posterior.covariance)
    d = moments.mean - posterior.mean
    trace = np.einsum("nij,ji->n", moments.covariance, precision)
    log_dets = np.linalg.slogdet(posterior.covariance)[1] - np.linalg.slogdet(moments.covariance)[1]
    return 0.5 * (trace + np.einsum("ni,ij,nj->n", d, precision, d) - d.shape[1] + log_dets)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_infer_from_a_cold_start_reaches_the_evidence_with_the_full_covariance(latent_dim):
    x = iris().x
    model = LinearGaussian(latent_dim, 4)
    theta = model.fit_ml(x)
    # Turned latent axes: the posterior of fit_ml's theta is diagonal, this one is not.
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((latent_dim, latent_dim)))[0]
    theta["W"] = theta["W"] @ turn
    family = FullCovarianceGaussian(latent_dim)
    lam = infer(model, family, theta, x, np.random.default_rng(0)).lam
    target = backends.autodiff.target(model, theta, x)
    eps = family.noise(np.random.default_rng(1), 400, len(x))
    elbo = sticking_the_landing(family, target, lam, eps).elbo
    assert np.abs(model.log_evidence(theta, x) - elbo).max() < 1e-3
    assert gaussian_kl(family.moments(lam), model.posterior(theta, x)).max() < 1e-3


def test_the_diagonal_family_stops_at_the_known_gap():
    x = iris().x[:40]
    model = LinearGaussian(2, 4)
    theta = model.fit_ml(x)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    theta["W"] = theta["W"] @ turn
    family = DiagonalGaussian(2)
    posterior = model.posterior(theta, x)
    lam = infer(model, family, theta, x, np.random.default_rng(0), num_samples=32).lam
    best = gaussian_kl(family.moments(family.from_moments(*posterior)), posterior)
    found = gaussian_kl(family.moments(lam), posterior)
    assert best.min() > 0.05
    assert np.abs(found - best).max() < 2e-3


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_same_seed_same_numbers_and_other_seed_other_numbers(small, procedure):
    model, family, x, encoder = small

    def run(seed):
        return procedure(
            model,
            family,
            x,
            np.random.default_rng(seed),
            encoder=encoder,
            num_steps=5,
            batch_size=20,
        )

    first, second, other = run(0), run(0), run(1)
    for key in first.theta:
        np.testing.assert_array_equal(first.theta[key], second.theta[key])
    np.testing.assert_array_equal(first.lam, second.lam)
    assert not np.array_equal(first.lam, other.lam)
    assert first.lam.dtype == np.float32
    assert all(value.dtype == np.float32 for value in first.theta.values())


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_run_that_stops_and_goes_on_is_the_uninterrupted_run(small, procedure):
    model, family, x, encoder = small
    settings = {"encoder": encoder, "batch_size": 25, "inner_steps": 2}
    whole = procedure(model, family, x, np.random.default_rng(0), num_steps=7, **settings)
    rng = np.random.default_rng(0)
    half = procedure(model, family, x, rng, num_steps=3, **settings)
    kept = {key: value.copy() for key, value in half.theta.items()}
    rest = procedure(model, family, x, rng, num_steps=4, state=half.state, **settings)
    for key in whole.theta:
        np.testing.assert_array_equal(whole.theta[key], rest.theta[key])
        np.testing.assert_array_equal(half.theta[key], kept[key])
    np.testing.assert_array_equal(whole.lam, rest.lam)
    np.testing.assert_array_equal(whole.trace.elbo, rest.trace.elbo)
    np.testing.assert_array_equal(whole.trace.evaluations, rest.trace.evaluations)
    assert len(half.trace.step) == 3


@pytest.mark.parametrize(
    ("procedure", "calls"), [(fit_bbvi, 4), (fit_amortized, 1), (fit_semi_amortized, 4)]
)
def test_evaluations_are_counted_and_bound_the_run(small, procedure, calls):
    model, family, x, encoder = small
    per_step = 20 * 5 * calls
    fit = procedure(
        model,
        family,
        x,
        np.random.default_rng(0),
        encoder=encoder,
        num_samples=5,
        batch_size=20,
        inner_steps=3,
        max_evaluations=3 * per_step - 1,
    )
    assert fit.trace.evaluations.tolist() == [per_step, 2 * per_step, 3 * per_step]
    assert fit.trace.step.tolist() == [1, 2, 3]
    assert (np.diff(fit.trace.seconds) > 0).all()


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("backend", ["kernel", "autodiff"])
def test_every_procedure_learns_the_linear_gaussian_model(procedure, backend):
    x = iris().x
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    model, family = LinearGaussian(1, 4), DiagonalGaussian(1)
    settings = {"num_steps": 500, "batch_size": 150, "inner_steps": 5}
    fit = procedure(
        model,
        family,
        x,
        np.random.default_rng(0),
        encoder=MLP((4, 16, 2)),
        backend=backend,
        optimizer=adam(cosine_decay(0.05, 500)),
        local_optimizer=adam(0.1),
        **settings,
    )
    best = model.log_evidence(model.fit_ml(x), x).mean()
    assert best - 0.1 < model.log_evidence(fit.theta, x).mean() <= best + 1e-9


def test_back_ends_give_the_same_run(small):
    model, family, x, encoder = small
    x = x.astype(np.float64)
    runs = [
        fit_amortized(
            model,
            family,
            x,
            np.random.default_rng(0),
            encoder=encoder,
            num_steps=4,
            backend=backend,
        )
        for backend in ("kernel", "autodiff", "auto")
    ]
    for key in runs[0].theta:
        np.testing.assert_allclose(runs[0].theta[key], runs[1].theta[key], rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(runs[0].theta[key], runs[2].theta[key])


def test_rows_outside_the_minibatch_keep_their_lam_and_moments(small):
    model, family, x, _ = small
    seen = []
    fit = fit_bbvi(
        model, family, x, np.random.default_rng(0), num_steps=1, batch_size=20, callback=seen.append
    )
    moved = np.flatnonzero((fit.lam != 0).any(axis=1))
    assert sorted(moved) == sorted(fit.state.order[:20])
    assert (fit.state.lam_moments.steps[moved] == 10).all()
    still = np.setdiff1d(np.arange(len(x)), moved)
    assert (fit.state.lam_moments.steps[still] == 0).all()
    assert (fit.state.lam_moments.first[still] == 0).all()
    assert len(seen) == 1


def test_warm_start_goes_on_and_cold_start_begins_anew(small):
    model, family, x, _ = small
    steps = {}
    for warm in (True, False):
        fit = fit_bbvi(
            model,
            family,
            x,
            np.random.default_rng(0),
            num_steps=3,
            batch_size=60,
            inner_steps=2,
            warm_start=warm,
        )
        steps[warm] = set(fit.state.lam_moments.steps.ravel().tolist())
    assert steps == {True: {6}, False: {2}}


def test_an_epoch_visits_every_row_once():
    rng, order, position = np.random.default_rng(0), np.arange(10), 10
    seen = []
    for _ in range(4):
        batch, order, position = next_batch(rng, order, position, 3)
        seen += batch.tolist()
    assert sorted(seen) == list(range(10))


class Explodes:
    """log p is NaN once z leaves a small box: a run must stop at its last finite state."""

    latent_dim = 1

    def init(self, rng):
        return {"a": np.zeros(())}

    def log_joint(self, theta, x, z):
        import autograd.numpy as anp

        inside = anp.where(anp.abs(z[..., 0]) < 5.0, 1.0, np.nan)
        return (10 * z[..., 0] + theta["a"] + 0 * x[:, 0]) * inside

    def sample(self, rng, theta, num):
        return np.zeros((num, 1)), np.zeros((num, 1))


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_value_that_is_not_finite_stops_the_run_with_the_last_finite_state(procedure):
    x = np.zeros((4, 1))
    with pytest.raises(NotFiniteError, match=r"is not finite at step \d+.*smaller step size") as e:
        procedure(
            Explodes(),
            DiagonalGaussian(1),
            x,
            np.random.default_rng(0),
            encoder=MLP((1, 2, 2)),
            optimizer=adam(0.5),
            local_optimizer=adam(0.5),
        )
    state = e.value.state
    assert np.isfinite(state.theta["a"])
    assert state.lam is None or np.isfinite(state.lam).all()
    assert state.phi is None or all(np.isfinite(value).all() for value in state.phi.values())


class Steep(Explodes):
    """Finite, but with gradients whose squares are not, or soon add up to what is not."""

    def __init__(self, slope=1e25):
        self.slope = slope

    def log_joint(self, theta, x, z):
        return self.slope * z[..., 0] + theta["a"] + 0 * x[:, 0]


@pytest.mark.parametrize(("slope", "step"), [(1e25, 1), (1e19, 4)])
def test_infer_stops_before_squared_gradients_overflow(slope, step):
    """Adam would hold such a row where it is, and the run would seem to have ended well."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NotFiniteError, match=rf"q has run away after step {step} .*cosine_dec"):
            infer(
                Steep(slope),
                DiagonalGaussian(1),
                {"a": np.zeros((), np.float32)},
                np.zeros((3, 1), np.float32),
                np.random.default_rng(0),
                solver=stochastic(estimator=sticking_the_landing),
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infer_with_all_covariances_does_not_run_away(dtype):
    """With a step of 0.2 for each of 190 covariances the gap is 73 nats, in float32 far below 0."""
    model, family = LinearGaussian(20, 100), FullCovarianceGaussian(20)
    theta = {k: np.asarray(v, dtype) for k, v in model.init(np.random.default_rng(0)).items()}
    x = model.sample(np.random.default_rng(1), theta, 5)[0].astype(dtype)
    fit = infer(model, family, theta, x, np.random.default_rng(2), num_steps=300)
    gap = model.log_evidence(theta, x).mean() - fit.trace.elbo[-20:].mean()
    assert -0.05 < gap < 1.0


def test_infer_stops_with_the_last_finite_lam():
    with pytest.raises(NotFiniteError, match=r"after step \d+ of Step 1") as error:
        infer(
            Explodes(),
            DiagonalGaussian(1),
            {"a": np.zeros(())},
            np.zeros((3, 1)),
            np.random.default_rng(0),
            optimizer=adam(0.5),
        )
    assert np.isfinite(error.value.state).all()


BAD_ARGUMENTS = {
    "num_samples is 0; expected at least 1": {"num_samples": 0},
    "num_steps is 0": {"num_steps": 0},
    "inner_steps is 0": {"inner_steps": 0},
    "batch_size is -1": {"batch_size": -1},
    "batch_size is 2.5": {"batch_size": 2.5},
    "max_evaluations is 0": {"max_evaluations": 0},
    "backend is 'gpu'; expected": {"backend": "gpu"},
    "rng is int; expected a numpy Generator": {"rng": 0},
}


@pytest.mark.parametrize("message", BAD_ARGUMENTS)
def test_bad_settings_are_named(small, message):
    model, family, x, _ = small
    arguments = {"rng": np.random.default_rng(0), **BAD_ARGUMENTS[message]}
    with pytest.raises((ValueError, TypeError), match=message):
        fit_bbvi(model, family, x, **arguments)


BAD_DATA = {
    "x has dtype int64": lambda x: x.astype(int),
    "x has dtype uint8.*binarize": lambda x: x.astype(np.uint8),
    "values from 0 to 0.5 [^$]*binarize": lambda x: 0.5 * x,
    "NaN or infinite": lambda x: x + np.nan,
    "x is empty": lambda x: x[:0],
    "last axis is 63; expected 64": lambda x: x[:, 1:],
    r"x has shape \(64,\); expected \(N, Dx\)": lambda x: x[0],
}


@pytest.mark.parametrize("message", BAD_DATA)
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_bad_data_are_named(small, procedure, message):
    model, family, x, encoder = small
    with pytest.raises((ValueError, TypeError), match=message):
        procedure(model, family, BAD_DATA[message](x), np.random.default_rng(0), encoder=encoder)


def test_a_missing_or_wrong_encoder_is_named(small):
    model, family, x, _ = small
    for procedure in (fit_amortized, fit_semi_amortized):
        with pytest.raises(TypeError, match="encoder is None; expected an MLP"):
            procedure(model, family, x, np.random.default_rng(0))
        with pytest.raises(ValueError, match=r"expected 64 inputs .* and 4 outputs"):
            procedure(model, family, x, np.random.default_rng(0), encoder=MLP((64, 8, 3)))


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_word_for_learning_and_what_is_no_estimate_are_named(small, procedure):
    model, family, x, encoder = small
    settings = {} if procedure is fit_bbvi else {"encoder": encoder}
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match=r"learning is 'map'; .*: maximum_likelihood, or"):
        procedure(model, family, x, rng, learning="map", num_steps=2, **settings)

    def whole(family, target, lam, eps):
        return Estimate(np.zeros(len(lam)), np.ones(lam.shape, dtype=int), {})

    def masked(family, target, lam, eps):
        return Estimate(np.zeros(len(lam)), np.ma.masked_equal(np.zeros(lam.shape), 0), {})

    for estimator, match in (
        (lambda *arguments: None, "the estimator returned NoneType; expected Estimate"),
        (whole, "the estimator returned an Estimate whose grad is int64"),
        (masked, "grad is a masked array"),
    ):
        with pytest.raises(TypeError, match=match):
            procedure(model, family, x, rng, estimator=estimator, num_steps=2, **settings)


def test_a_wrong_theta_or_lam_is_named(small):
    model, family, x, _ = small
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    with pytest.raises(TypeError, match=r"x is float32 but theta.* is float64"):
        infer(model, family, theta, x, rng)
    theta = {key: value.astype(np.float32) for key, value in theta.items()}
    with pytest.raises(ValueError, match=r"lam has shape \(3, 4\); expected \(N, P\) = \(60, 4\)"):
        infer(model, family, theta, x, rng, lam=np.zeros((3, 4), np.float32))


BAD_PARTS = {
    "estimator is 'reparameterized'; expected a function": {"estimator": "reparameterized"},
    r"optimizer is 0\.1; expected an Optimizer, e\.g\. adam": {"optimizer": 0.1},
    "optimizer is <function adam": {"optimizer": adam},
    "family is the class DiagonalGaussian; expected an object": {"family": DiagonalGaussian},
    "family is None, which has no": {"family": None},
    "model is the class LinearGaussian; expected an object": {"model": LinearGaussian},
    "model is None, which has no latent_dim": {"model": None},
    r"theta\['b'\] has 2 NaN": {"theta": {"b": np.full(2, np.nan, np.float32)}},
    "theta is a list; expected a dict": {"theta": [1.0]},
}


@pytest.mark.parametrize("message", BAD_PARTS)
@pytest.mark.parametrize("procedure", [*PROCEDURES, infer])
def test_what_is_not_a_model_family_estimator_optimizer_or_theta_is_named(
    small, procedure, message
):
    model, family, x, encoder = small
    if procedure is infer:
        theta = model.init(np.random.default_rng(0))
        more = {"theta": {key: value.astype(np.float32) for key, value in theta.items()}}
    else:
        more = {"encoder": encoder}
    arguments = {"model": model, "family": family, "x": x, **more, **BAD_PARTS[message]}
    with pytest.raises((ValueError, TypeError), match=message):
        procedure(**arguments, rng=np.random.default_rng(0))


def test_step_1_wants_its_own_optimizer_and_a_theta(small):
    model, family, x, encoder = small
    rng = np.random.default_rng(0)
    for procedure in (fit_bbvi, fit_semi_amortized):
        with pytest.raises(TypeError, match=r"local_optimizer is 0\.1; expected an Optimizer"):
            procedure(model, family, x, rng, encoder=encoder, local_optimizer=0.1)
    with pytest.raises(TypeError, match="theta is a NoneType; expected a dict"):
        infer(model, family, None, x, rng)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_state_of_other_rows_or_of_another_procedure_is_refused(small, procedure):
    model, family, x, encoder = small

    def run(procedure, x, state=None):
        rng = np.random.default_rng(0)
        return procedure(
            model, family, x, rng, encoder=encoder, num_steps=1, batch_size=10, state=state
        )

    fit = run(procedure, x)
    for other in (x[:20], np.concatenate([x, x])):
        with pytest.raises(ValueError, match=f"state is of 60 rows but x has {len(other)}"):
            run(procedure, other, fit.state)
    with pytest.raises(TypeError, match=r"state is Fit; expected a State: fit\.state"):
        run(procedure, x, fit)
    stranger = run(fit_amortized if procedure is fit_bbvi else fit_bbvi, x).state
    with pytest.raises(ValueError, match="it comes from another procedure"):
        run(procedure, x, stranger)


def test_a_state_of_another_encoder_is_refused(small):
    model, family, x, encoder = small
    settings = {"num_steps": 1, "batch_size": 10}
    rng = np.random.default_rng(0)
    fit = fit_amortized(model, family, x, rng, encoder=encoder, **settings)
    other = MLP((encoder.sizes[0], 3, encoder.sizes[-1]))
    with pytest.raises(ValueError, match="expected the encoder that the state was learned with"):
        fit_amortized(model, family, x, rng, encoder=other, state=fit.state, **settings)


def test_the_counter_counts_every_kind_of_call(small):
    model, _, x, _ = small
    theta = {k: v.astype(np.float32) for k, v in model.init(np.random.default_rng(0)).items()}
    counter = Counter(5)
    target = counter.watch(backends.kernel.target(model, theta, x))
    z = np.zeros((3, 60, 2), np.float32)
    target.value(z)
    target.value_and_dz(z)
    target.value_and_dtheta(z, weights=np.ones((3, 60), np.float32))
    target.value_and_grads(z)
    assert counter.evaluations == 5 + 4 * 180


def test_the_terms_of_the_blankets_are_one_more_evaluation(small):
    model, _, x, _ = small
    theta = {k: v.astype(np.float32) for k, v in model.init(np.random.default_rng(0)).items()}
    target = backends.kernel.target(model, theta, x)
    counter = Counter()
    told = counter.watch(target._replace(blankets=lambda z: np.zeros(z.shape, z.dtype)))
    assert told.blankets(np.zeros((3, 60, 2), np.float32)).shape == (3, 60, 2)
    assert counter.evaluations == 180
    assert counter.watch(target).blankets is None


def test_reparameterized_beats_the_plain_score_function_at_equal_evaluations(small):
    _, family, _, _ = small
    x = digits().x[:300].astype(np.float32)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 32, 64)), BernoulliLikelihood())
    last = {}
    for estimator in (score_function, reparameterized):
        fit = fit_bbvi(
            model,
            family,
            x,
            np.random.default_rng(0),
            estimator=estimator,
            max_evaluations=500_000,
            inner_steps=5,
            optimizer=adam(0.02),
        )
        last[estimator] = fit.trace.elbo[-10:].mean()
    assert last[reparameterized] > last[score_function] + 1
