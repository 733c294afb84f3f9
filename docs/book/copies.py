"""Pages that stand elsewhere in the repository: notebooks, exercises, reports.

They are copied with their links turned: to a page of the book where there is one, else to the file.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from book.writing import Pages

LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
REPORTS = {
    "benchmarks/reproductions.md": "reproductions.md",
    "benchmarks/README.md": "benchmarks.md",
    "notebooks/README.md": "teachers.md",
    "notebooks/coverage.md": "coverage.md",
    "notebooks/students.md": "students.md",
    "notebooks/syllabus.md": "syllabus.md",
}
"""Page of the repository -> page of the book."""


def write(pages: Pages) -> None:
    """All copied pages, and the indices of lectures and exercises."""
    repository = pages.root.parent
    homes = destinations(repository)
    for source, target in homes.items():
        if source.suffix == ".ipynb":
            text = notebook(source, target, pages.root, homes)
        else:
            text = turned(source.read_text("utf-8"), source, target, pages.root, homes)
        pages.put(target, text)
    for folder, title, text in (
        ("lectures", "Lectures", LECTURES),
        ("exercises", "Exercises", EXERCISES),
    ):
        names = sorted(Path(t).stem for t in homes.values() if t.startswith(folder + "/"))
        tree = "\n".join(names)
        pages.put(
            f"{folder}/index.md",
            f"# {title}\n\n{text}\n```{{toctree}}\n:maxdepth: 1\n\n{tree}\n```\n",
        )


LECTURES = """Each lecture is a notebook with its outputs: a question, the equations, a few lines of
code, pictures. How to open one: [for students](../students.md). Slides: [for
teachers](../slides.md).
"""
EXERCISES = """What students get. Each test cell names the mistake at once. The instructor's page,
with points and grading: [for teachers](../teachers.md).
"""


def destinations(repository: Path) -> dict[Path, str]:
    """File of the repository -> page of the book, for all that is copied."""
    found = {
        path: f"lectures/{path.name}" for path in sorted((repository / "notebooks").glob("*.ipynb"))
    }
    students = repository / "notebooks" / "exercises" / "student"
    found |= {path: f"exercises/{path.name}" for path in sorted(students.glob("*.ipynb"))}
    found |= {repository / source: target for source, target in REPORTS.items()}
    return {path: target for path, target in found.items() if path.exists()}


def turned(text: str, source: Path, target: str, root: Path, homes: dict[Path, str]) -> str:
    """The text with every relative link turned."""
    here = (root / target).parent

    def turn(match: re.Match[str]) -> str:
        link = match[2]
        path = (source.parent / link).resolve()
        if "://" in link or not path.exists() or not path.is_file():
            return match[0] if "://" in link else match[1] + link + match[3]
        goal = root / homes[path] if path in homes else path
        return match[1] + os.path.relpath(goal, here).replace(os.sep, "/") + match[3]

    return LINK.sub(turn, text)


def notebook(source: Path, target: str, root: Path, homes: dict[Path, str]) -> str:
    """A notebook whose markdown cells have their links turned."""
    book: Any = json.loads(source.read_text("utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            text = turned("".join(cell["source"]), source, target, root, homes)
            cell["source"] = text.splitlines(keepends=True)
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"
