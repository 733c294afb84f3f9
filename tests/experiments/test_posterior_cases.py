"""Where posteriors come from, and what is said of files that hold none."""

import json

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


@pytest.mark.parametrize("name", ["mine", "made"])
def test_a_posterior_of_your_own(tmp_path, name):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    (case,) = load_cases([f"{file}:{name}"])
    assert case.name == name
    assert case.reference is None
    assert case.posterior.names == ("z[1]", "z[2]")


def test_what_holds_no_posterior(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    with pytest.raises(TypeError, match=r"number of own.py is int; expected a bbvi.Posterior"):
        load_cases([f"{file}:number"])
    with pytest.raises(FileNotFoundError, match="does not exist"):
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
