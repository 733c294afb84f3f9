"""The page of what the five lectures teach: all that it names exists."""

import functools
import importlib
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PAGE = (NOTEBOOKS / "coverage.md").read_text("utf-8")
HEAD = "| section | taught in | exercises | code |"
LECTURES = ("Ermon/Grover notes", "Permuter, Lecture 12", "AEVB review", "Rios slides")


def rows():
    """(lecture, section, taught in, exercises, code) of every row."""
    for part in re.split(r"(?m)^## ", PAGE)[1:]:
        lecture, _, text = part.partition("\n")
        assert HEAD in text
        for line in re.findall(r"(?m)^\| (?!section)(.*) \|$", text):
            yield lecture, *line.split(" | ")


def headings(number):
    """Headings of a notebook, with its title."""
    [source] = NOTEBOOKS.glob(f"{int(number):02d}_*.py")
    title, *others = re.findall(r"(?m)^# ##? (.*)$", source.read_text("utf-8"))
    return {re.sub(r"^\d+\. ", "", title), *others}


@functools.cache
def exercises():
    """Numbers of the exercises, and Q with those of the questions for thought."""
    sources = (NOTEBOOKS / "exercises" / "source").glob("*.py")
    found = {n for s in sources for n in re.findall(r"(?m)^# ## (\d+\.\d+) ", s.read_text("utf-8"))}
    for source in NOTEBOOKS.glob("[0-9][0-9]_*.py"):
        questions = source.read_text("utf-8").split("## Exercises")[-1]
        numbers = re.findall(r"(?m)^# (\d+)\. ", questions)
        found |= {f"Q{int(source.name[:2])}.{number}" for number in numbers}
    return found


def resolve(name):
    """The object that bbvi calls so; AttributeError or ImportError where there is none."""
    at = importlib.import_module("bbvi")
    for part in name.split("."):
        try:
            at = getattr(at, part)
        except AttributeError:
            at = importlib.import_module(f"{at.__name__}.{part}")
    return at


def problems(row):
    """What a row names that does not exist, and what it leaves empty."""
    _, _, taught, its_exercises, code = row
    for place in taught.split("; "):
        number, _, heading = place.partition(": ")
        if heading not in headings(number):
            yield f"no heading {heading!r} in notebook {number}"
    for number in its_exercises.split(", "):
        if number not in exercises():
            yield f"no exercise {number!r}"
    names = re.findall(r"`([\w.]+)`", code)
    if not names:
        yield "no code"
    for name in names:
        try:
            resolve(name)
        except (AttributeError, ImportError):
            yield f"no {name} in bbvi"


def test_everything_that_the_page_names_exists():
    assert [(row[1], problem) for row in rows() for problem in problems(row)] == []


def test_all_five_lectures_and_all_notebooks_have_their_rows():
    table = list(rows())
    assert list(dict.fromkeys(row[0] for row in table)) == [*LECTURES, "Swaney lecture"]
    assert len(table) > 60
    glossary = (NOTEBOOKS.parent / "docs" / "glossary.md").read_text("utf-8")
    assert all(lecture in glossary for lecture in (*LECTURES, "Swaney lecture"))
    taught = {int(place.split(":")[0]) for row in table for place in row[2].split("; ")}
    assert taught >= set(range(1, 13)) - {10}  # no lecture compares methods


@pytest.mark.parametrize(
    ("column", "wrong", "message"),
    [
        (2, "3: The hard gradient", "no heading"),
        (2, "12: Two derivations", "no heading"),
        (3, "3.99", "no exercise"),
        (3, "Q3.99", "no exercise"),
        (4, "`fit_nothing`", "no fit_nothing in bbvi"),
        (4, "`estimators.nothing`", "in bbvi"),
        (4, "none", "no code"),
    ],
)
def test_what_does_not_exist_is_seen(column, wrong, message):
    row = list(next(rows()))
    assert list(problems(row)) == []
    row[column] = wrong
    assert message in next(iter(problems(row)))
