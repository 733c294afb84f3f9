import csv
import json
from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure

from bbvi import NotFiniteError
from bbvi.cli import main
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.compare_seeds import CLOCK, compare_seeds
from bbvi.experiments.methods import DEFAULT, Settings
from bbvi.plotting import compare as plotting

TINY = Settings(
    evaluations=40_000,
    rate=0.01,
    local_rate=0.1,
    inner_steps=5,
    new_steps=60,
    optimum_steps=100,
    test_rows=25,
)


DIGITS = partial(problem_of, None, "digits", 0, 2, "float32")
one_seed = partial(compare_seeds, DIGITS, num_seeds=1, settings=TINY, workers=1, progress=False)


@pytest.fixture(scope="module")
def result():
    found = one_seed()
    assert found.failures == []
    return found


def test_every_method_has_a_row_at_the_same_budget(result):
    assert [row["method"] for row in result.rows] == list(DEFAULT)
    for row in result.rows:
        assert TINY.evaluations <= row["evaluations"] < 1.15 * TINY.evaluations
        assert row["seconds"] > 0
        assert row["gradient_variance"] > 0


def test_bounds_hold_and_the_gap_is_the_sum_of_its_parts(result):
    for row in result.rows:
        assert row["test_elbo"] < row["test_log_evidence"]
        whole = row["test_log_evidence"] - row["test_elbo"]
        parts = row["approximation_gap"] + row["amortization_gap"]
        assert parts == pytest.approx(whole, abs=1e-9)
        assert row["approximation_gap"] > 0
        assert row["amortization_gap"] > -0.01


def test_the_expected_order_of_methods(result):
    rows = {row["method"]: row for row in result.rows}
    assert rows["bbvi-reparameterized"]["test_elbo"] > rows["bbvi-score"]["test_elbo"] + 1
    plain, reparameterized = rows["amortized-score"], rows["amortized-reparameterized"]
    assert plain["gradient_variance"] > 20 * reparameterized["gradient_variance"]
    slow, fast = rows["bbvi-reparameterized"], rows["amortized-reparameterized"]
    assert slow["seconds_per_new"] > 50 * fast["seconds_per_new"]


def test_a_method_gives_the_same_numbers_alone_as_beside_the_others(result):
    alone = one_seed(methods=["amortized-reparameterized"])
    beside = next(r for r in result.rows if r["method"] == "amortized-reparameterized")
    same = set(beside) - set(CLOCK)
    assert {key: alone.rows[0][key] for key in same} == {key: beside[key] for key in same}


def test_an_unknown_method_is_refused_with_the_legal_ones():
    with pytest.raises(ValueError, match=r"methods is \['vae'\]; expected some of: bbvi-score"):
        one_seed(methods=["vae"])
    with pytest.raises(ValueError, match=r"methods is \[\]"):
        one_seed(methods=[])


def test_posteriors_are_normalized_where_q_is(result):
    for posterior in result.posteriors:
        assert posterior.log_joint.shape == (80, 80)
        density = np.exp(posterior.log_joint - posterior.log_joint.max())
        edge = np.concatenate([density[0], density[-1], density[:, 0], density[:, -1]])
        assert edge.max() < 1e-6
        assert (np.linalg.eigvalsh(posterior.covariance) > 0).all()


@pytest.mark.parametrize(("budget", "labels"), [(40_000, ["3", "3"]), (4_000_000, [])])
def test_ticks_between_decades_are_labelled_once_where_decades_are_few(budget, labels):
    """2, 3, ..., 9 of each decade would lie on top of each other."""
    curves = [
        {"method": "bbvi-score", "evaluations": count, "elbo": -1.0}
        for count in np.geomspace(2_000, budget, 50)
    ]
    axes = Figure().subplots()
    plotting.learning_curves(axes, curves, ["bbvi-score"], "evaluations")
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    shown = [
        label.get_text()
        for minor in (False, True)
        for place, label in zip(axes.get_xticks(minor=minor), axes.get_xticklabels(minor=minor))
        if "3" in label.get_text().split("times")[0] and low <= place <= high
    ]
    assert ["3" for _ in shown] == labels


