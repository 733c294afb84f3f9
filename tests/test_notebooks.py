"""The lecture notebooks: their two forms agree, the executed form is clean, and all of them run."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupytext.combine import combine_inputs_with_outputs
from jupytext.config import load_jupytext_config
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
STUDENTS = NOTEBOOKS / "students.md"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
LARGEST_BYTES = 700_000

each_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def executed(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def program(name):
    """A program of the folder notebooks, as a module."""
    spec = importlib.util.spec_from_file_location(name, NOTEBOOKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def release():
    """notebooks/execute.py, which makes the .ipynb."""
    return program("execute")


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def texts(output):
    """All that a reader sees of an output, and the traceback if there is one."""
    data = output.get("data", {})
    shown = [value for kind, value in data.items() if kind.startswith("text/")]
    return "\n".join([output.get("text", ""), *shown, *output.get("traceback", [])])


def test_there_are_twelve_numbered_notebooks():
    assert [source.name[:2] for source in SOURCES] == [f"{n:02d}" for n in range(1, 13)]


@each_notebook
def test_pair_does_not_drift(source):
    module, run = release(), executed(source)
    written = module.published(source)
    assert [
        (cell.cell_type, cell.source, module.hidden(cell.metadata.get("tags", [])))
        for cell in written.cells
    ] == [(cell.cell_type, cell.source, cell.metadata) for cell in run.cells], (
        f"run: python notebooks/execute.py notebooks/{source.name}"
    )


@each_notebook
def test_begins_without_machinery(source):
    """A reader of the book meets the question first: no installation, imports folded."""
    code = [cell for cell in jupytext.read(source).cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in code]
    assert tags[:2] == [["remove-cell"], ["hide-input"]]
    assert 'find_spec("bbvi")' in code[0].source
    for cell, its in zip(code[2:], tags[2:]):
        assert its == (["hide-input"] if cell.source.startswith("with styled():") else [])


@each_notebook
def test_is_executed_in_order_without_errors(source):
    run = executed(source)
    counts = [cell.execution_count for cell in run.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output.output_type for output in outputs(run)}
    assert "error" not in kinds
    assert all(output.get("name") != "stderr" for output in outputs(run))
    assert sum("image/png" in output.get("data", {}) for output in outputs(run)) >= 1


@each_notebook
def test_tells_nothing_of_the_machine_it_ran_on(source):
    run = executed(source)
    for output in outputs(run):
        assert not re.search(r"(^|[\s'\"(=])(/[\w.-]+){2,}|[A-Z]:\\", texts(output))
    assert set(run.metadata) <= {"jupytext", "kernelspec"}
    assert all(set(cell.metadata) <= {"jupyter", "tags"} for cell in run.cells)
    assert source.with_suffix(".ipynb").stat().st_size < LARGEST_BYTES


@each_notebook
def test_has_the_parts_of_a_lecture(source):
    text = source.read_text()
    for part in ("**Question.**", "$$", "assert ", "## Exercises"):
        assert part in text, part


@each_notebook
def test_links_lead_somewhere(source):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", source.read_text())
    assert links
    for link in links:
        assert (NOTEBOOKS / link).is_file(), link


def opened_as_a_pair(source, config):
    """What JupyterLab shows: the cells of the .py, with what the .ipynb has of each."""
    text = jupytext.read(source, config=config)
    if config is not None:
        config.set_default_format_options(text.metadata["jupytext"], read=True)
    formats = {"extension": ".py", "format_name": "percent"}
    return combine_inputs_with_outputs(text, executed(source), formats).cells


def test_what_is_folded_stays_folded_in_jupyterlab():
    [source] = SOURCES[:1]
    tagged = [cell for cell in executed(source).cells if cell.metadata.get("tags")]
    assert len(tagged) >= 3
    for config, folded in ((load_jupytext_config(str(source)), len(tagged)), (None, 0)):
        cells = opened_as_a_pair(source, config)
        assert sum("jupyter" in cell.metadata for cell in cells) == folded


def test_the_pages_say_how_long_each_takes():
    """The students' page and the teacher's, each within one step of five minutes."""
    minutes = program("reading_times").minutes
    taken = [minutes(source.with_suffix(".ipynb")) for source in SOURCES]
    row = re.search(r"(?m)^\| minutes \| (.*) \|$", (NOTEBOOKS / "README.md").read_text())[1]
    students = re.findall(r"(?m)^\| \[\d+ .*?\) \| (\d+) \|", STUDENTS.read_text())
    assert min(taken) >= 5
    for said in (row.split(" | "), students):
        assert len(said) == len(taken)
        assert [(a, b) for a, b in zip(map(int, said), taken) if abs(a - b) > 5] == []


def test_the_students_page_lists_every_lecture_with_its_exercises():
    rows = re.findall(
        r"(?m)^\| \[(\d+) .*?\]\((\w+)\.ipynb\) \| \d+ \| (.*?) \| .*\?.* \|$",
        STUDENTS.read_text(),
    )
    assert [name for _, name, _ in rows] == [source.stem for source in SOURCES]
    copies = {path.name[:2]: path.name for path in NOTEBOOKS.glob("exercises/student/*.ipynb")}
    for number, name, then in rows:
        assert int(number) == int(name[:2])
        link = f"[its exercises](exercises/student/{copies.get(name[:2])})"
        assert then == (link if name[:2] in copies else "its questions"), name


def test_the_students_page_links_files_of_the_checkout():
    """A new student reads it before any book is built."""
    links = re.findall(r"\]\(([^)#:]+)\)", STUDENTS.read_text())
    assert len(links) > 20
    assert [link for link in links if not (NOTEBOOKS / link).exists()] == []


def test_addresses_appear_with_the_address_of_the_project_only():
    module = release()
    assert module.REPOSITORY == ""
    source, mine = SOURCES[0], "https://github.com/OWNER/NAME/tree/v1"
    plain = [cell.source for cell in jupytext.read(source).cells]
    assert [cell.source for cell in module.published(source).cells] == plain
    badges, install, *others = module.published(source, mine).cells
    assert "mybinder.org/v2/gh/OWNER/NAME/v1?labpath=notebooks/01_" in badges.source
    assert "colab.research.google.com/github/OWNER/NAME/blob/v1/notebooks/01_" in badges.source
    assert "%pip install -q git+https://github.com/OWNER/NAME@v1" in install.source
    assert [cell.source for cell in others] == plain


@pytest.mark.parametrize(
    "source",
    [*SOURCES, *sorted((NOTEBOOKS / "exercises" / "source").glob("*.py"))],
    ids=lambda source: f"{source.parent.name}-{source.stem}",
)
def test_without_bbvi_it_says_in_one_line_how_to_install_it(source, tmp_path):
    cell = next(c for c in jupytext.read(source).cells if c.cell_type == "code").source
    script = re.sub("(?m)^%.*$", "", cell).replace("bbvi", "bbvi_that_is_not_installed")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.endswith(f"In its checkout run: {sys.executable} -m pip install -e .")


@pytest.mark.slow
@each_notebook
def test_runs(source, monkeypatch):
    monkeypatch.setenv("BBVI_SMOKE", "1")
    monkeypatch.delenv("BBVI_DATA", raising=False)
    # One core for each notebook: the test workers already fill the machine.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    notebook = jupytext.read(source)
    done = NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert not [output for output in outputs(done) if output.output_type == "error"]


def test_other_seeds_reach_every_way_to_make_a_generator(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(program("execute").OTHER_SEEDS.format(k=3))
    script = (
        "import numpy as np\n"
        "root = np.random.SeedSequence(0)\n"
        "for seed in (0, [0, 1], root, root.spawn(1)[0]):\n"
        "    print(np.random.default_rng(seed).random())\n"
    )
    own, other, again = (
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([folder, str(NOTEBOOKS.parent)])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for folder in ("", str(tmp_path), str(tmp_path))
    )
    assert other == again
    assert not set(own) & set(other)


def test_the_guards_see_what_they_guard_against(tmp_path):
    path = tmp_path / "01_drifted.py"
    path.write_text("# %%\n1 + 1\n")
    notebook = jupytext.read(path)
    notebook.cells[0].source = "1 + 2"
    notebook.cells[0].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="File '/home/someone/bbvi/x.py'")
    ]
    nbformat.write(notebook, path.with_suffix(".ipynb"))
    with pytest.raises(AssertionError, match="execute"):
        test_pair_does_not_drift(path)
    with pytest.raises(AssertionError):
        test_is_executed_in_order_without_errors(path)
    with pytest.raises(AssertionError):
        test_tells_nothing_of_the_machine_it_ran_on(path)
