"""Every exercise: its solution passes, its stub stops, and typical wrong answers are named.

The sources are run without nbgrader: a solution cell is taken as it stands, with its solution
replaced by a stub, or with one typical mistake put in.
"""

import importlib.util
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bbvi import checks

EXERCISES = Path(__file__).parent.parent / "notebooks" / "exercises"
SOURCES = sorted((EXERCISES / "source").glob("*.py"))
STUDENT = EXERCISES / "student"

# exercise -> (text of the solution, what a student writes there, part of the message)
WRONG = {
    "log_normal": [
        ("np.exp(-log_scale)", "(1 / log_scale)", "sigma for log sigma"),
        ("np.exp(-log_scale)", "np.exp(-0.5 * log_scale)", "sigma squared is meant"),
        (" - 0.5 * np.log(2 * np.pi)", "", "constant -0.5 log"),
        (" - log_scale, axis", ", axis", "normalizer -log sigma is missing"),
        (" - log_scale, axis", " + log_scale, axis", "log sigma has the wrong sign"),
        ("np.sum(-0.5", "np.mean(-0.5", "a mean over the latent dimensions"),
        ("axis=-1", "axis=0", "wrong axis"),
        ("return np.sum(", "return np.exp(1) ** np.sum(", "a density, where its log is meant"),
    ],
    "sample": [
        ("np.exp(log_sigma) *", "0 *", "noise of p"),
        ("np.exp(log_sigma) *", "log_sigma *", "sigma for log sigma"),
        ("np.exp(log_sigma) *", "np.exp(2 * log_sigma) *", "sigma squared where sigma is meant"),
        ("noise, z", "noise, rng.standard_normal(z.shape)", "another z than the one returned"),
        ("+ b + noise", "+ noise", "a term of the mean is missing"),
        ("return z @ W.T + b + noise, z", "return z, z @ W.T + b + noise", "in the other order"),
        ("z = rng.", "z = np.random.default_rng().", "instead of the rng that is passed in"),
    ],
    "log_evidence": [
        (
            "return highest + np.log(np.mean(np.exp(log_likelihood - highest), axis=0))",
            "return np.mean(log_likelihood, axis=0)",
            "mean of the logs instead of the log of the mean",
        ),
        ("np.mean(np.exp", "np.sum(np.exp", "log S is missing"),
        (
            "return highest + np.log(np.mean(np.exp(log_likelihood - highest), axis=0))",
            "return np.log(np.mean(np.exp(log_likelihood), axis=0))",
            "exp underflowed",
        ),
    ],
    "elbo": [
        ("log_joint - log_q", "log_joint + log_q", "entropy has the wrong sign"),
        ("log_joint - log_q", "log_joint", "entropy is missing"),
        ("axis=0", "axis=1", "wrong axis"),
        ("np.mean(", "np.sum(", "summed over the samples"),
        (
            "np.mean(log_joint - log_q, axis=0)",
            "np.log(np.mean(np.exp(log_joint - log_q), axis=0))",
            "mean of the logs",
        ),
        ("return np.mean(log_joint - log_q, axis=0)", "np.mean(log_joint)", "return statement"),
        (
            "return np.mean(log_joint - log_q, axis=0)",
            "log_joint -= log_q; return log_joint.mean(axis=0)",
            "in-place operation",
        ),
    ],
    "kl": [
        ("return np.sum(", "return -np.sum(", "sign is wrong"),
        ("np.exp(2 * log_scale)", "log_scale**2", "sigma for log sigma"),
        ("np.exp(2 * log_scale)", "np.exp(log_scale)", "sigma squared is meant"),
        ("- log_scale, axis", "- 0.5 * log_scale, axis", "a factor 2 is missing"),
        ("- log_scale, axis", "+ log_scale, axis", "entropy has the wrong sign"),
        (" - 1)", ")", "the -1 is missing"),
        ("np.sum(", "np.mean(", "mean over the latent dimensions"),
    ],
    "gaussian_kl": [
        (
            "precision = np.linalg.inv(cov_p)",
            "mean_q, cov_q, mean_p, cov_p = mean_p, cov_p, mean_q, cov_q\n"
            "    precision = np.linalg.inv(cov_p)",
            "the direction",
        ),
        ("+ log_det)", "- log_det)", "log det has the wrong sign"),
        (" - mean_q.shape[1]", "", "-D is missing"),
        ("0.5 * (trace", "(trace", "factor 1/2"),
    ],
    "iwae_bound": [
        (" - np.log(len(log_w))", "", "log S is missing"),
        (
            "return highest + np.log(np.exp(log_w - highest).sum(axis=0)) - np.log(len(log_w))",
            "return log_w.mean(axis=0)",
            "the mean of the logs is the ELBO",
        ),
        ("log_joint - log_q", "log_joint", "log q is missing"),
        ("highest = log_w.max(axis=0)", "highest = 0", "exp underflowed"),
    ],
    "score": [
        ("standardized**2 - 1", "standardized**2", "the -1"),
        ("standardized * np.exp(-log_scale)", "standardized", "divide by sigma squared"),
        (
            "return np.concatenate([in_mean, in_log_scale], axis=-1)",
            "return np.concatenate([in_mean, in_log_scale * np.exp(-log_scale)], axis=-1)",
            "derivative in sigma",
        ),
        ("[in_mean, in_log_scale]", "[in_log_scale, in_mean]", "halves are exchanged"),
        ("(z - mean)", "(mean - z)", "log q rises towards the mean"),
    ],
    "reinforce": [
        ("np.mean(f", "-np.mean(f", "the sign"),
        ("np.mean(f", "np.sum(f", "summed over the samples"),
        ("axis=0", "axis=1", "wrong axis"),
        (
            "np.mean(f[..., None] * score, axis=0)",
            "f.mean(axis=0)[:, None] * score.mean(axis=0)",
            "product of means",
        ),
        ("f[..., None] *", "(f - f.mean(axis=0))[..., None] *", "seen its own sample"),
    ],
    "pathwise": [
        ("* np.exp(log_scale)", "", "derivative in sigma"),
        ("* np.exp(log_scale)", "* log_scale", "sigma for log sigma"),
        ("df_dz * eps *", "df_dz *", "eps is missing"),
        (".mean(axis=0)", ".sum(axis=0)", "summed over the samples"),
        (".mean(axis=0)", "", "no mean over the samples"),
    ],
    "score_variance": [
        ("15 * sigma**4)", "15 * sigma**4 + 4 * d**2 * sigma**2)", "squared mean"),
        ("/ sigma**2", "", "division by sigma"),
        ("d = mean - k", "d = mean", "d = mean - k"),
    ],
    "leave_one_out": [
        (
            "(f.sum(axis=0) - f) / (len(f) - 1)",
            "np.broadcast_to(f.mean(0), f.shape)",
            "that is biased",
        ),
        ("(len(f) - 1)", "len(f)", "divisor S instead of S - 1"),
        ("if len(f) < 2:", "if len(f) < 1:", "accepts S = 1"),
        ("return (f", "return f - (f", "return the baseline b alone"),
    ],
    "moving_average": [
        (
            "baseline[s] = running\n        running = decay * running + (1 - decay) * f_s\n",
            "running = decay * running + (1 - decay) * f_s\n        baseline[s] = running\n",
            "used after the update",
        ),
        (
            "decay * running + (1 - decay) * f_s",
            "(1 - decay) * running + decay * f_s",
            "decay and 1 - decay are exchanged",
        ),
        ("        running = decay", "        unused = decay", "running mean never changes"),
        ("(1 - decay) * f_s", "(1 - decay) * f_s.mean()", "one running mean for all datapoints"),
    ],
    "optimal_baseline": [
        ("score**2", "score", "h instead of h squared"),
        (" / np.sum(score**2, axis=0)", " / len(f)", "division by E"),
        (
            "np.sum(f[..., None] * score**2, axis=0) / np.sum(score**2, axis=0)",
            "np.broadcast_to(f.mean(axis=0)[:, None], score.shape[1:])",
            "large score count more",
        ),
    ],
    "step_1": [
        ("lam[rows] += rate", "lam[rows] -= rate", "the sign"),
        ("lam = lam.copy()", "pass", "in-place operation"),
        ("lam[rows] += rate * grad", "lam += rate * grad.mean(axis=0)", "outside the minibatch"),
        ("rate * grad", "rate * grad / len(rows)", "divided by the size of the minibatch"),
        ("return lam", "return lam[rows]", "only the moved rows"),
        ("lam[rows]", "lam[: len(rows)]", "first rows moved"),
    ],
    "fit_q": [
        ("lam = lam + rate", "lam = lam - rate", "the sign"),
        (
            "    for _ in range(num_steps):\n        eps = family.noise(rng, 8, len(lam))\n",
            "    eps = family.noise(rng, 8, len(lam))\n    for _ in range(num_steps):\n",
            "eps is drawn once",
        ),
        ("        lam = lam + rate", "        new = lam + rate", "not carried over"),
        ("range(num_steps)", "range(num_steps // 2)", "one for each step"),
        ("rate * estimator", "rate / num_steps * estimator", "scaled down"),
    ],
    "theta_gradient": [
        ("num_data / B * ", "", "N / B is missing"),
        (".sum(axis=0)", ".mean(axis=0)", "divided by B twice"),
        ("gradients.mean(axis=0)", "gradients.sum(axis=0)", "summed over the samples"),
        ("num_data / B", "B / num_data", "B / N instead of N / B"),
    ],
    "bernoulli": [
        (
            "softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))",
            "softplus = np.log(1 + np.exp(logits))",
            "logits near 1000",
        ),
        ("np.sum(", "np.mean(", "a mean over the pixels"),
        ("x * logits", "(1 - x) * logits", "x and 1 - x are exchanged"),
        ("np.sum(x * logits", "-np.sum(x * logits", "sign is wrong"),
        (
            "softplus = ",
            "logits = 1 / (1 + np.exp(-logits)); softplus = ",
            "the sigmoid was applied twice",
        ),
    ],
    "encoder_pullback": [
        ("x.T @ grad", "x.T @ grad / len(x)", "mean over the datapoints"),
        ("x.T @ grad", "grad.T @ x", "transposed"),
        (", grad.sum(axis=0)", ", grad", "no sum over the datapoints"),
        ("return x.T @ grad, grad.sum(axis=0)", "return x.T @ grad", "return a, b"),
    ],
    "lecture_loss": [
        ("x.shape[1] * log_scale_x", "log_scale_x", "once per pixel"),
        ("- nlq", "+ nlq", "log q has the wrong sign"),
        ("nll + nlp - nlq", "(nll + nlp - nlq).sum()", "summed over the images"),
        ("nll + nlp", "nll", "prior's term is missing"),
    ],
    "split": [
        (
            "log_evidence - elbo_optimum, elbo_optimum - elbo",
            "elbo_optimum - elbo, log_evidence - elbo_optimum",
            "exchanged",
        ),
        ("log_evidence - elbo_optimum", "elbo_optimum - log_evidence", "the sign"),
        ("log_evidence - elbo_optimum,", "log_evidence - elbo,", "the whole gap"),
    ],
    "antithetic": [
        ("target, lam, -eps)", "target, lam, eps)", "not antithetic"),
        ("0.5 * (one.grad + other.grad)", "one.grad + other.grad", "counted twice"),
        ("0.5 * (one.grad + other.grad)", "0.5 * (one.grad - other.grad)", "lost term"),
        (", theta)", ", None)", "theta gradient was dropped"),
    ],
    "log_mixture": [
        (
            "return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))",
            "return np.sum(np.exp(log_weights) * log_densities, axis=-1)",
            "the mean of the logs",
        ),
        ("log_weights + ", "", "weights are missing"),
        ("log_weights + ", "np.exp(log_weights) + ", "w_k where log w_k is meant"),
        (
            "return highest + np.log(np.sum(np.exp(terms - highest[..., None]), axis=-1))",
            "return np.log(np.sum(np.exp(terms), axis=-1))",
            "exp underflowed",
        ),
    ],
    "transform": [
        ('"nij,snj->sni"', '"nji,snj->sni"', "L is transposed"),
        ('"nij,snj->sni"', '"nii,sni->sni"', "only the diagonal"),
        ("factor, eps", "factor @ factor.swapaxes(1, 2), eps", "instead of its factor"),
        ("mean + ", "", "mean is missing"),
    ],
    "bernoulli_score": [
        ("1 / (1 + np.exp(-logits))", "logits", "the sigmoid is missing"),
        (
            "return z - 1 / (1 + np.exp(-logits))",
            "return 1 / (1 + np.exp(-logits)) - z",
            "the sign",
        ),
        (
            "return z - 1 / (1 + np.exp(-logits))",
            "p = 1 / (1 + np.exp(-logits)); return (z - p) / (p * (1 - p))",
            "derivative in the probability",
        ),
    ],
    "masked": [
        ("observed * (x", "~observed * (x", "mask is upside down"),
        (
            "observed * (x * logits - softplus)",
            "x * observed * logits - softplus",
            "count as white",
        ),
        ("np.sum(observed", "np.mean(observed", "a mean over the pixels"),
        ("observed * (x", "1 * (x", "mask is not used"),
    ],
    "posterior_mean": [
        (" / np.sum(w, axis=0)", "", "not normalized"),
        ("np.sum(w * values, axis=0) / np.sum(w, axis=0)", "values.mean(axis=0)", "not used"),
        ("log_w - log_w.max(axis=0)", "log_w", "exp underflowed"),
        ("np.sum(w, axis=0)", "len(w)", "not normalized"),
    ],
}


