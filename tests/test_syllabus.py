"""The syllabus: lectures in order, times that follow from them, exercises that exist."""

import importlib.util
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PAGE = (NOTEBOOKS / "syllabus.md").read_text("utf-8")
LECTURES = {int(path.name[:2]): path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def plan(title):
    """(lectures, minutes, exercises) of each day or week of a plan."""
    [text] = re.findall(rf"(?ms)^## {title}$(.*?)(?=^## |\Z)", PAGE)
    rows = re.findall(r"(?m)^\| \d+ \| ([\d, ]+) \| (\d+) \| (.*) \|$", text)
    return [([int(n) for n in its.split(", ")], int(m), what) for its, m, what in rows]


@pytest.mark.parametrize(("title", "length", "left"), [("Eight weeks", 8, 0), ("Two weeks", 10, 2)])
def test_a_plan_has_lectures_times_and_exercises(title, length, left):
    spec = importlib.util.spec_from_file_location("times", NOTEBOOKS / "reading_times.py")
    times = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(times)
    rows = plan(title)
    assert len(rows) == length
    lectures = [number for its, _, _ in rows for number in its]
    assert len(lectures) == len(set(lectures)) == len(LECTURES) - left
    for its, minutes, _ in rows:
        expected = 2 * sum(times.minutes(LECTURES[number]) for number in its)
        # A rounding of five minutes, twice, for each of them.
        assert abs(minutes - expected) <= 10 * len(its), (its, expected)
        assert minutes <= 120
    chapters = {path.name[:2] for path in (NOTEBOOKS / "exercises" / "source").glob("*.py")}
    asked = {
        number
        for _, _, text in rows
        for number in re.findall(r"\b\d\d\b", text.split("questions")[0])
    }
    assert asked == chapters


def test_every_lecture_has_a_goal():
    [text] = re.findall(r"(?ms)^## What can be done afterwards$(.*?)(?=^## )", PAGE)
    assert [int(n) for n in re.findall(r"(?m)^\| (\d+) \| \w", text)] == list(LECTURES)
