"""Every estimator of the table against exact answers, and its contract against what it does."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from replicates import LIMIT, declared_bias, replicate, z_score, z_scores

from bbvi import backends, checks
from bbvi.estimators import (
    ESTIMATORS,
    UNKNOWN,
    Cost,
    contract_markdown,
    contract_rows,
    draw_noise,
    expectations,
    find,
    leave_one_out,
    prepared,
    prepared_expectation,
    require,
    score_function,
)
from bbvi.estimators.multi_sample import iwae
from bbvi.evaluation import (
    enumeration,
    gauss_hermite,
    hermite_nodes,
    linear_gaussian_elbo,
    multi_sample_bound,
    quadratic_expectation,
    support_nodes,
)
from bbvi.evaluation.exact_sums import weighted_sum
from bbvi.families import (
    Bernoulli,
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    Gamma,
    LabelAndGaussian,
)
from bbvi.inference.counting import Counter
from bbvi.models import (
    BernoulliLikelihood,
    BernoulliPrior,
    CategoricalPrior,
    DeepLatentModel,
    LinearGaussian,
    SemiSupervised,
    StandardNormal,
)
from bbvi.models.integrands import cosine, quadratic
from bbvi.nets import MLP, astype
from bbvi.targets import hold_theta


def decoder_problem(prior, family, backend=backends.autodiff, dtype=np.float64):
    """One binary datapoint under a small decoder: target, lam and the data."""
    rng = np.random.default_rng(3)
    model = DeepLatentModel(prior, MLP((family.latent_dim, 4, 5)), BernoulliLikelihood())
    theta = {key: v + 0.8 * rng.standard_normal(v.shape) for key, v in model.init(rng).items()}
    x = rng.integers(0, 2, size=(1, 5)).astype(dtype)
    lam = 0.5 * rng.standard_normal((1, family.num_params)).astype(dtype)
    return backend.target(model, astype(theta, dtype), x), lam, x


def gaussian_problem(family):
    """One datapoint of a linear-Gaussian model away from its optimum, and the closed form."""
    D = family.latent_dim
    model = LinearGaussian(D, 3)
    theta = {"W": 0.8 * np.cos(1.0 + np.arange(3.0 * D)).reshape(3, D), "b": np.full(3, 0.1)}
    theta["log_sigma"] = np.array(-0.5)
    x, lam = np.array([[0.5, -0.4, 0.3]]), -0.3 * np.cos(np.arange(1.0 * family.num_params))[None]
    exact = linear_gaussian_elbo(model, theta, x, family, lam)
    return backends.autodiff.target(model, theta, x), lam, x, exact


def kernel_problem(family):
    target, lam, x = decoder_problem(StandardNormal(2), family, backends.kernel)
    return target, lam, x, gauss_hermite(family, target, lam)


def discrete_problem(prior, family):
    target, lam, x = decoder_problem(prior, family, backends.kernel)
    return target, lam, x, enumeration(family, target, lam)


PROBLEMS = {
    "linear-Gaussian, diagonal q": (DiagonalGaussian(2), gaussian_problem),
    "linear-Gaussian, full q": (FullCovarianceGaussian(2), gaussian_problem),
    "decoder by the kernel, diagonal q": (DiagonalGaussian(2), kernel_problem),
    "binary latents": (Bernoulli(3), partial(discrete_problem, BernoulliPrior(3))),
    "categorical latents": (Categorical(2, 3), partial(discrete_problem, CategoricalPrior(2, 3))),
}

ELBO_CASES = [
    (name, problem)
    for problem, (family, _) in PROBLEMS.items()
    for name, record in ESTIMATORS.items()
    if isinstance(family, record.family)
    and record.bound == "ELBO"
    and not (record.normal_prior and "latents" in problem)
]


def learn(record, family, target, lam, x, prepared=prepared):
    """The estimator, with what it learns beforehand learned at this one row of lam."""
    return prepared(record, family, target, lam, x, np.random.default_rng(8))


@pytest.mark.parametrize(("name", "problem"), ELBO_CASES)
def test_unbiased_or_shows_its_bias(name, problem):
    family, build = PROBLEMS[problem]
    target, lam, x, exact = build(family)
    record = ESTIMATORS[name]
    estimator = learn(record, family, target, lam, x)
    for S in sorted({record.min_samples, 3}):

        def at(estimator, S=S):
            rng, draws = np.random.default_rng(S), record.draws_for(family)
            return replicate(estimator, family, target, lam, S, rng, draws=draws)

        found = at(estimator)
        assert len(found.grad) >= 100_000
        if record.bias.order:
            scores = z_scores(found, exact, declared_bias(record, estimator, at))
            assert max(scores) < LIMIT, (S, scores)
        if name in RELAXED:
            assert z_scores(found, exact)[1] > LIMIT, S


RELAXED = ("concrete", "straight-through", "straight-through-gumbel")
"""Biased without an order: they show it on these problems."""

PLAIN_CASES = [
    (name, integrand.__name__, k)
    for name, record in ESTIMATORS.items()
    if record.expectation is not None and isinstance(DiagonalGaussian(2), record.family)
    for integrand, k in ((quadratic, -1.5), (cosine, 2.0))
]


@pytest.mark.parametrize(("name", "integrand", "k"), PLAIN_CASES)
def test_plain_expectations_against_the_closed_form(name, integrand, k):
    family, lam = DiagonalGaussian(2), np.array([[0.3, -0.6, 0.2, -0.4]])
    target = {"quadratic": quadratic, "cosine": cosine}[integrand](k, latent_dim=2)
    exact = weighted_sum(family, target, lam, hermite_nodes(family, lam))
    record = ESTIMATORS[name]
    estimator = learn(record, family, target, lam, None, prepared_expectation)

    def at(estimator):
        rng, draws = np.random.default_rng(0), record.draws_for(family)
        return replicate(estimator, family, target, lam, record.min_samples, rng, draws=draws)

    allowed = declared_bias(record, estimator, at)
    assert max(z_scores(at(estimator), exact, allowed)) < LIMIT


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, its in ESTIMATORS.items()
        if isinstance(Bernoulli(2), its.family) and its.expectation is not None
    ],
)
def test_the_bernoulli_toy_against_enumeration(name):
    record = ESTIMATORS[name]
    family, lam, target = Bernoulli(2), np.array([[0.8, -0.4]]), quadratic(0.3, latent_dim=2)
    exact = weighted_sum(family, target, lam, support_nodes(family, lam))
    estimator = learn(record, family, target, lam, None, prepared_expectation)

    def at(estimator):
        rng, draws = np.random.default_rng(0), record.draws_for(family)
        return replicate(estimator, family, target, lam, record.min_samples, rng, draws=draws)

    found = at(estimator)
    assert z_score(found.grad, exact.grad, declared_bias(record, estimator, at)) < LIMIT
    if name in RELAXED:
        assert z_score(found.grad, exact.grad) > LIMIT


BOUNDS = [
    (name, S)
    for name, record in ESTIMATORS.items()
    if record.bound != "ELBO"
    for S in (1, 2, 3)
    if record.min_samples <= S
]


@pytest.mark.parametrize(("name", "S"), BOUNDS)
def test_multi_sample_bounds_against_all_tuples(name, S):
    family, record = DiagonalGaussian(1), ESTIMATORS[name]
    target, lam, _, _ = gaussian_problem(family)
    alpha = 0.5 if record.bound == "Renyi" else 0.0
    nodes = hermite_nodes(family, lam, {1: 64, 2: 64, 3: 40}[S])
    exact = multi_sample_bound(family, target, lam, nodes, S, alpha)
    found = replicate(record.elbo, family, target, lam, S, np.random.default_rng(S))
    assert max(z_scores(found, exact)) < LIMIT
    if S == 1 and alpha == 0:
        np.testing.assert_allclose(exact.grad, gauss_hermite(family, target, lam).grad, rtol=1e-8)


@pytest.mark.parametrize("S", [2, 3])
def test_vimco_on_binary_latents_against_all_tuples(S):
    family = Bernoulli(3)
    target, lam, _ = decoder_problem(BernoulliPrior(3), family)
    exact = multi_sample_bound(family, target, lam, support_nodes(family, lam), S)
    found = replicate(ESTIMATORS["vimco"].elbo, family, target, lam, S, np.random.default_rng(S))
    assert max(z_scores(found, exact)) < LIMIT


GAUSSIAN = [name for name, its in ESTIMATORS.items() if isinstance(DiagonalGaussian(2), its.family)]
PAIRED = [
    (name, family, prior)
    for family, prior in (
        (DiagonalGaussian(2), StandardNormal(2)),
        (FullCovarianceGaussian(2), StandardNormal(2)),
        (Bernoulli(3), BernoulliPrior(3)),
        (Categorical(2, 3), CategoricalPrior(2, 3)),
    )
    for name, its in ESTIMATORS.items()
    if isinstance(family, its.family)
    and not (its.normal_prior and not isinstance(prior, StandardNormal))
]


@pytest.mark.parametrize(("name", "family", "prior"), PAIRED)
def test_both_back_ends_agree_on_shared_noise(name, family, prior):
    record, answers = ESTIMATORS[name], []
    for backend in (backends.autodiff, backends.kernel):
        target, lam, x = decoder_problem(prior, family, backend)
        eps = draw_noise(record, family, np.random.default_rng(1), 6, 1)
        answers.append(learn(record, family, target, lam, x)(family, target, lam, eps))
    reference, candidate = answers
    # A quotient of differences multiplies the rounding of log p by 1 / h.
    rounding = 0.0
    if record.bias.vanishes:
        rounding = 1e-14 * np.abs(reference.elbo).max() / record.bias.value(record.elbo)
    np.testing.assert_allclose(candidate.elbo, reference.elbo, rtol=1e-10)
    np.testing.assert_allclose(candidate.grad, reference.grad, rtol=1e-9, atol=1e-11 + rounding)
    for key, value in reference.grad_theta.items():
        np.testing.assert_allclose(candidate.grad_theta[key], value, rtol=1e-9, atol=1e-11)


def label_problem(family, dtype=np.float64):
    """One datapoint of M2, its label unknown: target, lam and the data."""
    rng = np.random.default_rng(3)
    decoder = MLP((family.latent_dim, 4, 5))
    model = SemiSupervised(family.num_labels, decoder, BernoulliLikelihood())
    theta, x = astype(model.init(rng), dtype), np.array([[1.0, 0, 0, 1, 1, -1]], dtype)
    lam = 0.5 * rng.standard_normal((1, family.num_params)).astype(dtype)
    return backends.autodiff.target(model, theta, x), lam, x


CONTRACT_PROBLEMS = (
    (DiagonalGaussian(2), partial(decoder_problem, StandardNormal(2))),
    (Bernoulli(2), partial(decoder_problem, BernoulliPrior(2))),
    (LabelAndGaussian(3, 2), label_problem),
)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_contract_is_kept(name):
    """Costs as counted, dtype in = dtype out, theta held, the smallest S works and one less not."""
    record = ESTIMATORS[name]
    family, problem = next(
        (q, problem) for q, problem in CONTRACT_PROBLEMS if isinstance(q, record.family)
    )
    K = getattr(family, "num_labels", 1)
    for dtype in (np.float32, np.float64):
        target, lam, _ = problem(family, dtype=dtype)
        for S in (record.min_samples, 6):
            counter = Counter()
            rng = np.random.default_rng(0)
            eps = draw_noise(record, family, rng, S, 1, dtype)
            found = record.elbo(family, counter.watch(target), lam, eps)
            assert counter.evaluations == record.cost(
                S, D=family.latent_dim, P=family.num_params, K=K
            )
            assert found.elbo.shape == (1,)
            assert found.grad.shape == lam.shape
            assert {found.elbo.dtype, found.grad.dtype} == {np.dtype(dtype)}
            assert {value.dtype for value in found.grad_theta.values()} == {np.dtype(dtype)}
            assert record.elbo(family, hold_theta(target), lam, eps).grad_theta is None
    if record.min_samples > 1:
        eps = draw_noise(record, family, rng, record.min_samples - 1, 1)
        with pytest.raises(ValueError, match=r"got S = 1 sample; expected S >= 2"):
            record.elbo(family, target, lam, eps)


# Negative controls: the tests above must reject the mistakes that are known to be made.


def shrunk_leave_one_out(f):
    return f.mean(axis=0)


def updated_before_use(f, decay=0.9):
    running, baseline = np.zeros(f.shape[1]), np.empty_like(f)
    for s, f_s in enumerate(f):
        running = decay * running + (1 - decay) * f_s
        baseline[s] = running
    return baseline


def scaled(estimator, factor):
    def wrong(family, target, lam, eps):
        found = estimator(family, target, lam, eps)
        return found._replace(grad=factor * found.grad)

    return wrong


@pytest.mark.parametrize(
    "wrong",
    [
        scaled(partial(score_function, baseline=leave_one_out), 1.1),
        partial(score_function, baseline=shrunk_leave_one_out),
        partial(score_function, baseline=updated_before_use),
        expectations.score_function,
    ],
    ids=["scaled by 1.1", "divisor S", "baseline updated before use", "entropy dropped"],
)
def test_wrong_score_functions_are_rejected(wrong):
    family = Bernoulli(3)
    target, lam, _ = decoder_problem(BernoulliPrior(3), family)
    exact = enumeration(family, target, lam)
    found = replicate(wrong, family, target, lam, 2, np.random.default_rng(0))
    assert z_score(found.grad, exact.grad) > LIMIT


def test_the_missing_log_s_and_the_mean_of_logs_are_rejected():
    family, S = DiagonalGaussian(1), 2
    target, lam, _, _ = gaussian_problem(family)
    exact = multi_sample_bound(family, target, lam, hermite_nodes(family, lam), S)
    found = replicate(iwae, family, target, lam, S, np.random.default_rng(0))
    assert z_score(found.elbo + np.log(S), exact.elbo) > LIMIT
    mean_of_logs = ESTIMATORS["reparameterized-mc"].elbo
    wrong = replicate(mean_of_logs, family, target, lam, S, np.random.default_rng(0))
    assert min(z_scores(wrong, exact)) > LIMIT


# The table itself.


def test_names_and_rows():
    rows = contract_rows()
    assert [row["estimator"] for row in rows] == list(ESTIMATORS)
    assert all(all(row.values()) for row in rows)
    learns = {row["estimator"]: row["learns"] for row in rows}
    assert learns["optimal-control-variate"] == (
        "beforehand: a coefficient for each parameter, 65536"
    )
    assert learns["cross-fitted-control-variate"].startswith("as it goes: coefficients")
    assert learns["score-function"] == "nothing"
    assert {row["bias"] for row in rows} >= {"none", "unknown", "O(step^2)"}
    for name in RELAXED:
        assert not ESTIMATORS[name].unbiased
        assert ESTIMATORS[name].bias == UNKNOWN


def test_the_readme_holds_the_table():
    """Line by line in the same order.

    A new estimator may not stand there yet: `benchmarks/readme.py` writes the table, and the
    continuous integration runs it with ``--check``, which wants every line.
    """
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    begin, end = "<!-- estimators: begin -->\n", "<!-- estimators: end -->"
    written = readme.split(begin)[1].split(end)[0].splitlines()
    lines = contract_markdown().splitlines()
    assert written == [line for line in lines if line in written]
    assert len(written) > 30


def test_cost_as_text():
    assert str(Cost(samples=1)) == "S"
    assert str(Cost(samples=2)) == "2 S"
    assert str(Cost(samples=1, once=1, dims=2)) == "S + 1 + 2 D"
    assert str(Cost(samples=1, samples_dims=1)) == "S (1 + D)"
    assert str(Cost(samples_labels=1)) == "K S"
    assert str(Cost(samples=1, samples_params=2)) == "S (1 + 2 P)"
    assert Cost(samples_labels=1)(S=3, D=2, K=10) == 30
    assert Cost(samples=1, samples_params=2)(S=3, D=2, P=7, K=10) == 45
    with pytest.raises(TypeError, match=r"S \(1 \+ 2 P\) depends on P"):
        Cost(samples=1, samples_params=2)(S=3, D=2)
    assert Cost(samples=1, once=1, dims=2)(S=3, D=2) == 8


def test_require_accepts_what_keeps_the_contract():
    family = DiagonalGaussian(2)
    target = quadratic(1.0, latent_dim=2)
    assert require("leave-one-out", family, target, 2) is ESTIMATORS["leave-one-out"]


@pytest.mark.parametrize(
    ("name", "family", "S", "error", "message"),
    [
        ("reinforce", DiagonalGaussian(2), 1, ValueError, "expected one of score-function, "),
        ("reparameterized", Bernoulli(2), 1, TypeError, "expected one that is Reparameteriz"),
        ("arm", DiagonalGaussian(2), 1, TypeError, "expected one that is Bernoulli"),
        ("linearized", Gamma(2), 1, TypeError, "expected one that is Gaussian"),
        ("reparameterized-kl", DiagonalGaussian(2), 1, ValueError, "not known to be N"),
        ("reparameterized-kl", Gamma(2), 1, TypeError, "expected one that is ClosedFormKL"),
        ("vimco", DiagonalGaussian(2), 1, ValueError, "expected S >= 2. Draw more samples"),
        ("vimco", SimpleNamespace(latent_dim=2), 2, TypeError, "which has no num_params, init, "),
    ],
)
def test_require_refuses(name, family, S, error, message):
    with pytest.raises(error, match=message):
        require(name, family, quadratic(1.0, latent_dim=2), S)


def test_find_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="estimator is 'reinforce'"):
        find("reinforce")


def test_a_bound_has_no_plain_expectation():
    with pytest.raises(ValueError, match="IWAE only"):
        learn(
            ESTIMATORS["iwae"],
            DiagonalGaussian(1),
            quadratic(1.0),
            np.zeros((1, 2)),
            None,
            prepared_expectation,
        )


def test_quadratic_and_gauss_hermite_agree():
    lam = np.array([[0.3, 0.2]])
    truth = quadratic_expectation(DiagonalGaussian(1), 0.5, lam)
    q = DiagonalGaussian(1)
    found = weighted_sum(q, quadratic(0.5), lam, hermite_nodes(q, lam))
    np.testing.assert_allclose(found.grad, truth.grad, rtol=1e-10)


CONFORMING = [name for name in GAUSSIAN if ESTIMATORS[name].bias.order]


@pytest.mark.parametrize("name", [n for n in CONFORMING if ESTIMATORS[n].bound == "ELBO"])
def test_the_public_check_accepts_it(name):
    """Pure, rows apart, dtypes kept; the bias is tested more sharply above."""
    record = ESTIMATORS[name]
    draws = record.draws_for(DiagonalGaussian(2))
    sizes = tuple(draws * S for S in sorted({record.min_samples, 3}))
    checks.check_estimator(
        record.elbo,
        np.random.default_rng(0),
        num_samples=sizes,
        resolution=0.05,
        bias=record.bias,
    )
