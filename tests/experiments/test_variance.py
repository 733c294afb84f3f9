import json
import pickle
import sys
from functools import partial
from operator import itemgetter

import numpy as np
import pytest

from bbvi import DiagonalGaussian, LinearGaussian
from bbvi.backends import kernel
from bbvi.estimators import expectations
from bbvi.estimators.record import Record
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.gradients import gradient_statistics
from bbvi.experiments import sweep
from bbvi.experiments.trajectory import POINTS, trajectory
from bbvi.experiments.variance import CLOCK, SPREAD_OVER, variance, without_clock
from bbvi.experiments.variance_grid import Grid
from bbvi.targets import hold_theta
from bbvi.types import Estimate

SMALL = Grid(
    models=("quadratic",),
    estimators=("score-function", "reparameterized"),
    samples=(1, 2),
    dimensions=(1, 4),
    replicates=50,
    training_steps=50,
)


def measured(grid, **settings):
    sweep = variance(grid, **{"workers": 1, "progress": False, **settings})
    assert sweep.failures == []
    return sweep.rows


def pick(rows, **wanted):
    (row,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return row


def halves_the_gradient(family, target, lam, eps):
    found = expectations.pathwise(family, target, lam, eps)
    return Estimate(found.elbo, 0.5 * found.grad, found.grad_theta)


def test_there_is_a_tidy_row_for_every_combination_and_block():
    rows = measured(SMALL)
    keys = [(r["estimator"], r["samples"], r["dimension"], r["point"], r["block"]) for r in rows]
    assert len(set(keys)) == len(rows) == 2 * 2 * 2 * 3 * 2
    assert {row["block"] for row in rows} == {"mean", "log-scale"}
    wanted = (
        "model k bias bias_z variance variance_low variance_high interval snr evaluations seconds "
        "variance_x_evaluations variance_x_seconds replicates unbiased estimates"
    )
    for row in rows:
        assert set(wanted.split()) <= set(row)
        assert row["variance_low"] <= row["variance"] <= row["variance_high"]
        assert row["interval"] in ("chi-square", "bootstrap")
        assert row["variance_x_evaluations"] == row["variance"] * row["evaluations"]
        assert row["evaluations"] == row["samples"]
        assert row["evaluations_beforehand"] == 0
        assert row["variance_x_evaluations_in_all"] == row["variance_x_evaluations"]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_optimal_coefficients_are_not_beaten_by_a_constant_baseline(seed):
    """8 d^2 + 6 s^2 at D = 1, whatever is learned counted."""
    grid = Grid(
        models=("quadratic",),
        estimators=("constant-baseline", "optimal-control-variate", "leave-one-out"),
        samples=(2,),
        dimensions=(1,),
        points=("start", "mid"),
        replicates=200_000,
    )
    rows = measured(grid, seed=seed)
    for point, (d, s) in {"start": (4.0, 1.0), "mid": (4 * np.exp(-1), 3**-0.5)}.items():
        best = {"mean": 8 * d**2 + 6 * s**2, "log-scale": s**2 * (40 * d**2 + 24 * s**2)}
        for block, optimum in best.items():
            mine = [row for row in rows if (row["point"], row["block"]) == (point, block)]
            price = {row["estimator"]: row["variance_x_evaluations_in_all"] for row in mine}
            assert min(price, key=price.get) == "optimal-control-variate"
            row = pick(mine, estimator="optimal-control-variate")
            assert row["evaluations_beforehand"] == 2**16
            assert row["variance_low"] < 1.02 * optimum / 2
            assert row["variance_high"] > optimum / 2


def test_what_is_learned_beforehand_is_counted_as_declared():
    for model, learners in {
        "quadratic": {"constant-baseline", "moving-average", "nvil", "optimal-control-variate"},
        "digits-discrete": {"relax"},
    }.items():
        grid = SMALL._replace(
            models=(model,),
            estimators=(*learners, "leave-one-out"),
            samples=(2,),
            dimensions=(2,),
            points=("mid",),
        )
        for row in measured(grid):
            record, row_cost = ESTIMATORS[row["estimator"]], row["evaluations_beforehand"]
            learns = record.prepare is not None and row["block"] != "theta"
            assert row_cost == (record.prepare.evaluations if learns else 0)
            cost = row["evaluations"] + row_cost / SPREAD_OVER
            assert row["variance_x_evaluations_in_all"] == row["variance"] * cost


def test_all_but_the_clock_is_the_same_in_processes_and_after_a_restart(tmp_path):
    grid = SMALL._replace(models=("linear-gaussian",), points=("mid",), dimensions=(2,))
    expected = without_clock(measured(grid))
    assert not set(CLOCK) & set(expected[0])
    assert without_clock(measured(grid, workers=2, folder=tmp_path)) == expected
    (tmp_path / "cells").joinpath(next((tmp_path / "cells").iterdir()).name).unlink()
    assert without_clock(measured(grid, folder=tmp_path)) == expected
    assert without_clock(measured(grid, seed=1)) != expected


def test_the_folder_of_other_settings_is_refused_and_kept(tmp_path):
    measured(SMALL, folder=tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for change in ({"replicates": 60}, {"samples": (1, 2, 3)}):
        with pytest.raises(ValueError, match="holds another experiment: its cells"):
            measured(SMALL._replace(**change), folder=tmp_path)
    with pytest.raises(ValueError, match="its seed is 0, here it is 1"):
        measured(SMALL, folder=tmp_path, seed=1)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        "quadratic",
        "cosine",
        "linear-gaussian",
        "linear-gaussian-digits",
        "digits",
        "digits-discrete",
    ],
)
def test_unbiased_estimators_are_and_biased_ones_show_it(model):
    """Every estimator that fits the model, at S = 1 and 3, against the exact gradient."""
    grid = Grid(
        models=(model,),
        samples=(1, 3),
        dimensions=(2,),
        points=("mid",),
        frequencies=(1.0,),
        replicates=3000,
        training_steps=150,
    )
    rows = [row for row in measured(grid) if row["bias_z"] is not None]
    names = {row["estimator"] for row in rows}
    assert {"score-function", "leave-one-out", "nvil"} < names
    for row in rows:
        if row["unbiased"]:
            assert abs(row["bias_z"]) < 5, row
    check_orders(grid, rows)
    for name in {"concrete", "straight-through", "straight-through-gumbel"} & names:
        scores = [
            abs(r["bias_z"]) for r in rows if r["estimator"] == name and r["block"] != "theta"
        ]
        assert max(scores) > 5, name


