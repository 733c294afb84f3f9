"""The hand-written part of the book: words for each page of the gallery, and code that runs."""

import inspect
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


@pytest.mark.parametrize("name", words("estimators"))
def test_a_derivation_has_five_lines(name):
    said = words("estimators")[name]
    assert len(said["derivation"]) == 5
    assert all(line.count("$") % 2 == 0 for line in said["derivation"])
    assert said["equation"].count("{") == said["equation"].count("}")
    assert said["title"]
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
