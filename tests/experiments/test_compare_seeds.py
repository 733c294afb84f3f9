"""The comparison over seeds: same table everywhere, and conclusions that hold."""

import csv
import json
import re
from functools import partial

import numpy as np
import pytest

from bbvi.cli import main
from bbvi.experiments.budget import learn
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.compare_results import conclusions, report
from bbvi.experiments.compare_seeds import CLOCK, compare_seeds
from bbvi.experiments.cross import cross_table, learn_shared
from bbvi.experiments.methods import METHODS, Settings
from bbvi.experiments.tuning import choose, grid_of, tune, validation_split
from bbvi.inference import Fit
from bbvi.plotting import compare as plotting

TINY = Settings(evaluations=8_000, new_steps=30, optimum_steps=40, test_rows=10)
IRIS = partial(problem_of, None, "iris", 0, 2, "float64")
IRIS_PCA = partial(problem_of, "linear-gaussian", "", 0, 2, "float64")
DIGITS = partial(problem_of, None, "digits", 0, 2, "float64")
TWO = ("amortized-reparameterized", "semi-amortized")


@pytest.fixture(scope="module")
def result():
    return compare_seeds(IRIS, num_seeds=3, methods=TWO, settings=TINY, workers=1, progress=False)


def numbers(rows):
    """Without what a clock measured."""
    clocks = {f"{name}{end}" for name in CLOCK for end in ("", "_low", "_high")}
    return [{k: v for k, v in row.items() if k not in clocks} for row in rows]


def test_there_is_a_row_for_each_method_and_seed_and_a_mean_with_its_interval(result):
    assert [(row["method"], row["seed"]) for row in result.rows] == [
        (name, seed) for seed in range(3) for name in TWO
    ]
    for line in result.summary:
        each = [row["test_elbo"] for row in result.rows if row["method"] == line["method"]]
        assert line["test_elbo"] == pytest.approx(np.mean(each))
        reach = 4.302653 * np.std(each, ddof=1) / np.sqrt(3)
        assert line["test_elbo_high"] - line["test_elbo"] == pytest.approx(reach, rel=1e-5)
    assert len(result.differences) == 1


def test_methods_of_a_seed_have_one_start_and_seeds_have_others():
    def starts(problem, method, theta, *args, **kwargs):
        seen.append(theta["W"][0, 0])
        return learn(problem, method, theta, *args, **kwargs)

    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbvi.experiments.compare_seeds.learn", starts)
        compare_seeds(IRIS, num_seeds=2, methods=TWO, settings=TINY, workers=1, progress=False)
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_two_names_of_one_method_are_never_called_different():
    table = {"one": METHODS[TWO[0]], "other": METHODS[TWO[0]]}
    found = compare_seeds(
        IRIS,
        num_seeds=2,
        methods=tuple(table),
        table=table,
        settings=TINY,
        workers=1,
        progress=False,
    )
    assert not found.differences[0].decided
    assert found.differences[0].mean == 0


@pytest.mark.slow
def test_the_same_table_from_processes_and_from_what_is_left_of_a_run(tmp_path, result):
    run = partial(compare_seeds, IRIS, num_seeds=3, methods=TWO, settings=TINY, progress=False)
    found = run(workers=2, folder=tmp_path)
    assert numbers(found.rows) == numbers(result.rows)
    assert numbers(found.summary) == numbers(result.summary)
    for number, cell in enumerate(sorted((tmp_path / "cells").iterdir())):
        if number % 2:
            cell.unlink()
    assert numbers(run(workers=1, folder=tmp_path).rows) == numbers(result.rows)


def test_fits_come_back_as_they_were(tmp_path, result):
    fit = result.fits["semi-amortized", 1]
    fit.save(tmp_path / "fit.npz")
    again = Fit.load(tmp_path / "fit.npz")
    for key, value in fit.theta.items():
        assert (again.theta[key] == value).all()
    assert again.phi.keys() == fit.phi.keys()
    assert (again.lam == fit.lam).all()
    assert (again.trace.elbo == fit.trace.elbo).all()
    (tmp_path / "bad.npz").write_bytes(b"PK not an archive")
    with pytest.raises(ValueError, match=r"bad\.npz holds no fit that can be read"):
        Fit.load(tmp_path / "bad.npz")
    with pytest.raises(FileNotFoundError):
        Fit.load(tmp_path / "none.npz")


