"""A user's own problem, method and estimator from the command line, all the way to the figure."""

import csv
import importlib
import json
import sys
from textwrap import dedent

import numpy as np
import pytest

from bbvi import Bernoulli, DiagonalGaussian, Laplace
from bbvi.cli import main
from bbvi.cli.compare import absolute
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.csv_and_json import read_csv
from bbvi.experiments.methods import METHODS
from bbvi.experiments.problem import Problem
from bbvi.experiments.sweep import run_sweep
from bbvi.experiments.user_files import (
    load_object,
    methods_of_file,
    problem_of_file,
    sha256_of,
)
from bbvi.experiments.user_integrand import check_entropy

MINE = """
import autograd.numpy as anp
import numpy as np
from bbvi import MLP, Laplace, LinearGaussian, Estimate, fit_amortized, reparameterized
from bbvi.datasets import Dataset
from bbvi.experiments.methods import Method, by_encoder
from bbvi.experiments.problem import Problem


class Counts:
    latent_dim = 1

    def init(self, rng):
        return {"a": 0.5 * rng.standard_normal(3), "b": np.ones(3)}

    def log_joint(self, theta, x, z):
        rate = z * theta["a"] + theta["b"]
        return anp.sum(x * rate - anp.exp(rate), axis=-1) - 0.5 * anp.sum(z**2, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 1))
        return rng.poisson(np.exp(z * theta["a"] + theta["b"])).astype(float), z


counts = Counts()


def by_hand(rng, dtype):
    x = rng.standard_normal((40, 4))
    data = Dataset(x, None)
    return Problem("mine", LinearGaussian(2, 4), Laplace(2), MLP((4, 4)), data, data)


def halved(family, target, lam, eps):
    estimate = reparameterized(family, target, lam, eps)
    return estimate._replace(grad=0.5 * estimate.grad)


def without_entropy(family, target, lam, eps):
    z = family.transform(lam, eps)
    f, _, dtheta = target.evaluate(z, dtheta=True)
    return Estimate(f.mean(axis=0), (f[..., None] * family.score(lam, z)).mean(axis=0), dtheta)


def one_argument(x):
    return x


def unfit(family, target, lam, eps):
    raise TypeError("this family has no such derivative")


slow = Method(fit_amortized, halved, by_encoder, rate=0.001)
def same(family, target, lam, eps):
    return reparameterized(family, target, lam, eps)


def no_fit(model, family, x, rng, *, encoder, theta, **settings):
    fit_amortized(model, family, x, rng, encoder=encoder, theta=theta, **settings)


def no_seconds(model, family, x, rng, *, encoder, theta, **settings):
    if settings["max_evaluations"] is None and settings["num_steps"] > 1:
        raise RuntimeError("no budget of seconds")
    return fit_amortized(model, family, x, rng, encoder=encoder, theta=theta, **settings)


several = {"slow": slow, "slower": slow._replace(rate=0.0001)}
number = 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A user's file, forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "my_things.py"
    path.write_text(MINE)
    yield path
    sys.modules.pop("my_things", None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["counts", "by_hand"])
def test_a_model_or_problem_of_a_file_is_compared(file, name, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["compare", "--model", f"{file}:{name}", "--quick", "--evaluations", "3000"]
    methods = ["amortized-reparameterized", f"{file}:halved", f"{file}:several"]
    arguments += ["--methods", *methods, "--out", str(out), "--seeds", "2", "--workers", "2"]
    assert main(arguments) == 0, capsys.readouterr()
    with open(out / "compare.csv") as table:
        rows = list(csv.DictReader(table))
    assert [row["method"] for row in rows] == [
        "amortized-reparameterized",
        "halved",
        "slow",
        "slower",
    ]
    assert rows[1]["gradient"] == "halved"
    assert (out / "compare.png").stat().st_size > 20_000


def test_what_a_file_may_hold(file):
    problem = problem_of_file(f"{file}:counts", np.random.default_rng(0), np.float32)
    assert isinstance(problem, Problem)
    assert problem.train.x.dtype == np.float32
    assert len(problem.train.x) == 400
    assert list(methods_of_file(f"{file}:several")) == ["slow", "slower"]
    for name, wanted in (
        ("number", "a Problem, a model"),
        ("Counts", "is a class; expected an object"),
    ):
        with pytest.raises(TypeError, match=wanted):
            problem_of_file(f"{file}:{name}", np.random.default_rng(0), np.float32)
    with pytest.raises(TypeError, match="is int; expected a Method"):
        methods_of_file(f"{file}:number")


def test_what_is_wrong_is_told_in_one_line(file, tmp_path, capsys):
    (tmp_path / "broken_thing.py").write_text("x = 1\ny = x / 0\n")
    (tmp_path / "unclosed_thing.py").write_text("x = (1\n")
    (tmp_path / "quits_thing.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "numpy.py").write_text("x = 1\n")
    (tmp_path / "not-a-name.py").write_text("x = 1\n")
    cases = {
        f"{file}:nothing": "my_things.py has no 'nothing'; expected one of its names: Counts,",
        f"{tmp_path}/none.py:x": "no file",
        f"{tmp_path}/broken_thing.py:x": "broken_thing.py, line 2: ZeroDivisionError",
        f"{tmp_path}/unclosed_thing.py:x": "unclosed_thing.py, line 1: SyntaxError",
        f"{tmp_path}/quits_thing.py:x": "quits_thing.py, line 1: SystemExit",
        f"{tmp_path}/numpy.py:x": "numpy.py has the name of another module",
        f"{tmp_path}/not-a-name.py:x": "cannot be imported",
    }
    for text, message in cases.items():
        out = str(tmp_path / "x")
        assert main(["compare", "--model", text, "--quick", "--out", out]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


BAD = """
import autograd.numpy as anp
import numpy as np
from math import pi
from my_things import Counts, fit_amortized
import bbvi

