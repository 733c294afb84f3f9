"""Own models, integrands, estimators and points lam in ``bbvi variance``."""

import csv
import importlib
import sys

import numpy as np
import pytest

from bbvi import Bernoulli, DiagonalGaussian, Laplace
from bbvi.cli import main
from bbvi.evaluation.exact import cosine_expectation
from bbvi.experiments.user_integrand import (
    Integrand,
    climb,
    exact_expectation,
    family_of,
    integrand_rows,
    points_for,
    specifications_of_file,
)

MINE = """
import autograd.numpy as anp
import numpy as np
from bbvi import Estimate, Laplace, LinearGaussian, reparameterized
from bbvi.estimators import expectations, of_elbo
from bbvi.estimators.specification import Specification
from bbvi.experiments.user_integrand import Integrand

pca = LinearGaussian(1, 3)


def wave(z):
    return anp.sum(anp.cos(2.0 * z), axis=-1)


def whole(z):
    return anp.sum(anp.cos(2.0 * z))


peaked = Integrand(wave, Laplace(2))


def halved(family, target, lam, eps):
    estimate = reparameterized(family, target, lam, eps)
    return estimate._replace(grad=0.5 * estimate.grad)


def pathwise(family, target, lam, eps):
    return expectations.pathwise(family, target, lam, eps)


elbo_s = of_elbo(pathwise)


def broken(family, target, lam, eps):
    return 1 / 0


def flat(family, target, lam, eps):
    estimate = reparameterized(family, target, lam, eps)
    return estimate._replace(grad=estimate.grad.ravel())


def half_lost(z):
    return anp.log(anp.sum(z, axis=-1))


def median_of_others(family, target, lam, eps):
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    others = [np.median(np.delete(f, s, axis=0), axis=0) for s in range(len(f))]
    grad = (f - np.stack(others))[..., None] * family.score(lam, z)
    return Estimate(f.mean(axis=0), grad.mean(axis=0), dtheta)


declared = {"my-pathwise": Specification(expectations.pathwise, "mine", differentiable=True)}
number = 3
"""
BROKEN_AT = MINE.splitlines().index("    return 1 / 0") + 1


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A user's file, forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "my_parts.py"
    path.write_text(MINE)
    yield path
    sys.modules.pop("my_parts", None)


def run(out, *options):
    fast = ["--replicates", "400", "--workers", "1", "--samples", "2", "--out", str(out)]
    return main(["variance", *options, *fast])


def rows_of(out):
    with open(out / "variance.csv", newline="") as table:
        return list(csv.DictReader(table))