def test_all_infer_at_a_shared_theta():
    theta = learn_shared(IRIS, METHODS, TWO, TINY, seed=0)
    found = compare_seeds(
        IRIS, num_seeds=2, methods=TWO, settings=TINY, theta=theta, workers=1, progress=False
    )
    for fit in found.fits.values():
        for key, value in theta.items():
            assert (fit.theta[key] == value).all()
    # One theta, one evidence, whoever infers.
    evidence = {round(row["test_log_evidence"], 12) for row in found.rows}
    assert len(evidence) == 1


def test_the_cross_table_has_every_method_at_every_theta(result):
    fits = {key: fit for key, fit in result.fits.items() if key[1] == 0}
    rows = cross_table(IRIS, fits, TINY, METHODS, workers=1, progress=False)
    assert {(row["learned_by"], row["method"]) for row in rows} == {
        (a, b) for a in TWO for b in TWO
    }
    for row in rows:
        direct = next(r for r in result.rows if (r["method"], r["seed"]) == (row["learned_by"], 0))
        assert row["test_log_evidence"] == pytest.approx(direct["test_log_evidence"], abs=1e-9)


def test_equal_seconds_are_about_equal():
    problem = IRIS()
    theta = problem.model.init(np.random.default_rng(0))
    settings = TINY._replace(seconds=0.5)
    fit = learn(problem, METHODS[TWO[0]], theta, np.random.default_rng(1), settings)
    assert 0.1 < fit.trace.seconds[-1] < 2.5


def test_tuning_tries_equally_many_points_and_never_sees_the_test_data():
    with_sizes = [method for method in METHODS.values() if method.rate is not None]
    assert len({len(grid_of(method)) for method in with_sizes}) == 1
    # What has no step size is not tried again and again with others.
    points = grid_of(METHODS["mean-field-em"])
    assert [point["inner_steps"] for point in points] == [1, 5]
    problem = IRIS()
    split = validation_split(problem)
    together = np.concatenate([split.train.x, split.test.x])
    assert (together == problem.train.x).all()
    held_out = {tuple(row) for row in problem.test.x} - {tuple(row) for row in problem.train.x}
    assert not held_out & {tuple(row) for row in together}


def test_the_best_point_is_chosen_by_its_mean_and_a_diverged_one_never():
    table = {"semi-amortized": METHODS["semi-amortized"]}
    rows = [
        {"method": "semi-amortized", "rate": r, "local_rate": 0.1, "inner_steps": 1, "seed": seed}
        | {"validation_elbo": value}
        for r, values in ((0.01, (-5.0, -5.0)), (0.03, (-4.0, -5.5)), (0.1, (-1.0, None)))
        for seed, value in enumerate(values)
    ]
    tuned = choose(rows, table)
    assert tuned.table["semi-amortized"].rate == 0.03
    assert [row["chosen"] for row in tuned.rows] == [False, False, True, True, False, False]
    lost = [{**row, "validation_elbo": None} for row in rows]
    with pytest.raises(ValueError, match="all trials of semi-amortized diverged"):
        choose(lost, table)


@pytest.mark.slow
def test_tuning_finds_a_rate_that_learns():
    tuned = tune(
        IRIS,
        num_seeds=1,
        methods=TWO[:1],
        settings=TINY._replace(evaluations=20_000),
        workers=2,
        progress=False,
    )
    best = max(row["validation_elbo"] for row in tuned.rows)
    worst = min(row["validation_elbo"] for row in tuned.rows)
    assert next(row for row in tuned.rows if row["chosen"])["validation_elbo"] == best
    assert best > worst + 0.5
    assert tuned.table[TWO[0]].rate != 0.001


def test_the_report_says_what_the_intervals_say(result):
    problem = IRIS()
    text = report(problem, result)
    assert text.startswith("iris: 120 training and 10 of 30 held-out rows; nats per datapoint")
    assert "means over 3 seeds with 95 % intervals" in text
    difference = result.differences[0]
    ahead = difference._replace(mean=1.0, low=0.5, high=1.5)
    level = difference._replace(mean=1.0, low=-0.5, high=2.5)
    assert "is ahead of" in conclusions([ahead])[0]
    assert conclusions([level]) == [f"Not told apart: {level.a} and {level.b}."]
    many = [line | {"unconverged_fits": 0.5, "unconverged_rows": 1.0} for line in result.summary]
    text = report(problem, result._replace(summary=many * 4, differences=[level] * 9))
    assert max(map(len, text.splitlines())) <= 100
    assert "One seed says nothing" in conclusions([level._replace(num_seeds=1)])[0]


