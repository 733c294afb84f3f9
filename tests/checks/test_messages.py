"""A failing check shows its message alone: in plain Python, in Jupyter and in nbgrader's page."""

import html
import importlib.util
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from bbvi import checks

EXERCISES = Path(__file__).parent.parent.parent / "notebooks" / "exercises"
SETUP = "import numpy as np\nfrom bbvi import checks\n"
CALL = "checks.check_elbo(elbo, np.random.default_rng(0))"
WRONG = "def elbo(log_joint, log_q):\n    return log_joint.mean(axis=0)\n"
RAISES = "def elbo(log_joint, log_q):\n    return undefined_name\n"
ASSERTS = "def elbo(log_joint, log_q):\n    assert log_joint.ndim == 7\n"
STUB = "def elbo(log_joint, log_q):\n    raise NotImplementedError()\n"
# What the source of the checks has, and a student should not see.
SECRETS = ("bbvi/checks", "verdicts", "log_w", "check_answer", "suspects")


def message_of(answer=WRONG):
    names = {}
    exec(SETUP + answer, names)
    with pytest.raises(AssertionError) as caught:
        exec(CALL, names)
    return str(caught.value)


def in_kernel(*cells):
    """The traceback, as the kernel sends it, of the last cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    [output] = [o for cell in notebook.cells for o in cell.outputs if o.output_type == "error"]
    return output.ename, re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))


def in_python(tmp_path, text):
    path = tmp_path / "answer.py"
    path.write_text(text)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def test_plain_python_shows_the_line_of_the_check_and_the_message(tmp_path):
    shown = in_python(tmp_path, SETUP + WRONG + CALL)
    head, place, line, *message = shown.splitlines()
    assert head == "Traceback (most recent call last):"
    assert place.endswith("in <module>")
    assert "answer.py" in place
    assert line.strip() == CALL
    assert message == [f"AssertionError: {message_of()}"]
    assert "the entropy is missing" in message[0]


@pytest.mark.parametrize(
    "answer",
    [
        "def elbo(log_joint, log_q):\n    return 'a text'\n",  # fails inside an except block
        "def elbo(log_joint, log_q):\n    pass\n",
    ],
)
def test_a_failure_of_another_kind_shows_no_more(tmp_path, answer):
    shown = in_python(tmp_path, SETUP + answer + CALL)
    assert shown.count("Traceback") == 1
    assert shown.splitlines()[3:] == [f"AssertionError: {message_of(answer)}"]


def test_jupyter_shows_the_message_alone():
    name, shown = in_kernel(SETUP + WRONG, CALL)
    assert name == "AssertionError"
    assert shown == message_of()


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (RAISES, "return undefined_name"),
        (ASSERTS, "assert log_joint.ndim == 7"),
        (STUB, "raise NotImplementedError()"),
    ],
)
def test_an_exception_of_the_students_function_shows_its_line_and_no_check(tmp_path, answer, line):
    for shown in (in_python(tmp_path, SETUP + answer + CALL), in_kernel(SETUP + answer, CALL)[1]):
        assert line in shown
        assert not [secret for secret in SECRETS if secret in shown]


def test_an_error_inside_another_shows_no_check_either(tmp_path):
    answer = (
        "def elbo(log_joint, log_q):\n    try:\n        1 / 0\n"
        "    except ZeroDivisionError:\n        raise KeyError('second')\n"
    )
    shown = in_python(tmp_path, SETUP + answer + CALL)
    assert "1 / 0" in shown
    assert "raise KeyError('second')" in shown
    assert not [secret for secret in SECRETS if secret in shown]


def test_a_failure_survives_pickling_as_an_assertion_error():
    with pytest.raises(AssertionError) as caught:
        checks.check_elbo(lambda p, q: p.mean(axis=0), np.random.default_rng(0))
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, AssertionError)
    assert str(again) == str(caught.value)


def test_a_model_that_fails_is_told_its_line(tmp_path):
    model = (
        "import autograd.numpy as anp\nfrom bbvi import LinearGaussian\n"
        "class Mine:\n"
        "    latent_dim = 2\n"
        "    inner = LinearGaussian(2, 3)\n"
        "    init, sample = inner.init, inner.sample\n"
        "    def log_joint(self, theta, x, z):\n"
        "        return float(self.inner.log_joint(theta, x, z))\n"
        "checks.check_model(Mine(), np.random.default_rng(0))\n"
    )
    shown = in_python(tmp_path, SETUP + model)
    assert "bbvi/checks" not in shown
    assert "answer.py" in shown


@pytest.mark.slow
def test_nbgraders_page_shows_the_message_and_not_the_solution(tmp_path, monkeypatch):
    nbgrader = pytest.importorskip("nbgrader")
    pytest.importorskip("jupytext")
    spec = importlib.util.spec_from_file_location("release", EXERCISES / "release.py")
    release = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(release)
    [copy] = release.make(tmp_path, [EXERCISES / "source" / "02_elbo.py"])
    notebook = nbformat.read(copy, as_version=4)
    [cell] = [c for c in notebook.cells if c.metadata["nbgrader"]["grade_id"] == "elbo"]
    cell.source = WRONG
    submitted = tmp_path / "submitted" / "me" / "02_elbo" / "02_elbo.ipynb"
    submitted.parent.mkdir(parents=True)
    nbformat.write(notebook, submitted)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The page's templates are beside nbgrader, which may be installed under another prefix.
    templates = str(Path(nbgrader.__file__).parents[4] / "share" / "jupyter")
    for step in ("autograde", "generate_feedback"):
        subprocess.run(
            [sys.executable, "-m", "nbgrader", step, "02_elbo"],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "JUPYTER_PATH": templates},
            check=True,
            capture_output=True,
        )
    page = (tmp_path / "feedback" / "me" / "02_elbo" / "02_elbo.html").read_text()
    shown = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert message_of() in shown
    assert not [secret for secret in ("bbvi/checks", "verdicts", "suspects") if secret in shown]