class Cell(NamedTuple):
    kind: str
    nbgrader: dict
    text: str


def cells_of(path):
    """The cells of a py:percent source."""
    cells = []
    for block in re.split(r"(?m)^# %%", path.read_text())[1:]:
        head, _, text = block.partition("\n")
        kind = "markdown" if "[markdown]" in head else "code"
        if kind == "markdown":
            text = re.sub(r"(?m)^# ?", "", text)
        marks = json.loads(head.split("nbgrader=")[1])
        cells.append(Cell(kind, marks, text.strip("\n")))
    return cells


def student_text(cell):
    """What nbgrader leaves of a cell."""
    if cell.kind == "markdown" and cell.nbgrader["solution"]:
        return "YOUR ANSWER HERE"
    text = re.sub(
        r"(?s)( *)### BEGIN SOLUTION.*?### END SOLUTION",
        r"\1# YOUR CODE HERE\n\1raise NotImplementedError()",
        cell.text,
    )
    return re.sub(r"(?s)\n*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", text)


CHAPTERS = {path.stem: cells_of(path) for path in SOURCES}
EXERCISE = {
    cell.nbgrader["grade_id"]: (chapter, cell)
    for chapter, cells in CHAPTERS.items()
    for cell in cells
    if cell.kind == "code" and cell.nbgrader["solution"]
}