class Flat(Counts):
    def sample(self, rng, theta, num):
        x, z = super().sample(rng, theta, num)
        return x[:, 0], z

class Lost(Counts):
    def log_joint(self, theta, x, z):
        return theta["nope"]

class Alone(Counts):
    def sample(self, rng, theta, num):
        return super().sample(rng, theta, num)[0]

flat, lost, alone = Flat(), Lost(), Alone()
posterior = bbvi.Posterior(lambda z: -anp.sum(z**2), 1)
width = 3

def key(rng, dtype):
    raise KeyError("inside")

def kind(rng, dtype):
    raise TypeError("inside")

def one(rng):
    return lost

def f(z):
    return z.nope

def no_posterior():
    raise KeyError("inside")

def raising(family, target, lam, eps):
    raise RuntimeError("oops")

def too_many(family, target, lam, eps):
    return bbvi.DiagonalGaussian("two")
"""


@pytest.fixture
def bad(file, tmp_path):
    """A file whose objects raise when they are called."""
    yield tmp_path / "my_bad_things.py"
    sys.modules.pop("my_bad_things", None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("compare --model {}:flat", "x of shape (500,) for num = 500; expected (500, Dx)"),
        ("compare --model {}:alone", "alone returned ndarray; expected (x, z)"),
        ("compare --model {}:lost", "my_bad_things.py, line 15: KeyError: 'nope'"),
        ("variance --model {}:lost", "my_bad_things.py, line 15: KeyError: 'nope'"),
        ("compare --model {}:key", "my_bad_things.py, line 26: KeyError: 'inside'"),
        ("compare --model {}:kind", "my_bad_things.py, line 29: TypeError: inside"),
        ("compare --model {}:one", "one cannot be called as (rng, dtype): too many positional"),
        ("variance --model {}:f", "my_bad_things.py, line 35: AttributeError: "),
        ("posteriors {}:no_posterior", "my_bad_things.py, line 38: KeyError: 'inside'"),
        ("posteriors {}:key", "key cannot be called as (): missing a required argument: 'rng'"),
        ("posteriors {}:nope", "names: Flat, Lost, Alone, flat, lost, alone, posterior, key, kind"),
        ("compare --methods {}:raising", "method raising: my_bad_things.py, line 41: RuntimeError"),
    ],
)
def test_what_raises_when_it_is_called_is_told_in_one_line(bad, line, told, tmp_path, capsys):
    bad.write_text(BAD)
    quick = [] if line.startswith("posteriors") else ["--quick", "--workers", "1"]
    assert main([*line.format(bad).split(), *quick, "--out", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_what_the_package_raises_in_a_users_call_keeps_its_traceback(bad, tmp_path):
    source = """
        from bbvi.experiments.compare_results import seeds_in_words
        def made(rng, dtype): return seeds_in_words(None)
    """
    bad.write_text(dedent(source))
    with pytest.raises(AttributeError):
        main(["compare", "--model", f"{bad}:made", "--quick", "--out", str(tmp_path / "x")])


def test_an_edited_file_is_told_as_such(bad, file, tmp_path, capsys):
    bad.write_text("from my_things import counts, same\nmodel = counts\n")
    out = ["--quick", "--workers", "1", "--out", str(tmp_path / "x")]
    line = ["variance", "--model", f"{bad}:model", "--samples", "4", "--replicates", "20"]
    line += ["--points", "start", "--estimators", "reparameterized", *out]
    assert main(line) == 0
    file.write_text(MINE + "\n")
    assert main(line) == 2
    told = capsys.readouterr().err
    assert "holds a run of" in told
    assert "my_bad_things.py as it was: the file, or a file that it imports, has" in told
    assert main([*line, "--seed", "3"]) == 2
    assert "its seed is 0, here it is 3" in capsys.readouterr().err


def test_an_error_names_the_method_that_made_it(file, tmp_path, capsys):
    methods = ["--methods", "amortized-reparameterized", f"{file}:unfit", f"{file}:halved"]
    out = ["--out", str(tmp_path / "x"), "--quick", "--dataset", "iris"]
    assert main(["compare", *methods, *out]) == 2
    told = "TypeError: this family has no such derivative\n"
    line = 1 + MINE[: MINE.index("raise TypeError")].count("\n")
    assert (
        capsys.readouterr().err == f"bbvi compare: method unfit: my_things.py, line {line}: {told}"
    )


def test_a_procedure_without_an_encoder_is_told_what_to_give(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_plain.py").write_text("import bbvi\nplain = bbvi.fit_bbvi\n")
    methods = ["--methods", f"{tmp_path}/my_plain.py:plain"]
    out = ["--out", str(tmp_path / "x"), "--quick", "--dataset", "iris", "--workers", "1"]
    assert main(["compare", *methods, *out]) != 0
    told = capsys.readouterr()
    assert "has learned no encoder" in told.err + told.out
    assert 'Method(bbvi.fit_bbvi, "reparameterized", by_step_1)' in told.err + told.out


def test_an_estimator_without_the_entropy_is_refused(file, tmp_path, capsys):
    out = ["--out", str(tmp_path / "x"), "--quick", "--dataset", "iris"]
    assert main(["compare", "--methods", f"{file}:without_entropy", *out]) == 2
    told = capsys.readouterr().err
    assert told.startswith("bbvi compare: method without_entropy: it estimates E_q[log p] without")
    assert told.count("\n") == 1
    assert main(["compare", "--methods", f"{file}:one_argument", *out]) == 2
    assert "one_argument is function; expected a Method" in capsys.readouterr().err


@pytest.mark.parametrize("family", [DiagonalGaussian(2), Laplace(1), Bernoulli(5)], ids=repr)
def test_every_estimator_of_the_elbo_passes_that_check(family):
    told = 0
    for specification in ESTIMATORS.values():
        if isinstance(family, specification.family) and specification.prepare is None:
            check_entropy(specification.elbo, family, 4)
            told += 1
    assert told > 5
    with pytest.raises(ValueError, match="without the entropy"):
        check_entropy(ESTIMATORS["leave-one-out"].expectation, family, 4)


def test_an_own_estimator_has_the_step_sizes_of_the_packages(file, tmp_path, capsys):
    mine = methods_of_file(f"{file}:same")["same"]
    assert mine._replace(estimator="reparameterized") == METHODS["amortized-reparameterized"]
    out = tmp_path / "x"
    line = ["compare", "--quick", "--dataset", "iris", "--evaluations", "4000", "--workers", "1"]
    line += ["--methods", f"{file}:same", "amortized-reparameterized", "--out", str(out)]
    assert main(line) == 0
    one, other = read_csv(out / "compare.csv")
    assert one["test_elbo"] == other["test_elbo"]
    assert (
        "Step sizes of theta: 0.01 for same, amortized-reparameterized." in capsys.readouterr().out
    )


IMPROPER = """
import autograd.numpy as anp
import numpy as np


