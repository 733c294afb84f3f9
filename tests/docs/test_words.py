"""The hand-written part of the book: words for each page of the gallery, and code that runs."""

import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import bbvi
from bbvi import families, inference, models
from bbvi.estimators import ESTIMATORS

DOCS = Path(__file__).parents[2] / "docs"
HOW_TOS = sorted((DOCS / "howto").glob("*.md"))


def words(kind):
    return tomllib.loads((DOCS / "gallery" / f"{kind}.toml").read_text("utf-8"))


def missing(kind, names):
    return f"docs/gallery/{kind}.toml and the package differ in {set(words(kind)) ^ set(names)}"


def test_every_estimator_has_words():
    assert set(words("estimators")) == set(ESTIMATORS), missing("estimators", ESTIMATORS)


KINDS = ("estimators", "families", "likelihoods", "procedures")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in words(kind)])
def test_a_derivation_has_five_lines(kind, name):
    said = words(kind)[name]
    assert len(said["derivation"]) == 5
    assert all(line.count("$") % 2 == 0 for line in said["derivation"])
    assert said["equation"].count("{") == said["equation"].count("}")
    assert said.get("title") or kind != "estimators"
    assert said["when"]


def test_every_family_likelihood_and_procedure_has_words():
    kinds = {
        "families": [n for n in families.__all__ if inspect.isclass(getattr(families, n))],
        "procedures": [n for n in inference.__all__ if n.startswith(("fit_", "infer"))],
        "likelihoods": [
            name
            for name in bbvi.__all__
            if inspect.isclass(vars(models.likelihoods).get(name))
            and vars(models.likelihoods)[name].__module__.startswith("bbvi.models.likelihoods")
        ],
    }
    for kind, names in kinds.items():
        assert names
        assert set(words(kind)) == set(names), missing(kind, names)


@pytest.mark.parametrize("page", HOW_TOS, ids=lambda path: path.stem)
def test_the_code_of_a_how_to_runs(page, capsys):
    namespace = {"__name__": "howto"}
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, page.name, "exec"), namespace)
    assert blocks or page.stem == "index"


SOURCES = sorted([*DOCS.glob("*.md"), *HOW_TOS])
MADE = {
    **{kind: words(kind) for kind in KINDS},
    "lectures": [path.stem for path in DOCS.parent.joinpath("notebooks").glob("*.ipynb")],
    "exercises": [path.stem for path in DOCS.parent.glob("notebooks/exercises/student/*.ipynb")],
    "api": [],
    ".": [
        "teachers",
        "reproductions",
        "benchmarks",
        "cheatsheet",
        "syllabus",
        "coverage",
        "students",
    ],
}
"""Folder -> pages that the build of the book adds to the sources, beside each folder's index."""


def lost(source, text):
    """Links of a source, and entries of its contents, that lead to no page that there will be."""
    trees = re.findall(r"^```{toctree}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    entries = re.findall(r"^(?:[^:<\n]+ <)?([\w/.-]+)>?$", "\n".join(trees), re.MULTILINE)
    links = [*re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text), *(f"{name}.md" for name in entries)]
    for link in links:
        goal = (source.parent / link).resolve()
        if goal.is_relative_to(DOCS):
            folder, name = goal.relative_to(DOCS).parent.as_posix(), goal.stem
            made = name in MADE.get(folder, ()) or (name == "index" and folder in MADE)
        else:
            made = False
        if not (goal.exists() or made):
            yield link


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_links_and_names_of_a_source_exist(source):
    text = source.read_text("utf-8")
    assert list(lost(source, text)) == []
    for name in re.findall(r"{py:obj}`(?:[^`<]*<)?([\w.]+)>?`", text):
        assert pkgutil.resolve_name(name) is not None


def test_a_lost_link_is_seen():
    tree = "```{toctree}\n:hidden:\nX <which>\nno/page\n```\n"
    text = f"[a](nowhere.md) [b](estimators/nothing.md)\n{tree}"
    assert list(lost(DOCS / "x.md", text)) == ["nowhere.md", "estimators/nothing.md", "no/page.md"]