def named(chapter, end):
    return next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"].endswith(end))


def grade(exercise, answer):
    """Run an answer and then its test cell, as a student does."""
    chapter, _ = EXERCISE[exercise]
    names = {"__name__": "exercise"}
    for text in (named(chapter, f"setup_{chapter[:2]}").text, answer):
        exec(compile(text, exercise, "exec"), names)
    test = next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"] == f"{exercise}_test")
    exec(compile(test.text, f"{exercise}_test", "exec"), names)


def test_there_are_enough_exercises_in_the_order_of_the_notebooks():
    assert len(SOURCES) == 8
    assert len(EXERCISE) >= 20
    assert set(WRONG) == set(EXERCISE)
    assert min(len(wrong) for wrong in WRONG.values()) >= 2
    for number, path in enumerate(SOURCES, start=1):
        assert path.name.startswith(f"{number:02d}_")


def test_the_teachers_page_counts_the_points():
    table = (EXERCISES.parent / "README.md").read_text()
    points = [sum(cell.nbgrader.get("points", 0) for cell in cells) for cells in CHAPTERS.values()]
    assert [int(n) for n in re.findall(r"(?m)^\| `\d\d_.*\| (\d+) \|$", table)] == points


@pytest.mark.parametrize("exercise", EXERCISE)
def test_the_solution_passes(exercise):
    grade(exercise, EXERCISE[exercise][1].text)


