"""What went wrong in the cells of a sweep, told once for each thing that went wrong."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbvi.experiments.csv_and_json import write_csv

FILE = "failures.csv"
_FRAME = re.compile(r'File "(.*)", line (\d+)')


def failures_in_words(failures: Sequence[Mapping[str, Any]]) -> str:
    """A line for each error: its place, and the cells that ended in it.

    Examples
    --------
    >>> cell = {"seed": 0, "error": "KeyError: 3"}
    >>> print(failures_in_words([cell, {**cell, "seed": 1}]))
    failed: KeyError: 3
        seed 0
        seed 1
    Tracebacks are in failures.csv.
    """
    cells: dict[str, list[str]] = {}
    for failure in failures:
        where = ", ".join(f"{key} {value}" for key, value in failure.items() if key != "error")
        cells.setdefault(_summary(failure["error"]), []).append(where)
    lines = []
    for summary, places in cells.items():
        lines += [f"failed: {summary}", *(f"    {place}" for place in places)]
    return "\n".join([*lines, f"Tracebacks are in {FILE}."] if lines else lines)


def write_failures(folder: Path, failures: Sequence[Mapping[str, Any]]) -> None:
    """failures.csv, with the tracebacks, where there are any; an earlier run's file goes."""
    (folder / FILE).unlink(missing_ok=True)
    if failures:
        write_csv(folder / FILE, failures)


def first_failure(what: str, failures: Sequence[Mapping[str, Any]]) -> str:
    """One line for an exception: which cell ended in what, and where."""
    return f"{what} {failures[0]['method']} failed: {_summary(failures[0]['error'])}"


def _summary(error: str) -> str:
    """The exception's own text, and the line of code that raised it."""
    frames = list(_FRAME.finditer(error))
    told = error[frames[-1].end() :] if frames else error
    lines = told.splitlines()
    # After the last frame come its code, indented, and the exception, not indented.
    start = next((i for i, line in enumerate(lines[1:], 1) if line and line[0] != " "), 0)
    text = " ".join(line.strip() for line in lines[start:])
    return f"{text} ({Path(frames[-1][1]).name}, line {frames[-1][2]})" if frames else text
