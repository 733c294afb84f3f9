"""CONTRIBUTING.md: its recipes run, and wrong versions of them are caught."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(
    re.findall(r"^## (An? [^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", TEXT, re.M | re.S)
)


def run(code):
    """What a recipe defines."""
    names = {"__name__": "contributing"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    return names


def test_there_is_a_recipe_for_each_part():
    assert list(RECIPES) == [
        "An estimator",
        "A family",
        "A likelihood",
        "A model",
        "A problem in the catalogue",
    ]


@pytest.mark.parametrize("part", RECIPES)
def test_a_recipe_runs_and_is_checked(part):
    code = RECIPES[part]
    parts = re.findall(r"(?m)^(?:def|class) (\w+)", code)
    assert parts
    assert set(parts) <= set(run(code))
    assert re.search(r"(?m)^(check_\w+\(|assert )", code)


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [
        ("An estimator", "(f - baseline)[", "(f - f.mean(axis=0))["),
        ("A family", "slope * np.exp(-log_scale), ", "slope, "),
        ("A family", "log_scale + 2,", "log_scale + 1,"),
        ("A likelihood", " - gammaln(x + 1)", ""),
        ("A likelihood", "rng.poisson(np.exp(outputs))", "rng.poisson(np.exp(2 * outputs))"),
        ("A model", " - normalizer", ""),
    ],
)
def test_a_wrong_version_is_caught(part, right, wrong):
    assert right in RECIPES[part]
    with np.errstate(over="ignore"), pytest.raises(AssertionError):
        run(RECIPES[part].replace(right, wrong))


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`((?:bbvi|notebooks|benchmarks|tests)/[\w/.]+)`", TEXT))
    named = {name for name in named if not re.search(r"NAME|NN_", name)}
    assert len(named) > 25
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_reading_path_has_twenty_files():
    path = re.findall(r"^(\d+)\. `(bbvi/[\w/]+\.py)`", TEXT, re.M)
    assert [int(number) for number, _ in path] == list(range(1, 21))
    assert len({name for _, name in path}) == 20