class Half:
    latent_dim = 2

    def init(self, rng):
        return {"a": np.ones(2)}

    def log_joint(self, theta, x, z):
        return -0.5 * anp.sum((x - theta["a"] * z[..., :1]) ** 2 + z[..., :1] ** 2, axis=-1)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, 2))
        return theta["a"] * z[:, :1] + rng.standard_normal((num, 2)), z


half = Half()
"""


def test_what_is_no_density_is_told_and_its_gaps_are_not_drawn(tmp_path, capsys):
    """The second latent has no prior: log p(x) does not exist, and check_model says so too."""
    (tmp_path / "half_a_prior.py").write_text(IMPROPER)
    line = ["compare", "--model", f"{tmp_path / 'half_a_prior.py'}:half", "--workers", "1"]
    line += ["--quick", "--seeds", "1", "--evaluations", "8000"]
    line += ["--methods", "bbvi-reparameterized"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Caution: check_model says of this model" in told
    assert "log p(x) was not found, or is below an ELBO, under bbvi-reparameterized" in told
    (row,) = read_csv(tmp_path / "out" / "compare.csv")
    assert not row["approximation_gap"] or np.isnan(float(row["approximation_gap"]))
    assert (tmp_path / "out" / "compare_new_data.png").exists()


def test_two_methods_of_one_name_are_refused(file, tmp_path, capsys):
    line = ["compare", "--quick", "--methods", f"{file}:same", f"{file}:same"]
    assert main([*line, "--out", str(tmp_path)]) == 2
    assert "has a method same, and there is another of that name" in capsys.readouterr().err


def test_a_procedure_that_returns_no_fit_is_refused_before_the_work(file, tmp_path, capsys):
    line = ["compare", "--quick", "--dataset", "iris", "--methods", f"{file}:no_fit"]
    assert main([*line, "--out", str(tmp_path / "x")]) == 2
    assert "method no_fit: its procedure returned NoneType" in capsys.readouterr().err


def test_a_timed_run_that_fails_is_told_and_the_rest_is_drawn(file, tmp_path, capsys):
    out = str(tmp_path / "out")
    line = ["compare", "--quick", "--dataset", "iris", "--evaluations", "4000", "--workers", "1"]
    line += ["--budget", "0.1s", "--methods", f"{file}:no_seconds", "amortized-reparameterized"]
    assert main([*line, "--out", out]) == 1
    told = capsys.readouterr().out
    assert "failed: RuntimeError: no budget of seconds" in told
    assert "With the same budget of seconds" in told
    assert (tmp_path / "out" / "compare.png").exists()
    assert main(["results", out, "--figures", str(tmp_path / "again")]) == 0
    drawn = json.loads((tmp_path / "out" / "drawn.json").read_text())
    assert "equal evaluations" in drawn["title"]
    assert "equal" not in drawn["learning_title"]


def test_the_folder_of_the_file_takes_nobody_s_place(file, tmp_path):
    (tmp_path / "json.py").write_text("raise RuntimeError('taken')")
    load_object(f"{file}:counts")
    sys.modules.pop("json", None)
    import json as found

    assert found.dumps([1]) == "[1]"


def test_what_a_file_imports_from_its_folder_is_part_of_it(tmp_path):
    (tmp_path / "mine.py").write_text("import numpy\nfrom helper import C\n")
    alone = sha256_of(f"{tmp_path}/mine.py:C")
    (tmp_path / "helper.py").write_text("import deeper\nC = 1\n")
    (tmp_path / "deeper.py").write_text("import mine\n")
    (tmp_path / "other.py").write_text("")
    both = sha256_of(f"{tmp_path}/mine.py:C")
    (tmp_path / "other.py").write_text("D = 3")
    assert sha256_of(f"{tmp_path}/mine.py:C") == both != alone
    (tmp_path / "deeper.py").write_text("import mine, os\n")
    assert sha256_of(f"{tmp_path}/mine.py:C") not in (both, alone)


def test_a_worker_with_another_copy_of_the_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "my_cells.py"
    source = "def cell(cell, rng):\n    return [{'value': float(rng.random()) + 1}]\n"
    path.write_text(source)
    function = load_object(f"{path}:cell")
    cells = [{"a": 1}, {"a": 2}]
    alone = run_sweep(function, cells, experiment="cells", seed=0, workers=1)
    together = run_sweep(function, cells, experiment="cells", seed=0, workers=2)
    assert together.rows == alone.rows
    # Another machine's file, or this one's that was edited meanwhile.
    path.write_text(source.replace("+ 1", "+ 2"))
    folder = tmp_path / "out"
    with pytest.raises(ValueError, match="a worker computes with another my_cells than"):
        run_sweep(function, cells, experiment="cells", seed=0, workers=2, folder=folder)
    assert not list(folder.rglob("cells/*"))
    function = importlib.reload(sys.modules["my_cells"]).cell
    load_object(f"{path}:cell")
    run_sweep(function, cells, experiment="cells", seed=0, workers=2, folder=tmp_path / "again")
    monkeypatch.delitem(sys.modules, "my_cells")


def test_a_worker_elsewhere_finds_the_file_that_was_named_here(file, monkeypatch, tmp_path):
    monkeypatch.chdir(file.parent)
    assert absolute(f"{file.name}:counts") == f"{file}:counts"
    (tmp_path / "t.csv").write_text("1\n")
    monkeypatch.chdir(tmp_path)
    assert absolute("t.csv") == str(tmp_path / "t.csv")
    assert [absolute(name) for name in ("digits", "no.py:x")] == ["digits", "no.py:x"]
