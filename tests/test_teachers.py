"""The teachers' folder: an answer to every question for thought, and none for students."""

import re
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ANSWERS = (NOTEBOOKS / "exercises" / "teachers" / "answers.md").read_text("utf-8")


def numbered(text, mark=""):
    return [int(number) for number in re.findall(rf"(?m)^{mark}(\d+)\. ", text)]


def answers():
    """{chapter: numbers of its answers}."""
    parts = re.split(r"(?m)^## (\d\d) .*$", ANSWERS)[1:]
    return {chapter: numbered(text) for chapter, text in zip(parts[::2], parts[1::2])}


def test_every_question_for_thought_has_an_answer():
    found = answers()
    for source in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py")):
        questions = numbered(source.read_text("utf-8").split("## Exercises")[-1], mark="# ")
        assert questions == found.pop(source.stem[:2]), source.stem
    assert not found


def test_students_get_none():
    """Neither a student copy, nor a page of the book, nor what they are told to read."""
    long_lines = [line.strip() for line in ANSWERS.splitlines() if len(line) > 60]
    assert len(long_lines) > 60
    students = [*(NOTEBOOKS / "exercises" / "student").iterdir()]
    pages = [NOTEBOOKS / "students.md", *NOTEBOOKS.glob("*.ipynb")]
    for path in [*students, *pages]:
        text = path.read_text("utf-8")
        assert "teachers/answers" not in text
        assert not any(line in text for line in long_lines), path
    copies = (NOTEBOOKS.parent / "docs" / "book" / "copies.py").read_text("utf-8")
    assert "exercises/teachers" not in copies