@pytest.mark.parametrize("exercise", EXERCISE)
def test_the_empty_stub_stops(exercise):
    stub = student_text(EXERCISE[exercise][1])
    assert "SOLUTION" not in stub
    with pytest.raises(NotImplementedError):
        grade(exercise, stub)


@pytest.mark.parametrize(
    ("exercise", "number"), [(name, i) for name, wrong in WRONG.items() for i in range(len(wrong))]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_typical_wrong_answers_are_rejected_by_name(exercise, number):
    right, wrong, message = WRONG[exercise][number]
    solution = EXERCISE[exercise][1].text
    assert right in solution, "the table does not fit the solution any more"
    with pytest.raises(AssertionError, match=message):
        grade(exercise, solution.replace(right, wrong))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_whole_chapter_runs(chapter):
    names = {"__name__": "chapter"}
    for cell in CHAPTERS[chapter]:
        if cell.kind == "code" and not cell.nbgrader["grade_id"].startswith("install"):
            exec(compile(cell.text, cell.nbgrader["grade_id"], "exec"), names)
    assert "checks" in names


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_student_copy_is_the_source_without_its_solutions(chapter):
    notebook = json.loads((STUDENT / f"{chapter}.ipynb").read_text())
    copied = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert copied == [student_text(cell) for cell in CHAPTERS[chapter]]
    assert all(not cell.get("outputs") for cell in notebook["cells"])


@pytest.mark.slow
def test_a_student_copy_is_what_nbgrader_generates(tmp_path):
    pytest.importorskip("nbgrader")
    pytest.importorskip("jupytext")
    spec = importlib.util.spec_from_file_location("release", EXERCISES / "release.py")
    release = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(release)
    # The chapter with cells of every kind; all chapters are compared cell by cell above.
    [path] = release.make(tmp_path, [source for source in SOURCES if "gradients" in source.stem])
    assert path.read_text() == (STUDENT / path.name).read_text()


def test_the_checks_of_exercises_are_public_and_take_an_rng():
    used = set(re.findall(r"checks\.(check_\w+)\(", "".join(p.read_text() for p in SOURCES)))
    assert used <= set(checks.__all__)
    with pytest.raises(AssertionError, match=r"should return one array of numbers"):
        checks.check_elbo(lambda log_joint, log_q: "a text", np.random.default_rng(0))
