"""The gradient's error along a run: the procedure's own gradient, exact parts, sums and totals."""

import csv
from functools import partial

import numpy as np
import pytest

from bbvi import adam, backends
from bbvi.cli import main
from bbvi.estimators import reparameterized
from bbvi.evaluation.exact import linear_gaussian_elbo
from bbvi.evaluation.gradient_parts import gradient_parts
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.decomposition import (
    Plan,
    decompose,
    has_reference,
    measure,
    optimum_of_step_1,
)
from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import METHODS, Method, by_encoder, by_step_1
from bbvi.experiments.one_gradient import flat, gradient_of_step, train_until
from bbvi.inference import fit_amortized, fit_bbvi, fit_semi_amortized
from bbvi.plotting import decomposition as plotting

IRIS = partial(problem_of, "linear-gaussian", "", 0, 2, "float64")
TINY = Plan(steps=(1, 30), minibatches=40, num_seeds=1, samples=(2,))


@pytest.fixture(scope="module")
def amortized():
    plan = TINY._replace(methods=("amortized-reparameterized",), minibatches=400)
    return decompose(IRIS, plan, workers=1, progress=False).rows


def test_the_measured_gradient_is_the_estimators_mean_over_the_minibatch():
    problem, method = IRIS(), METHODS["amortized-reparameterized"]
    theta = problem.model.init(np.random.default_rng(0))
    fit = train_until(problem, method, theta, np.random.default_rng(1), 5, 10, 3, 20)
    batch = np.array([7, 3, 50])
    found = gradient_of_step(problem, method, fit.state, batch, np.random.default_rng(2), 3)
    x, rng = problem.train.x[batch], np.random.default_rng(2)
    lam, pullback = backends.encode(problem.encoder, fit.phi, x)
    eps = problem.family.noise(rng, 3, 3)
    target = backends.target(problem.model, fit.theta, x)
    estimate = reparameterized(problem.family, target, lam, eps)
    assert found.theta == pytest.approx(flat(estimate.grad_theta) / 3, rel=1e-9, abs=1e-12)
    assert found.phi == pytest.approx(flat(pullback(estimate.grad / 3)), rel=1e-9, abs=1e-12)


def test_looking_at_a_run_does_not_change_it():
    problem, method = IRIS(), METHODS["bbvi-reparameterized"]
    theta = problem.model.init(np.random.default_rng(0))
    run = partial(train_until, problem, method, theta)
    fit = run(np.random.default_rng(1), 8, 20, 2, 30)
    before = fit.state.lam.copy(), flat(fit.state.theta)
    first = gradient_of_step(problem, method, fit.state, np.arange(9), np.random.default_rng(3), 2)
    again = gradient_of_step(problem, method, fit.state, np.arange(9), np.random.default_rng(3), 2)
    assert (first.theta == again.theta).all()
    assert first.phi is None
    assert (fit.state.lam == before[0]).all()
    assert (flat(fit.state.theta) == before[1]).all()
    # A longer look at the same run passes through the same table.
    longer = run(np.random.default_rng(1), 9, 20, 2, 30)
    assert longer.trace.elbo[:8].tolist() == fit.trace.elbo.tolist()