def check_orders(grid, rows):
    """Where a bias is declared to vanish with h: what is left of it, from the same noise at 2 h."""
    declared = {row["estimator"] for row in rows if ESTIMATORS[row["estimator"]].bias.vanishes}
    at_2h = {}
    for name in declared:
        record = ESTIMATORS[name]
        wide = {record.bias.parameter: 2 * record.bias.value(record.elbo)}
        at_2h[name] = record._replace(estimator=partial(record.estimator, **wide))
    if not declared:
        return
    wider = measured(grid._replace(estimators=tuple(declared)), table={**ESTIMATORS, **at_2h})
    key = itemgetter("estimator", "samples", "block")
    biases = {key(row): row["bias"] for row in wider}
    for row in rows:
        if row["estimator"] in declared:
            order = ESTIMATORS[row["estimator"]].bias.order
            left = 2 * abs(biases[key(row)] - row["bias"]) / (2**order - 1)
            assert row["bias_declared"] == str(ESTIMATORS[row["estimator"]].bias)
            error = abs(row["bias"] / row["bias_z"]) if row["bias_z"] else np.inf
            assert abs(row["bias"]) <= 5 * error + left, row


def test_pathwise_loses_to_the_optimal_baseline_when_the_cosine_is_wavy():
    grid = Grid(
        models=("cosine",),
        estimators=("optimal-control-variate", "reparameterized"),
        samples=(1,),
        dimensions=(1,),
        points=("start",),
        frequencies=(0.5, 3.0),
        replicates=4000,
    )
    rows = measured(grid)

    def at(k, name):
        return pick(rows, k=k, estimator=name, block="mean")

    smooth, wavy = 0.5, 3.0
    assert (
        at(smooth, "reparameterized")["variance_high"]
        < at(smooth, "optimal-control-variate")["variance_low"]
    )
    assert (
        at(wavy, "optimal-control-variate")["variance_high"]
        < at(wavy, "reparameterized")["variance_low"]
    )


