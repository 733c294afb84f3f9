"""Where posteriors come from, and what is said of files that hold none."""

import json
import sys

import numpy as np
import pytest

from bbvi.experiments.posterior_cases import load_cases

OWN = """
import autograd.numpy as anp
import bbvi

mine = bbvi.Posterior(lambda z: -anp.sum(z**2, axis=-1), 2)
number = 3


def made():
    return mine
"""

RECORD = {
    "model": "kidscore_momhs",
    "data": {"kid_score": [80.0, 90.0, 100.0, 95.0], "mom_hs": [0, 1, 1, 0]},
    "reference": {
        "names": ["sigma", "beta[2]", "beta[1]"],
        "mean": [9.0, 8.0, 7.0],
        "sd": [3.0, 2.0, 1.0],
    },
}


def test_without_data_it_is_eight_schools_with_exact_moments(monkeypatch):
    monkeypatch.delenv("BBVI_DATA", raising=False)
    (case,) = load_cases([])
    assert case.name == "eight_schools"
    assert case.reference.source == "exact"
    assert len(case.reference.mean) == len(case.posterior.names) == 10
    assert [c.name for c in load_cases(["eight_schools"])] == ["eight_schools"]


def test_the_data_folder_is_the_default(tmp_path, monkeypatch):
    folder = tmp_path / "posteriordb"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.json").write_text(json.dumps(RECORD))
    monkeypatch.setenv("BBVI_DATA", str(tmp_path))
    cases = load_cases([])
    assert [case.name for case in cases] == ["a", "b"]
    # The reference is put in the posterior's own order.
    np.testing.assert_array_equal(cases[0].reference.mean, [7.0, 8.0, 9.0])
    np.testing.assert_array_equal(cases[0].reference.sd, [1.0, 2.0, 3.0])


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A user's file, forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "own_case.py"
    path.write_text(OWN)
    yield path
    sys.modules.pop("own_case", None)


@pytest.mark.parametrize("name", ["mine", "made"])
def test_a_posterior_of_your_own(file, name):
    (case,) = load_cases([f"{file}:{name}"])
    assert case.name == name
    assert case.reference is None
    assert case.posterior.names == ("z[1]", "z[2]")


def test_your_file_may_import_its_neighbours(file):
    file.with_name("beside_own_case.py").write_text(OWN)
    file.write_text("from beside_own_case import mine")
    (case,) = load_cases([f"{file}:mine"])
    del sys.modules["beside_own_case"]
    assert case.posterior.names == ("z[1]", "z[2]")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("mine = nothing", "line 2: NameError: name 'nothing' is not defined"),
        ("mine = = 2", "line 2: SyntaxError"),
        ("mine = {}['a']", "line 2: KeyError: 'a'"),
        ("import bbvi.nothing", "line 2: ModuleNotFoundError"),
        ("mine = int.nothing", "line 2: AttributeError"),
    ],
)
def test_an_error_of_your_file_is_told_with_its_line(file, line, told):
    file.write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=rf"own_case\.py, {told}"):
        load_cases([f"{file}:mine"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "JSONDecodeError: Expecting"),
        ("3", "TypeError"),
        ("[]", "it has no model, data"),
        (json.dumps(RECORD | {"data": {}}), "KeyError: "),
        (json.dumps(RECORD | {"data": 3}), "TypeError"),
        (json.dumps(RECORD | {"reference": {}}), "KeyError: 'names'"),
        (json.dumps(RECORD | {"reference": RECORD["reference"] | {"sd": [1.0]}}), "IndexError"),
    ],
)
def test_a_damaged_reference_posterior_is_refused_with_its_name(tmp_path, content, told):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ValueError, match=f"bad.json is not a reference posterior: {told}"):
        load_cases([str(tmp_path)])


def test_what_holds_no_posterior(file, tmp_path):
    with pytest.raises(TypeError, match=r"own_case.py:number is int; expected a bbvi.Posterior"):
        load_cases([f"{file}:number"])
    with pytest.raises(FileNotFoundError, match=r"no file .*other\.py"):
        load_cases([f"{tmp_path}/other.py:mine"])
    with pytest.raises(FileNotFoundError, match="no posterior"):
        load_cases(["nine_schools"])
    with pytest.raises(FileNotFoundError, match=r"no \.json file"):
        load_cases([str(tmp_path)])
    for change, message in (
        ({"model": "unknown"}, "whose density is not known"),
        ({"reference": {**RECORD["reference"], "names": ["a", "b", "c"]}}, "no reference for"),
    ):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps(RECORD | change))
        with pytest.raises(ValueError, match=message):
            load_cases([str(bad)])
    bad.write_text(json.dumps({"model": "nes"}))
    with pytest.raises(ValueError, match="has no data"):
        load_cases([str(bad)])
