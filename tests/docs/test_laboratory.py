"""What the laboratory's pictures show, in ordinary Python, against exact values."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import laboratory
import numpy as np
import pytest
from book.laboratory import exercises, html, put_laboratory
from laboratory import amortization, cells, step_1, variance

from bbvi.backends.kernel import targets
from bbvi.evaluation import log_evidence_quadrature

DOCS = Path(__file__).parents[2] / "docs"
START = {"mean": [0.3, -0.4], "log_sigma": [-0.5, -0.2], "rate": 0.1}


def at(posterior="correlated", estimator="reparameterized", num_samples=8, seed=0, **other):
    return step_1.step_1(
        posterior, estimator=estimator, num_samples=num_samples, seed=seed, **{**START, **other}
    )


def within(errors, mean, exact, limit=5):
    return np.all(np.abs(np.asarray(mean) - exact) < limit * np.asarray(errors))


@pytest.mark.parametrize(
    ("posterior", "log_evidence"),
    [
        ("correlated", np.log(2 * np.pi * 0.36 / 0.6)),
        ("banana", np.log(2 * np.pi * 1.2 * 0.5)),
        ("two modes", np.log(2 * np.pi * 0.36)),
    ],
)
def test_elbo_and_kl_sum_to_the_log_evidence(posterior, log_evidence):
    told = at(posterior)
    assert told["log_evidence"] == pytest.approx(log_evidence, abs=1e-8)
    assert told["elbo"] + told["kl"] == pytest.approx(log_evidence, abs=1e-5)


def test_the_exact_gradient_is_that_of_a_gaussian():
    # d ELBO = -A (m - m0) in the mean, 1 - A_dd sigma_d^2 in log sigma.
    A = np.array([[1, -0.8], [-0.8, 1]]) / 0.36
    mean = -A @ (np.array(START["mean"]) - [0.5, 0])
    log_sigma = 1 - np.exp(2 * np.array(START["log_sigma"])) / 0.36
    np.testing.assert_allclose(at()["exact"], [*mean, *log_sigma], rtol=1e-9)


@pytest.mark.parametrize("posterior", step_1.DENSITIES)
def test_single_samples_average_to_the_exact_gradient(posterior):
    told = at(posterior, num_samples=20_000)
    for name in step_1.SHOWN:
        rows = np.array(told["single"][name])
        error = rows.std(axis=0) / np.sqrt(len(rows))
        assert within(error, rows.mean(axis=0), told["exact"])
        assert not within(error, 1.2 * rows.mean(axis=0), told["exact"])


@pytest.mark.parametrize("name", step_1.SHOWN)
def test_the_mean_arrow_is_the_estimate_by_all_samples(name):
    told = at("banana", estimator=name)
    np.testing.assert_allclose(told["together"][name], told["gradient"], rtol=1e-10)
    after = [*told["mean"], *told["log_sigma"]]
    start = np.array([*START["mean"], *START["log_sigma"]])
    np.testing.assert_allclose(after, start + 0.1 * np.array(told["gradient"]), rtol=1e-12)


def test_steps_find_the_best_q():
    q = {"mean": [2.0, -2.0], "log_sigma": [0.0, 0.0]}
    for seed in range(200):
        told = at(**q, rate=0.03, num_samples=64, seed=seed)
        q = {key: told[key] for key in q}
    # Mean-field KL of a Gaussian with correlation 0.8: -log(1 - 0.8^2) / 2.
    assert told["kl"] == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.02)


def test_a_step_off_the_picture_is_not_taken():
    told = at("banana", estimator="score-function", rate=100.0)
    assert "smaller step size" in told["why"]
    assert told["mean"] == START["mean"]
    assert at()["why"] == ""


def test_the_plane_is_a_density():
    told = step_1.plane("two modes")
    cell = (2 * told["width"] / (told["nodes"] - 1)) ** 2
    assert np.exp(told["log_posterior"]).sum() * cell == pytest.approx(1, abs=1e-3)


def spread(f, parameter, k=-2.0, mean=1.0, sigma=0.8, **other):
    return variance.variance(f, k, mean, sigma, parameter, num_samples=1, seed=0, **other)


def test_the_variances_are_those_in_closed_form():
    told = spread("quadratic", "mean", replicates=100_000)["estimators"]
    d, s = 3.0, 0.8
    score = (d**4 + 14 * d**2 * s**2 + 15 * s**4) / s**2
    assert told["reparameterized"]["sd"] ** 2 == pytest.approx(4 * s**2, rel=0.03)
    assert told["score function"]["sd"] ** 2 == pytest.approx(score, rel=0.06)


@pytest.mark.parametrize("parameter", variance.PARAMETERS)
@pytest.mark.parametrize("f", variance.INTEGRANDS)
def test_only_the_jump_deceives_the_reparameterized_gradient(f, parameter):
    told = spread(f, parameter, k=0.5)
    off = {name: seen["off"] for name, seen in told["estimators"].items()}
    assert off == {"score function": False, "reparameterized": f == "step"}
    for seen in told["estimators"].values():
        assert sum(seen["counts"]) + seen["outside"] == 2000


def test_the_gradient_of_a_jump_is_the_slope_of_its_probability():
    from scipy.stats import norm

    h, mean, log_sigma = 1e-5, 0.3, -0.4

    def p(mean, log_sigma):
        return norm.sf(1.1, mean, np.exp(log_sigma))

    slopes = [
        (p(mean + h, log_sigma) - p(mean - h, log_sigma)) / (2 * h),
        (p(mean, log_sigma + h) - p(mean, log_sigma - h)) / (2 * h),
    ]
    np.testing.assert_allclose(
        variance.exact_gradient("step", 1.1, mean, np.exp(log_sigma)), slopes, rtol=1e-6
    )


def test_the_gaps_are_what_they_are_called():
    told = [amortization.amortization([x, y]) for x, y in ((0.0, 1.5), (1.5, 0.0), (0.0, -2.0))]
    for seen in told:
        total = seen["log_evidence"] - seen["encoded"]["elbo"]
        gaps = seen["approximation_gap"], seen["amortization_gap"]
        assert min(gaps) > -1e-9
        assert sum(gaps) == pytest.approx(total, abs=1e-9)
        assert seen["converged"]
    *arc, off = (seen["amortization_gap"] for seen in told)
    assert max(arc) < 0.05 < 0.2 < off


@pytest.mark.parametrize("x", [[0.3, 0.2], [-0.8, -0.2], [2.5, -3.0], [3.0, 3.0]])
def test_coarse_sums_lose_nothing_that_is_shown(x):
    theta, *_ = amortization.learned(0)
    seen, row = amortization.amortization(x), np.array([x])
    fine = log_evidence_quadrature(amortization.MODEL, theta, row, tolerance=1e-10).value[0]
    assert seen["log_evidence"] == pytest.approx(fine, abs=1e-6)
    target = amortization.backends.target(amortization.MODEL, theta, row)
    for name in ("encoded", "optimum"):
        lam = np.array([[*seen[name]["mean"], *np.log(seen[name]["sigma"])]])
        elbo = amortization.gauss_hermite(amortization.FAMILY, target, lam, num_nodes=120).elbo[0]
        assert seen[name]["elbo"] == pytest.approx(elbo, abs=1e-4)


def test_the_best_q_cannot_be_bettered():
    theta, *_ = amortization.learned(0)
    best = amortization.amortization([0.3, 0.2])["optimum"]
    target = amortization.backends.target(amortization.MODEL, theta, np.array([[0.3, 0.2]]))
    lam = np.array([*best["mean"], *np.log(best["sigma"])])
    gradient = amortization.gauss_hermite(amortization.FAMILY, target, lam[None]).grad
    assert np.abs(gradient).max() < 0.05
    for move in (*0.05 * np.eye(4), *-0.05 * np.eye(4)):
        assert amortization._told(target, (lam + move)[None])["elbo"] < best["elbo"]


PLACES = [[u, v] for u in (-2.0, 0.1, 1.0, 2.0) for v in (-2.0, 0.1, 1.0, 2.0)]


def test_two_starts_end_where_five_do():
    theta, phi, *_ = amortization.learned(0)
    x = np.array(PLACES)
    lam, _ = amortization.backends.encode(amortization.ENCODER, phi, x, "auto")
    parts = amortization.MODEL, amortization.FAMILY, theta
    for n, place in enumerate(PLACES):
        start = {"lam": lam[[n]], "judge": amortization.by_course}
        fit = amortization.step_1(*parts, x[[n]], np.random.default_rng(1), **start)
        five = amortization._told(amortization.backends.target(*parts[::2], x[[n]]), fit.lam)
        assert amortization.amortization(place)["optimum"]["elbo"] > five["elbo"] - 0.02, place


def test_a_drag_of_x_is_little_work(monkeypatch):
    """Passes over the model and values of log p; five starts took 26 and 52000."""
    work, evaluate = [], targets.evaluate

    def counted(pieces, num_threads, z, *args, **settings):
        work.append(z.shape[0] * z.shape[1])
        return evaluate(pieces, num_threads, z, *args, **settings)

    amortization.learned(0)
    monkeypatch.setattr(targets, "evaluate", counted)
    passes, values = [], []
    for place in PLACES:
        work.clear()
        amortization.amortization(place)
        passes.append(len(work))
        values.append(sum(work))
    assert np.median(passes) < 25
    assert np.median(values) < 50_000


@pytest.mark.parametrize(
    ("text", "printed", "message"),
    [
        ("1 + 1", "2\n", ""),
        ("x = 3", "", ""),
        ("print('a')\n'b'", "a\n'b'\n", ""),
        ("1 / 0", "", "ZeroDivisionError: division by zero"),
        ("def f(:", "", "SyntaxError"),
        ("raise NotImplementedError()", "", "Nothing is written yet"),
        ("assert False, 'the entropy is missing'", "", "the entropy is missing"),
        ("import sys\nsys.exit('no')", "", "SystemExit: no"),
    ],
)
def test_a_cell_runs_as_in_a_notebook(text, printed, message):
    cells.forget("test")
    ran = cells.run("test", [text])
    assert ran["printed"] == printed
    assert message in ran["message"]
    assert ran["ok"] == (message == "")


def test_a_failure_shows_the_line_of_the_reader_and_none_of_ours():
    message = cells.run("lines", ["import numpy as np", "def f():\n    return np.zeros(-1)\nf()"])[
        "message"
    ]
    assert "return np.zeros(-1)" in message
    assert "cells.py" not in message


def test_figures_come_back_as_pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    ran = cells.run("figure", ["import matplotlib.pyplot as plt\nplt.plot([1, 2]);"])
    [picture] = ran["pictures"]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert cells.run("figure", ["1"])["pictures"] == []


def test_answers_are_json_and_so_are_failures():
    asked = json.dumps({"posterior": "banana"})
    assert json.loads(laboratory.answer("plane", asked))["value"] == step_1.plane("banana")
    assert "KeyError" in json.loads(laboratory.answer("plane", '{"posterior": "none"}'))["error"]
    assert "error" in json.loads(laboratory.answer("nothing", "{}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laboratory")
    put_laboratory(folder)
    return folder


def test_the_wheels_hold_every_module_and_import(folder):
    names = json.loads((folder / "wheels" / "index.json").read_text())
    assert [name.partition("-")[0] for name in names] == ["bbvi", "laboratory", "autograd", "tqdm"]
    for name in names:
        with zipfile.ZipFile(folder / "wheels" / name) as wheel:
            [record] = [n for n in wheel.namelist() if n.endswith("/RECORD")]
            lines = wheel.read(record).decode().split()
            for path, digest, size in (line.split(",") for line in lines[:-1]):
                data = wheel.read(path)
                seen = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (f"sha256={seen}", str(len(data))) == (digest, size)
            if name.startswith("bbvi"):
                root = DOCS.parent
                modules = {p.relative_to(root).as_posix() for p in (root / "bbvi").rglob("*.py")}
                assert modules <= set(wheel.namelist())
    paths = [str(folder / "wheels" / name) for name in names[:2]]
    code = (
        f"import sys; sys.path[:0] = {paths}\nimport bbvi, laboratory\n"
        f"assert bbvi.__file__.startswith({paths[0]!r}), bbvi.__file__\n"
        'print(laboratory.answer(\'run\', \'{"space": "a", "cells": ["2 * 3"]}\'))'
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["value"]["printed"] == "6\n"


def test_the_page_names_only_files_that_exist(folder):
    for page in [folder / "index.html", *folder.glob("*.js")]:
        text = page.read_text("utf-8")
        for name in re.findall(r'(?:src|href)="([^".#/][^"]*)"|from "\./([^"]+)"', text):
            name = name[0] or name[1]
            if not name.startswith(("data:", "../")):
                assert (folder / name).exists(), (page.name, name)
    assert not list(folder.rglob("*.pyc"))


def test_all_exercises_are_in_the_laboratory():
    chapters = exercises()
    sources = Path(__file__).parents[2] / "notebooks" / "exercises" / "source"
    assert [chapter["name"] for chapter in chapters] == sorted(p.stem for p in sources.glob("*.py"))
    checked = [cell for chapter in chapters for cell in chapter["cells"] if "check" in cell]
    assert len(checked) >= 20
    for cell in checked:
        assert cell["kind"] == "code"
        assert f"def {cell['name']}(" in cell["text"]
        assert "checks.check_" in cell["check"]
    assert all(chapter["before"] for chapter in chapters)


def test_equations_survive_markdown():
    assert "\\(a_1 * b_2 * c_3 &lt; 1\\)" in html("Let $a_1 * b_2 * c_3 < 1$ be")
    assert "\\[x_i_j\\]" in html("$$x_i_j$$").replace("\n", "")
