"""Failed cells: one line an error, with its place; tracebacks in a file."""

import traceback

from bbvi.experiments.csv_and_json import read_csv
from bbvi.experiments.failures import failures_in_words, first_failure, write_failures


def raised(error):
    try:
        raise error
    except Exception as caught:
        return "".join(traceback.format_exception(caught))


def test_an_error_is_told_once_with_its_place_and_its_cells():
    one = raised(ValueError("x is 3; expected 4.\nGive 4."))
    cells = [{"method": "a", "seed": k, "error": one} for k in range(2)]
    told = failures_in_words([*cells, {"method": "b", "seed": 0, "error": "KeyError: 3"}])
    line = raised.__code__.co_firstlineno + 2
    assert told.splitlines() == [
        f"failed: ValueError: x is 3; expected 4. Give 4. (test_failures.py, line {line})",
        "    method a, seed 0",
        "    method a, seed 1",
        "failed: KeyError: 3",
        "    method b, seed 0",
        "Tracebacks are in failures.csv.",
    ]
    assert failures_in_words([]) == ""
    assert first_failure("a trial of", cells).startswith("a trial of a failed: ValueError: x is 3")


def test_the_file_has_tracebacks_and_goes_when_nothing_fails(tmp_path):
    write_failures(tmp_path, [{"seed": 0, "error": raised(KeyError(3))}])
    (row,) = read_csv(tmp_path / "failures.csv")
    assert "Traceback" in row["error"]
    write_failures(tmp_path, [])
    assert not list(tmp_path.iterdir())