def test_the_command_writes_rows_curves_manifest_and_figure(tmp_path, capsys):
    arguments = ["compare", "--dataset", "iris", "--quick", "--evaluations", "5000"]
    arguments += ["--workers", "1", "--methods", "bbvi-reparameterized", "semi-amortized"]
    assert main([*arguments, "--out", str(tmp_path / "a"), "--dtype", "float64"]) == 0
    shown = capsys.readouterr().out
    assert "semi-amortized" in shown
    assert main([*arguments, "--out", str(tmp_path / "b"), "--dtype", "float64"]) == 0
    tables = []
    for folder in "ab":
        with open(tmp_path / folder / "compare.csv") as file:
            tables.append(list(csv.DictReader(file)))
    for one, other in zip(*tables):
        assert {k: v for k, v in one.items() if not k.startswith("seconds")} == {
            k: v for k, v in other.items() if not k.startswith("seconds")
        }
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["command"]["seed"] == 0
    assert manifest["environment"]["versions"]["numpy"] == np.__version__
    slides = [f"compare{part}.png" for part in ("", "_new_data", "_posteriors")]
    assert sum((tmp_path / "a" / name).stat().st_size for name in slides) > 50_000
    assert (tmp_path / "a" / "curves.csv").exists()


def test_the_command_reads_a_table_and_more_than_two_latents(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "table.npy", rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5)))
    status = main(
        [
            "compare",
            "--dataset",
            str(tmp_path / "table.npy"),
            "--latent-dim",
            "3",
            "--quick",
            "--evaluations",
            "5000",
            "--methods",
            "amortized-reparameterized",
            "semi-amortized",
            "--out",
            str(tmp_path / "out"),
        ]
    )
    assert status == 0
    assert "table: 48 training and 12 held-out rows" in capsys.readouterr().out
    assert (tmp_path / "out" / "compare.png").exists()


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    cases = {
        ("--dataset", "cifar"): "dataset is 'cifar'; expected digits, iris",
        ("--dataset", str(tmp_path / "no.npy")): "no such file",
        ("--methods", "magic"): "methods is ['magic']; expected some of",
        ("--samples", "0"): "num_samples is 0; expected at least 1",
        ("--evaluations", "0"): "evaluations is 0; expected at least 1",
        ("--seed", "-1"): "--seed is -1; expected at least 0",
        ("--model", "names", "--latent-dim", "5"): "--latent-dim is 5, but --model names has its",
        ("--latent-dim", "0"): "latent_dim is 0; expected at least 1",
        ("--methods", "amortized-score", "--inner-steps", "3"): "amortized-score has no Step 1",
        ("--samples", "1"): "leave_one_out got S = 1 sample; expected S >= 2",
    }
    for arguments, message in cases.items():
        assert main(["compare", "--quick", *arguments, "--out", str(tmp_path / "x")]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("num_rows", [2, 5])
def test_a_table_with_one_row_to_hold_out(num_rows, tmp_path, capsys):
    np.save(tmp_path / "few.npy", np.random.default_rng(0).standard_normal((num_rows, 3)))
    arguments = ["--dataset", str(tmp_path / "few.npy"), "--methods", "amortized-reparameterized"]
    # One step only: a learning curve of one point.
    arguments += ["--quick", "--evaluations", "1", "--out", str(tmp_path / "out")]
    assert main(["compare", *arguments, "--workers", "1"]) == 0
    assert f"few: {num_rows - 1} training and 1 held-out row;" in capsys.readouterr().out


def test_a_results_folder_that_cannot_be_is_refused_before_the_run(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("bbvi.cli.compare.compare_seeds", None)
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["compare", "--quick", "--out", str(out)]) == 2
        assert f"{tmp_path / 'file'} is a file, no folder" in capsys.readouterr().err


def test_a_run_that_meets_infinity_ends_in_one_line(tmp_path, capsys, monkeypatch):
    def diverge(*args, **kwargs):
        raise NotFiniteError("fit_bbvi: the ELBO is not finite at step 3", state=None)

    monkeypatch.setattr("bbvi.cli.compare.compare_seeds", diverge)
    assert main(["compare", "--quick", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "bbvi compare: fit_bbvi: the ELBO is not finite at step 3\n"