@pytest.mark.slow
def test_parts_are_the_exact_ones_of_the_linear_gaussian_model(amortized):
    assert [(row["step"], row["block"]) for row in amortized] == [
        (1, "theta"),
        (1, "phi"),
        (30, "theta"),
        (30, "phi"),
    ]
    for row in amortized:
        names = ["monte_carlo", "minibatch"]
        names += ["bias_squared"] if row["block"] == "theta" else []
        for name in names:
            miss = abs(row[name] - row[f"exact_{name}"]) / row[f"{name}_se"]
            assert miss < 5, (row["step"], row["block"], name)
        exact = row["exact_monte_carlo"] + row["exact_minibatch"]
        assert abs(row["total"] - exact) < 5 * row["total_se"]
        assert abs(row["sum_z"]) < 5
    # phi's gradient is at the encoder's own lam: no Step 1 can bias it.
    assert amortized[1]["bias_squared"] is None
    # Negative control: with twice the samples the Monte Carlo part would be half of this.
    theta = amortized[0]
    assert abs(theta["monte_carlo"] - theta["exact_monte_carlo"] / 2) > 5 * theta["monte_carlo_se"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bbvi-reparameterized", "bbvi-score", "semi-amortized"])
def test_the_parts_add_up_to_the_variance_of_single_draws(name):
    plan = TINY._replace(methods=(name,), minibatches=300)
    rows = decompose(IRIS, plan, workers=1, progress=False).rows
    for row in rows:
        assert abs(row["sum_z"]) < 5
        assert row["variance"] == pytest.approx(row["monte_carlo"] + row["minibatch"], rel=1e-9)
    assert rows[0]["bias_squared"] > 5 * rows[0]["bias_squared_se"]


def test_a_total_with_fewer_samples_does_not_add_up():
    """Negative control of the law of total variance."""
    problem, method = IRIS(), METHODS["amortized-reparameterized"]
    theta, rng = problem.model.init(np.random.default_rng(0)), np.random.default_rng(5)
    fit = train_until(problem, method, theta, rng, 30, 30, 8, 30)

    def draw(batch, S):
        return gradient_of_step(problem, method, fit.state, batch, rng, S).theta

    def batches(num):
        return [rng.choice(120, 100, replace=False) for _ in range(num)]

    nested = np.array([[draw(b, 8), draw(b, 8)] for b in batches(150)])
    assert abs(gradient_parts(nested, np.array([draw(b, 8) for b in batches(150)])).z) < 5
    assert gradient_parts(nested, np.array([draw(b, 2) for b in batches(150)])).z < -5


def noiseless(family, target, lam, eps):
    """The exact ELBO of probabilistic PCA with its gradients, by Gauss-Hermite's two nodes.

    All gradients are quadratic in eps, so that the mean over +-1 in each dimension is exact.
    """
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * family.latent_dim), axis=-1)
    corners = corners.reshape(-1, 1, family.latent_dim)
    return reparameterized(family, target, lam, np.repeat(corners, len(lam), axis=1))


def test_without_draws_the_bias_of_step_1_is_known_exactly():
    """Step 1 that is deterministic: lam of each datapoint does not depend on its minibatch."""
    table = {"exact": Method(fit_bbvi, noiseless, by_step_1, 0.03, 0.1, 2)}
    plan = TINY._replace(methods=("exact",), steps=(20,), batch_size=120, minibatches=2)
    cell = {"method": "exact", "samples": 1, "step": 20, "seed": 0}
    (row,) = measure(IRIS, table, plan, 0, cell, np.random.default_rng(0))
    for name in ("monte_carlo", "minibatch", "total"):
        assert abs(row[name]) < 1e-20
    problem = IRIS()
    start_rng, run_rng = cell_rng(0, {"seed": 0}).spawn(2)
    start = problem.model.init(start_rng)
    fit = train_until(problem, table["exact"], start, run_rng, 20, 20, 1, 120)
    after = fit_bbvi(
        problem.model,
        problem.family,
        problem.train.x,
        np.random.default_rng(0),
        estimator=noiseless,
        num_samples=1,
        num_steps=1,
        batch_size=120,
        inner_steps=2,
        local_optimizer=adam(0.1),
        state=fit.state,
        progress=False,
    )
    x, family, theta = problem.train.x, problem.family, fit.theta
    reached = linear_gaussian_elbo(problem.model, theta, x, family, after.lam).grad_theta
    lam = optimum_of_step_1(problem, theta, np.random.default_rng(0))
    best = linear_gaussian_elbo(problem.model, theta, x, family, lam).grad_theta
    bias = (flat(reached) - flat(best)) / 120
    assert row["bias_squared"] == pytest.approx(bias @ bias / len(bias), rel=1e-8)
    assert row["bias_squared"] > 1e-6


