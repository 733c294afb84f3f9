"""Write the student copies of all exercises, by nbgrader, from the instructor's sources.

    pip install -e ".[teach]"
    python notebooks/exercises/release.py                  # refreshes student/
    python notebooks/exercises/release.py --course ~/bbvi-course

With ``--course`` the folder stays, as nbgrader's course directory: one assignment per chapter,
with ``source/`` and ``release/``, ready for ``nbgrader collect`` and ``nbgrader autograde``.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "source").glob("*.py"))


def make(course, sources=SOURCES):
    """Build the course directory and return the paths of the student copies in it."""
    course = Path(course)
    course.mkdir(parents=True, exist_ok=True)
    if not (course / "nbgrader_config.py").exists():  # a course may have added its own settings
        shutil.copy(HERE / "nbgrader_config.py", course)
    for source in sources:
        notebook = course / "source" / source.stem / f"{source.stem}.ipynb"
        notebook.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(as_notebook(source), notebook)
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


def as_notebook(source):
    """A py:percent source as a notebook whose cells have the same names in every run."""
    notebook = jupytext.read(source)
    for cell in notebook.cells:
        cell.id = cell.metadata["nbgrader"]["grade_id"].replace("_", "-")
    kernel = notebook.metadata["kernelspec"]
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


def main():
    """Refresh the student copies, and leave the course directory if one was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--course", type=Path, help="keep nbgrader's course directory here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        copies = make(args.course or scratch)
        (HERE / "student").mkdir(exist_ok=True)
        for copy in copies:
            shutil.copy(copy, HERE / "student")
    print(f"{len(copies)} student copies are in {HERE / 'student'}")


if __name__ == "__main__":
    main()
