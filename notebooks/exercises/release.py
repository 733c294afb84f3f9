"""Write the student copies of all exercises, by nbgrader, from the instructor's sources.

    pip install -e ".[teach]"
    python notebooks/exercises/release.py                  # refreshes student/
    python notebooks/exercises/release.py --course ~/bbvi-course
    python notebooks/exercises/release.py --course ~/bbvi-second-course --variant 2

With ``--course`` the folder stays, as nbgrader's course directory: one assignment per chapter,
with ``source/`` and ``release/``, ready for ``nbgrader collect`` and ``nbgrader autograde``.  With
``--variant`` every graded cell has other seeds, so that the first cohort's numbers are wrong.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "source").glob("*.py"))


SEED = re.compile(r"default_rng\((\d+)\)")
BETWEEN_VARIANTS = 10_000
"""No two seeds of a chapter differ by as much."""


def make(course, sources=SOURCES, variant=1):
    """Build the course directory and return the paths of the student copies in it."""
    course = Path(course)
    course.mkdir(parents=True, exist_ok=True)
    if not (course / "nbgrader_config.py").exists():  # a course may have added its own settings
        shutil.copy(HERE / "nbgrader_config.py", course)
    for source in sources:
        notebook = course / "source" / source.stem / f"{source.stem}.ipynb"
        notebook.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(as_notebook(source, variant), notebook)
    # nbgrader calls its helper alembic by name, so this Python's programs have to be found first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for source in sources:
        subprocess.run(
            [sys.executable, "-m", "nbgrader", "generate_assignment", "--force", source.stem],
            cwd=course,
            env={**os.environ, "PATH": path},
            check=True,
        )
    return [course / "release" / s.stem / f"{s.stem}.ipynb" for s in sources]


def in_variant(test, variant):
    """The text of a cell with the seeds of a variant; 1 is as written."""
    shift = BETWEEN_VARIANTS * (variant - 1)
    return SEED.sub(lambda seed: f"default_rng({int(seed[1]) + shift})", test)


def as_notebook(source, variant=1):
    """A py:percent source as a notebook whose cells have the same names in every run."""
    notebook = jupytext.read(source)
    for cell in notebook.cells:
        marks = cell.metadata["nbgrader"]
        cell.id = marks["grade_id"].replace("_", "-")
        # A figure that is read has the seed of its test, and so has the answer.
        if marks["grade"] or marks["solution"] or marks["grade_id"].endswith("_figure"):
            cell.source = in_variant(cell.source, variant)
    kernel = notebook.metadata["kernelspec"]
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


def main():
    """Refresh the student copies, and leave the course directory if one was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--course", type=Path, help="keep nbgrader's course directory here")
    parser.add_argument("--variant", type=int, default=1, help="1, 2, ...: other seeds (default 1)")
    args = parser.parse_args()
    if args.variant < 1 or (args.variant > 1 and not args.course):
        parser.error(f"--variant {args.variant}: expected 1, or 2, 3, ... with --course")
    if args.variant > 1:
        copies = make(args.course, variant=args.variant)
        print(f"{len(copies)} student copies of variant {args.variant} are in {args.course}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        copies = make(args.course or scratch)
        (HERE / "student").mkdir(exist_ok=True)
        for copy in copies:
            shutil.copy(copy, HERE / "student")
    print(f"{len(copies)} student copies are in {HERE / 'student'}")


if __name__ == "__main__":
    main()