def test_the_largest_minibatch_leaves_no_minibatch_noise():
    plan = TINY._replace(methods=("amortized-reparameterized",), steps=(3,), batch_size=10_000)
    rows = decompose(IRIS, plan, workers=1, progress=False).rows
    for row in rows:
        assert row["batch_size"] == 120
        assert row["exact_minibatch"] == 0
        assert abs(row["minibatch"]) < 5 * row["minibatch_se"]


def test_a_run_that_lost_cells_gives_the_same_table(tmp_path):
    plan = TINY._replace(minibatches=4)
    run = partial(decompose, IRIS, plan, workers=1, progress=False)
    rows = run(folder=tmp_path).rows
    for number, cell in enumerate(sorted((tmp_path / "cells").iterdir())):
        if number % 2:
            cell.unlink()
    assert run(folder=tmp_path).rows == rows == run().rows


def test_what_has_no_reference_or_no_gradient():
    assert not has_reference(METHODS["wake-sleep"])
    assert not has_reference(METHODS["importance-weighted"])
    for procedure in (fit_bbvi, fit_amortized, fit_semi_amortized):
        assert has_reference(Method(procedure, "score-function", by_encoder))
    with pytest.raises(ValueError, match="follows no gradient"):
        decompose(IRIS, Plan(methods=("mean-field-em",)), table=METHODS)
    with pytest.raises(TypeError, match="float32; expected float64"):
        decompose(partial(problem_of, "linear-gaussian", "", 0, 2, "float32"))
    with pytest.raises(ValueError, match="replicates is 1; expected at least 2"):
        decompose(IRIS, Plan(replicates=1))
    with pytest.raises(ValueError, match="steps is empty"):
        decompose(IRIS, Plan(steps=()))
    with pytest.raises(ValueError, match="the data set is one datapoint"):
        decompose(partial(problem_of, "logistic-regression", "", 0, None, "float64"))


def test_the_command_writes_rows_and_pictures(tmp_path, capsys):
    options = ["--model", "linear-gaussian", "--steps", "1", "5", "--replicates", "10"]
    options += ["--seeds", "1", "--workers", "1", "--out", str(tmp_path)]
    assert main(["variance", "--decompose", *options]) == 0
    said = capsys.readouterr().out
    assert "gradient in theta, squared, per parameter" in said
    table, _, _ = said.rpartition("\n\n")
    assert max(map(len, table.splitlines())) <= 100
    assert "are known in closed form; they differ by at most" in table
    with open(tmp_path / "decompose.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["block"] for row in rows} == {"theta", "phi"}
    for name in ("theta-S8.png", "phi-S8.png"):
        assert (tmp_path / name).stat().st_size > 20_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--decompose", "--points", "start"], "--points is given, which is not along a training"),
        (["--steps", "3"], "--steps is given, which is for --decompose alone"),
        (["--decompose", "--model", "digits", "linear-gaussian"], "--model has 2 values"),
        (["--decompose", "--methods", "vae"], "methods is ['vae']"),
    ],
)
def test_options_of_the_other_measurement_are_refused(options, message, tmp_path, capsys):
    assert main(["variance", *options, "--out", str(tmp_path / "x")]) == 2
    assert message in capsys.readouterr().err


def test_bars_are_shares_and_a_part_below_zero_is_left_out():
    row = {"method": "m", "block": "theta", "samples": 1, "batch_size": 9, "seed": 0, "step": 1}
    row |= {"monte_carlo": 3.0, "minibatch": -1.0, "bias_squared": None, "gradient_squared": 2.0}
    row |= {f"{name}_se": 0.5 for name in plotting.PARTS}
    row["gradient_squared_se"] = 0.1
    figure = plotting.figure([row], "title")
    sizes, shares = figure.axes
    assert [patch.get_height() for patch in shares.patches] == [1.0, 0.0, 0.0]
    labels = sizes.get_legend_handles_labels()[1]
    assert "Monte Carlo noise" in labels
    assert "minibatch noise" not in labels