def test_the_slides_have_a_line_a_band_and_dots_for_each_method(result):
    problem = IRIS()
    drawn = plotting.slides(
        result.rows,
        result.summary,
        result.curves,
        result.posteriors,
        problem.test.x,
        None,
        "title",
    )
    learning, new_data, posteriors = (figure.axes for figure in drawn.values())
    for axes in learning:
        assert len(axes.lines) == len(axes.collections) == len(TWO)
    held_out, gaps = new_data
    assert len(held_out.lines) == 3 * len(TWO)
    assert len(gaps.patches) == 2 * len(TWO)
    assert len(posteriors) == 2 * len(TWO)


def test_large_numbers_have_few_digits(result):
    lost = dict.fromkeys(("train_elbo", "test_elbo", "test_elbo_low", "test_elbo_high"), -1.5e20)
    far = result._replace(summary=[line | lost for line in result.summary])
    text = report(IRIS(), far)
    assert "-1.5e+20 [-1.5e+20, -1.5e+20]" in text
    assert not re.search(r"\d{8}", text)
    drawn = plotting.slides(far.rows, far.summary, far.curves, [], {}, None, "title")
    assert "-1.5e+20" in [text.get_text() for text in drawn["compare_new_data"].axes[0].texts]


def test_one_seed_and_one_row_are_told_as_such(result):
    problem = IRIS()
    alone = problem._replace(test=problem.test._replace(x=problem.test.x[:1]))
    once = [line | {"seeds": 1, "unconverged_rows": 1.0} for line in result.summary]
    rows = [row | {"test_rows": 1} for row in result.rows]
    text = report(alone, result._replace(summary=once, rows=rows))
    assert "and 1 held-out row;" in text
    assert "of one seed, hence without intervals" in text
    assert "has not converged in the one held-out row: its" in text
    assert "1 seeds" not in text


def test_many_pairs_of_which_none_is_told_apart_are_a_number(result):
    (pair,) = result.differences
    level = pair._replace(low=-1.0, high=1.0)
    assert conclusions([level] * 36) == ["None of the 36 pairs is told apart."]
    far = pair._replace(low=1.0, mean=1.5, high=2.0)
    assert len(conclusions([far, *[level] * 3])) == 2


def test_a_method_that_diverged_is_a_caution(result):
    first = result.summary[0] | {"train_elbo": np.nan}
    text = report(IRIS(), result._replace(summary=[first, *result.summary[1:]]))
    assert f"Caution: the ELBO of {TWO[0]} is not finite" in text
    lost = {key: np.nan for key in first if key.startswith(("test_elbo", "amortization_gap"))}
    rows = [row | lost if row["method"] == TWO[0] else row for row in result.rows]
    curves = [row | {"elbo": np.nan} if row["method"] == TWO[0] else row for row in result.curves]
    for summary in ([first | lost, *result.summary[1:]], [first | lost]):
        drawn = plotting.slides(rows, summary, curves, [], {}, None, "title")
        texts = [text.get_text() for text in drawn["compare_new_data"].axes[0].texts]
        assert texts[0] == "not finite"
        for figure in drawn.values():
            figure.draw_without_rendering()
    assert "not finite" not in report(IRIS(), result)


def test_curves_of_two_budgets_do_not_stand_under_the_title_of_one(result):
    many = result.rows, result.summary, result.curves, []
    of_both = plotting.slides(*many, {}, None, "at equal evaluations", result.curves, "of both")
    titles = [of_both[name].get_suptitle() for name in ("compare", "compare_new_data")]
    assert titles == ["of both", "at equal evaluations"]