@pytest.mark.parametrize("s", [0.5, 1.0, 1.3])
def test_sticking_the_landing_loses_at_some_scales_and_wins_at_the_posterior(s):
    """p(z | x) = N(0, 1), q = N(m, s^2): variances (1/s - s)^2 and s^2 of d/dm."""
    model, family = LinearGaussian(1, 2), DiagonalGaussian(1)
    theta = {"W": np.zeros((2, 1)), "b": np.zeros(2), "log_sigma": np.zeros(())}

    def found(name):
        return gradient_statistics(
            ESTIMATORS[name].elbo,
            family,
            lambda R: hold_theta(kernel.target(model, theta, np.zeros((R, 2)))),
            np.array([[0.0, np.log(s)]]),
            lambda rng, R: family.noise(rng, 1, R),
            np.random.default_rng(0),
            replicates=20_000,
            level=0.9999,
        ).blocks[0]

    path, total = found("sticking-the-landing"), found("reparameterized-mc")
    assert total.interval.low < s**2 < total.interval.high
    if s == 1:
        assert path.variance < 1e-25
    else:
        assert path.interval.low < (1 / s - s) ** 2 < path.interval.high
        assert (path.variance > total.variance) == ((1 / s - s) ** 2 > s**2)


def test_the_score_function_grows_with_the_dimension_and_pathwise_does_not():
    grid = SMALL._replace(points=("start",), samples=(1,), dimensions=(1, 16), replicates=4000)
    rows = measured(grid)
    score, path = (
        [pick(rows, estimator=name, dimension=D, block="mean")["variance"] for D in (1, 16)]
        for name in grid.estimators
    )
    assert score[1] > 50 * score[0]
    assert path[1] == pytest.approx(path[0], rel=0.15)


def test_a_new_estimator_stands_beside_the_table():
    mine = Record(halves_the_gradient, halves_the_gradient, source="this test")
    grid = SMALL._replace(estimators=("mine", "reparameterized"), replicates=2000, samples=(1,))
    rows = measured(grid, table={**ESTIMATORS, "mine": mine})
    for row in rows:
        if row["estimator"] == "mine" and row["point"] == "start":
            assert abs(row["bias_z"]) > 5


CONVOLUTIONAL = """
from bbvi import BernoulliLikelihood, ConvNet, DeepLatentModel, StandardNormal
from bbvi.nets import Dense, TransposedConv

decoder = ConvNet(2, (Dense((1, 2, 2)), TransposedConv(1, 2, 2)))
model = DeepLatentModel(StandardNormal(2), decoder, BernoulliLikelihood())
"""