def test_a_gradient_that_is_not_finite_is_told_and_not_drawn(file, tmp_path, capsys):
    names = [f"{file}:median_of_others", "reparameterized"]
    line = ["variance", "--model", f"{file}:wave", "--estimators", *names, "--samples", "1", "2"]
    line += ["--points", "start", "--replicates", "400", "--workers", "1"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    caution = "its gradient is not finite in 400 of 400 replicates"
    assert told.out.count("caution") == told.out.count(f"median_of_others at S=1: {caution}") == 1
    assert "nan" not in told.out
    assert told.err == ""
    rows = {(row["estimator"], row["samples"]): row for row in rows_of(tmp_path / "out")}
    lost, whole = rows["median_of_others", "1"], rows["median_of_others", "2"]
    assert [lost[key] for key in ("variance_exists", "bias_z", "not_finite")] == ["", "", "400"]
    assert [lost[key] for key in ("variance", "snr", "tail_index")] == ["nan"] * 3
    assert whole["not_finite"] == "0"
    # Redrawn from the table, as it was drawn.
    again = ["results", str(tmp_path / "out"), "--figures", str(tmp_path / "again")]
    assert main(again) == 0
    for picture in (tmp_path / "out").glob("*.png"):
        assert picture.read_bytes() == (tmp_path / "again" / picture.name).read_bytes()


def test_an_integrand_that_is_nowhere_finite_is_no_success(file, tmp_path, capsys):
    assert (
        run(tmp_path / "out", "--model", f"{file}:half_lost", "--estimators", "score-function") == 1
    )
    told = capsys.readouterr()
    assert "score-function at S=2: its gradient is not finite in " in told.out
    assert "Warning" not in told.err


def test_an_own_model_with_an_own_estimator_at_own_points(file, tmp_path):
    np.save(tmp_path / "mine.npy", np.array([[3.0, -1.0], [0.0, 0.0]]))
    estimators = [f"{file}:halved", "reparameterized"]
    points = ["start", str(tmp_path / "mine.npy")]
    model = ["--model", f"{file}:pca"]
    assert run(tmp_path / "out", *model, "--estimators", *estimators, "--points", *points) == 0
    rows = rows_of(tmp_path / "out")
    assert {row["point"] for row in rows} == {"start", "mine[0]", "mine[1]"}
    assert {row["estimator"] for row in rows} == {"halved", "reparameterized"}
    for row in rows:
        # The exact gradient tells a halved one from an unbiased one.
        if row["block"] == "mean" and row["point"] == "mine[0]":
            assert (abs(float(row["bias_z"])) > 5) == (row["estimator"] == "halved")
    assert (tmp_path / "out" / "pca-mean-ranking.png").exists()


def test_another_file_of_the_same_name_is_another_experiment(file, tmp_path, capsys):
    options = ["--model", f"{file}:wave", "--estimators", f"{file}:pathwise", "--points", "start"]
    assert run(tmp_path / "out", *options) == 0
    sys.modules.pop("my_parts")
    file.write_text(MINE.replace("cos(2.0", "cos(3.0"))
    assert run(tmp_path / "out", *options) == 2
    assert "has changed since" in capsys.readouterr().err


def test_the_former_name_of_the_module_is_kept_for_one_release():
    assert importlib.import_module("bbvi.experiments.own_integrand").Integrand is Integrand


@pytest.mark.parametrize("name", ["wave", "peaked"])
def test_an_own_integrand_is_measured_against_a_sum(file, name, tmp_path):
    own = [f"{file}:pathwise", f"{file}:declared"]
    estimators = ["--estimators", *own, "score-function"]
    assert run(tmp_path / "out", "--model", f"{file}:{name}", *estimators) == 0
    rows = rows_of(tmp_path / "out")
    assert {row["estimator"] for row in rows} == {"pathwise", "my-pathwise", "score-function"}
    assert all(abs(float(row["bias_z"])) < 5 for row in rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "{}:whole"], "the integrand returned shape () for z of shape (2, 3, 1)"),
        (
            ["--model", "{}:pca", "--estimators", "{}:broken"],
            f"broken ends in an error: my_parts.py, line {BROKEN_AT}: ZeroDivisionError",
        ),
        (["--model", "{}:pca", "--estimators", "{}:flat"], "flat returned (2,); expected a bbvi.E"),
        (["--model", "{}:pca", "--estimators", "{}:number"], "is int; expected an estimator"),
        (
            ["--model", "{}:wave", "--estimators", "{}:elbo_s"],
            "elbo_s: it estimates the ELBO, with",
        ),
        (["--model", "{}:pca", "--estimators", "{}:pathwise"], "pathwise: it estimates E_q[log p]"),
        (["--model", "{}:peaked", "--dimensions", "3"], "has D = 2 of its own"),
        (["--model", "{}:pca", "quadratic", "--estimators", "{}:halved"], "of E_q[f], or of the"),
        (["--model", "quadratic", "--points", "none.csv"], "no such file"),
    ],
)
def test_what_cannot_work_is_one_line(file, options, message, tmp_path, capsys):
    given = [option.format(file) for option in options]
    assert run(tmp_path / "out", *given) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_points_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"the point a has 3 numbers; expected 4"):
        points_for(DiagonalGaussian(2), {"a": [0.0, 1.0, 2.0]})


def wave(z):
    import autograd.numpy as anp

    return anp.sum(anp.cos(2.0 * z), axis=-1)


def test_the_sum_is_the_closed_form():
    family, lam = DiagonalGaussian(2), np.array([[0.3, -0.2, -0.5, 0.1]])
    found = exact_expectation(family, integrand_rows(wave, 2, 1), lam)
    truth = cosine_expectation(family, 2.0, lam)
    assert found.elbo == pytest.approx(truth.elbo, rel=1e-10)
    assert found.grad == pytest.approx(truth.grad, rel=1e-9)
    assert (
        exact_expectation(DiagonalGaussian(3), integrand_rows(wave, 3, 1), np.zeros((1, 6))) is None
    )


@pytest.mark.parametrize("family", [DiagonalGaussian(1), Laplace(1), Bernoulli(3)])
def test_the_climb_goes_up(family):
    # In the mean over seeds: ten noisy steps can lead a single climb down.
    target = integrand_rows(wave, family.latent_dim, 1)
    climbs = [climb(family, target, np.random.default_rng(seed)) for seed in range(8)]
    values = np.mean(
        [
            [exact_expectation(family, target, lam).elbo[0] for lam in points.values()]
            for points in climbs
        ],
        axis=0,
    )
    assert values[0] < values[1] < values[2]


def test_an_integrand_s_family():
    assert family_of(Integrand(wave), None) == DiagonalGaussian(1)
    assert family_of(Integrand(wave), 4) == DiagonalGaussian(4)
    assert family_of(Integrand(wave, Laplace(2)), 2) == Laplace(2)


def test_a_function_estimates_what_the_models_are(file):
    text = f"{file}:pathwise"
    assert specifications_of_file(text, plain=True)["pathwise"].expectation is not None
    assert specifications_of_file(text, plain=False)["pathwise"].expectation is None