def test_the_report_has_equal_seconds_the_cross_table_and_the_chosen_step_sizes(result):
    trial = {"method": TWO[0], "rate": 0.01, "local_rate": None, "inner_steps": None}
    trials = [{**trial, "chosen": False}, {**trial, "rate": 0.03, "chosen": True}]
    crossed = [
        {"learned_by": a, "method": b, "seed": seed, "test_elbo": -10.0 * i - j - 0.5 * seed}
        for i, a in enumerate(TWO, 1)
        for j, b in enumerate(TWO, 1)
        for seed in (0, 1)
    ]
    other = result._replace(summary=[row | {"train_elbo": -99.0} for row in result.summary])
    text = report(IRIS(), result, other, crossed, trials)
    assert re.search(f"{TWO[0]} +0.03 *\n", text)
    assert "of 2 points" in text
    assert text.index("3 seeds") < text.index("With the same budget") < text.index("-99.00")
    assert re.search(f"1 {TWO[0]} +-11.25 +-12.25\n2 {TWO[1]} +-21.25 +-22.25", text)
    notes = ["All infer at one theta."]
    uneven = [line | {"seeds": 2 + k} for k, line in enumerate(result.summary)]
    text = report(IRIS(), result._replace(summary=uneven), evaluations=100, notes=notes)
    assert "means over 2 to 3 seeds" in text
    assert "Some runs ended in errors" in text
    assert "All infer at one theta." in text
    assert re.search(rf"Not at equal evaluations: of 100 took {TWO[0]} [\d,]+, {TWO[1]}", text)
    assert "Not at equal" not in report(IRIS(), result, evaluations=TINY.evaluations)
    few = [line | {"evaluations": 70.0 + 50 * i} for i, line in enumerate(result.summary)]
    text = report(IRIS(), result._replace(summary=few), evaluations=100)
    assert f"Not at equal evaluations: of 100 took {TWO[0]} 70." in text
    slow = [line | {"seconds": 0.6 + 0.8 * i} for i, line in enumerate(result.summary)]
    text = report(IRIS(), result, result._replace(summary=slow), seconds=1.0)
    assert f"Not at equal seconds: of 1 took {TWO[0]} 0.6, {TWO[1]} 1.4." in text
    assert "Not at equal" not in report(IRIS(), result, result._replace(summary=slow[:0]))
    lost = result._replace(
        summary=[], failures=[{"method": "a", "seed": 1, "error": "KeyError: 3"}]
    )
    assert report(IRIS(), lost).startswith("failed: KeyError: 3\n    method a, seed 1\n")


def test_a_conjugate_model_is_compared_with_its_closed_form(capsys):
    names = ("mean-field-em", "bbvi-reparameterized")
    seen = compare_seeds(IRIS_PCA, num_seeds=2, methods=names, settings=TINY, workers=1)
    elbo = {line["method"]: line["test_elbo"] for line in seen.summary}
    assert elbo["mean-field-em"] > elbo["bbvi-reparameterized"]
    with pytest.raises(TypeError, match="method mean-field-em: model is DeepLatentModel, which"):
        compare_seeds(DIGITS, num_seeds=1, methods=names[:1], settings=TINY, workers=1)


def test_who_learns_without_an_estimator_has_no_variance_of_one():
    without = ("mean-field-em", "wake-sleep", "monte-carlo-em")
    names = (*without, "bbvi-reparameterized")
    seen = compare_seeds(IRIS_PCA, num_seeds=2, methods=names, settings=TINY, workers=1)
    assert seen.failures == []
    for line in [*seen.rows, *seen.summary]:
        learns_without = line["method"] in without
        assert line["gradient"] == ("none" if learns_without else "reparameterized")
        assert np.isnan(line["gradient_variance"]) == learns_without


@pytest.mark.slow
def test_the_command_tunes_times_and_crosses(tmp_path, capsys):
    arguments = ["compare", "--dataset", "iris", "--methods", *TWO, "--evaluations", "3000"]
    arguments += ["--seeds", "2", "--quick", "--budget", "0.1s", "--cross"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.count("Held-out ELBO in pairs") == 2
    assert told.index("With the same budget of seconds") < told.index("at the theta in a row")
    for name in ("compare", "seeds", "curves", "differences", "compare_seconds", "cross"):
        with open(tmp_path / f"{name}.csv") as file:
            assert len(list(csv.DictReader(file))) >= 1
    assert len(list((tmp_path / "fits").iterdir())) == 4
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["methods"]["semi-amortized"]["rate"] == METHODS["semi-amortized"].rate


def test_options_that_contradict_each_other_are_refused(tmp_path, capsys):
    for arguments, message in (
        (["--tune", "--rate", "0.1"], "--tune chooses the step sizes, but --rate is given too"),
        (["--rate", "-1"], "rate is -1.0; expected a positive number"),
        (
            ["--cross", "--theta", "shared"],
            "--cross compares inference at the theta of",
        ),
        (["--seeds", "0"], "--seeds is 0; expected at least 1"),
    ):
        out = str(tmp_path / "x")
        assert main(["compare", "--quick", *arguments, "--out", out]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", "--budget", "soon"])
    assert "'soon' is no time; expected seconds, e.g. 20s" in capsys.readouterr().err