def test_a_convolutional_decoder_has_rows_of_lam_only(tmp_path, monkeypatch):
    """Sums of squares over theta's gradients are known for dense layers only."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "convolutional.py").write_text(CONVOLUTIONAL)
    grid = SMALL._replace(
        models=(f"{tmp_path}/convolutional.py:model",),
        dimensions=None,
        samples=(1,),
        points=("mid",),
    )
    rows = measured(grid)
    sys.modules.pop("convolutional")
    assert {row["block"] for row in rows} == {"mean", "log-scale"}
    assert all(row["variance"] > 0 for row in rows)


def test_noise_sources_are_compared():
    grid = SMALL._replace(
        estimators=("reparameterized",),
        samples=(4,),
        dimensions=(1,),
        noise=("independent", "antithetic", "quasi-monte-carlo"),
        replicates=500,
    )
    rows = measured(grid)
    plain, mirrored, sobol = (
        pick(rows, noise=noise, point="start", block="mean")["variance"] for noise in grid.noise
    )
    assert mirrored < 1e-20
    assert sobol < plain / 2


def test_the_exact_gradient_of_a_trained_decoder_is_exact():
    """At the start q is wide and the decoder steep; against a fine trapezoid sum in the noise."""
    frozen = trajectory("digits", 2, np.random.default_rng(0), 1500)
    grid = np.linspace(-8, 8, 400)
    eps = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 1, 2)
    weights = np.exp(-0.5 * (eps**2).sum(axis=-1))
    z = frozen.family.transform(frozen.points["start"], eps)
    target = frozen.rows(1)
    slopes = np.concatenate([target.value_and_dz(part)[1] for part in np.array_split(z, 40)])
    through = np.concatenate([slopes, slopes * eps], axis=-1)
    wanted = (weights[..., None] * through).sum(axis=0) / weights.sum() + [0, 0, 1, 1]
    np.testing.assert_allclose(frozen.exact["start"].grad, wanted, atol=1e-5)


@pytest.mark.parametrize("model", ["quadratic", "linear-gaussian"])
def test_trajectories_start_neutral_and_climb(model):
    frozen = trajectory(model, 2, np.random.default_rng(0), k=-3.0)
    assert list(frozen.points) == list(POINTS)
    size = [float(np.abs(frozen.exact[name].grad).max()) for name in POINTS]
    assert size[0] > size[1] > size[2]
    if model == "linear-gaussian":
        assert size[2] < 1e-8


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"estimators": ("reparametrized",)}, ValueError, "expected one of score-function, "),
        ({"models": ("mnist",)}, ValueError, "models has 'mnist'; expected some of quadratic, "),
        ({"points": ("end",)}, ValueError, "points has 'end'; expected some of start, mid"),
        ({"noise": ("white",)}, ValueError, "noise has 'white'; expected some of independent"),
        ({"replicates": 1}, ValueError, "replicates is 1; expected at least 2"),
        ({"samples": (0,)}, ValueError, "samples is 0; expected at least 1"),
        ({"samples": ()}, ValueError, "samples is empty"),
        ({"samples": (1.5,)}, TypeError, "samples is 1.5"),
        ({"dimensions": (0,)}, ValueError, "dimensions is 0"),
        ({"frequencies": (-1.0,)}, ValueError, "frequencies has -1.0"),
        ({"estimators": ("leave-one-out",)}, ValueError, "leave-one-out got S = 1.* S >= 2"),
        ({"estimators": ("iwae",)}, ValueError, "iwae estimates a bound .* plain expectation"),
        ({"estimators": ("arm",)}, TypeError, "arm got the family DiagonalGaussian"),
        (
            {"models": ("digits-discrete",), "dimensions": (2,)},
            TypeError,
            "digits-discrete: reparameterized got the family Bernoulli",
        ),
        (
            {"noise": ("antithetic",), "estimators": ("reparameterized",)},
            ValueError,
            "antithetic noise got num_samples = 1",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        measured(SMALL._replace(**change), folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_left_out_unless_it_was_asked_for():
    rows = measured(SMALL._replace(estimators=None, dimensions=(1,), points=("mid",)))
    assert {row["samples"] for row in rows if row["estimator"] == "leave-one-out"} == {2}
    assert "arm" not in {row["estimator"] for row in rows}
    assert "iwae" not in {row["estimator"] for row in rows}


def test_a_task_carries_what_its_cell_needs(monkeypatch):
    """Of several trajectories a cell's task has one, with one point; the rows are as before."""
    sizes = {}

    def weighed(task, units, executor, workers):
        for unit in units:
            cell = json.loads(unit[0].cell)
            sizes[cell["k"], cell["point"]] = len(pickle.dumps((task, unit)))
            yield unit, task(unit)

    grid = Grid(
        models=["cosine"],
        estimators=["reparameterized"],
        samples=[1],
        frequencies=[0.5, 1.0, 1.5],
        replicates=10,
    )
    plain = variance(grid, workers=1)
    monkeypatch.setattr(sweep, "compute", weighed)
    assert without_clock(variance(grid).rows) == without_clock(plain.rows)
    assert len(sizes) == 9
    made = {f"{k}": trajectory("cosine", None, np.random.default_rng(0), k=k) for k in (0.5, 1.0)}
    assert max(sizes.values()) < len(pickle.dumps((made, ESTIMATORS)))
