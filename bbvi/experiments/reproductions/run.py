"""Measure one reproduction, resumable and in processes, and keep what was measured."""

import json
import math
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.environment import environment
from bbvi.experiments.csv_and_json import read_csv, write_csv, write_json
from bbvi.experiments.reproductions.agreement import Agreement, compare, summary
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.reproductions.entries import Reproduction
from bbvi.experiments.sweep import Cell, run_sweep
from bbvi.suggestions import did_you_mean

COLUMNS = ("quantity", "value", "exact", "scale", "panel", "series", "x")
"""Stored; the parameters of a cell are in the catalogue."""
DIGITS = 8
"""Significant digits of a stored value."""


class Result(NamedTuple):
    """What was measured, beside what was published.

    Attributes
    ----------
    name : str
        Of the catalogue.
    rows : list of dict
        Ours, one row a quantity and seed.
    comparisons : list of Agreement
    seconds : float
        Processor seconds of all cells.
    quick : bool
        Whether this is the short version.
    failures : list of dict
        Cells that raised.
    """

    name: str
    rows: list[dict[str, Any]]
    comparisons: list[Agreement]
    seconds: float
    quick: bool
    failures: list[dict[str, Any]]


def find(name: str) -> Reproduction:
    """The entry of that name.

    Raises
    ------
    ValueError
        If there is none; the names are listed.
    """
    if name not in REPRODUCTIONS:
        raise ValueError(
            f"no reproduction {name!r}; expected one of {', '.join(REPRODUCTIONS)}."
            f"{did_you_mean(name, REPRODUCTIONS)}"
        )
    return REPRODUCTIONS[name]


def measure_cell(name: str, cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """The rows of one cell, and what it cost in processor seconds on its first row."""
    start = time.process_time()
    rows = find(name).measure(cell, rng)
    cost = {"seconds": round(time.process_time() - start, 3)}
    return [{**row, **(cost if number == 0 else {})} for number, row in enumerate(rows)]


def reproduce(
    name: str,
    *,
    quick: bool = False,
    seed: int = 0,
    folder: Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Result:
    """Measure every cell of a reproduction and compare it with what was published.

    Parameters
    ----------
    name : str
        Of the catalogue.
    quick : bool
        The short version.
    seed : int
        Root of all random numbers.
    folder : Path, optional
        Where finished cells, CSV and JSON go; a run that was stopped goes on.
    executor, workers, progress
        As for `bbvi.experiments.sweep.run_sweep`.

    Raises
    ------
    ValueError
        If the name is unknown, or has no short version.
    """
    entry = find(name)
    cells = entry.quick_cells if quick else entry.cells
    if not cells:
        short = [other for other, its in REPRODUCTIONS.items() if its.quick_cells]
        raise ValueError(f"{name} has no short version; those that have: {', '.join(short)}.")
    label = f"{name}-quick" if quick else name
    sweep = run_sweep(
        partial(measure_cell, name),
        cells,
        experiment=f"reproduce {label}",
        seed=seed,
        folder=None if folder is None else folder / "cells" / label,
        replicates=entry.quick_seeds if quick else entry.seeds,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    rows = [_rounded(row) for row in sweep.rows]
    seconds = sum(float(row.get("seconds", 0.0)) for row in rows)
    comparisons = _compared(entry, rows, quick)
    result = Result(name, rows, comparisons, seconds, quick, sweep.failures)
    if folder is not None and rows:
        store(result, folder)
    return result


def store(result: Result, folder: Path) -> None:
    """NAME.csv, the rows, and NAME.json, what they cost and on which machine."""
    rows = [{key: row[key] for key in COLUMNS if key in row} for row in result.rows]
    write_csv(folder / f"{result.name}.csv", rows)
    record = {
        "name": result.name,
        "quick": result.quick,
        "seconds": round(result.seconds, 1),
        **_judged(result.comparisons),
        "failures": len(result.failures),
        "environment": environment(),
    }
    write_json(folder / f"{result.name}.json", record)


def judge_again(name: str, folder: Path) -> Result:
    """Write today's verdicts on stored rows into NAME.json; cost and machine stay as they are.

    Raises
    ------
    FileNotFoundError
        If nothing is stored.
    """
    result, path = stored(name, folder), folder / f"{name}.json"
    record = json.loads(path.read_text("utf-8")) | _judged(result.comparisons)
    write_json(path, record)
    return result


def _judged(comparisons: list[Agreement]) -> dict[str, Any]:
    """The part of NAME.json that follows from rows and catalogue; JSON has no NaN or infinity."""
    told = [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in one._asdict().items()
        }
        for one in _comparisons_to_store(comparisons)
    ]
    return {"verdict": summary(comparisons), "comparisons": told}


def _comparisons_to_store(comparisons: list[Agreement]) -> list[Agreement]:
    """All of few; of many those that do not agree: the CSV holds what the others are made of."""
    few = len(comparisons) <= 40
    return [one for one in comparisons if few or one.verdict != "agrees"]


def stored(name: str, folder: Path) -> Result:
    """What `store` wrote; the comparisons are made anew from the rows and today's catalogue.

    Raises
    ------
    FileNotFoundError
        If nothing is stored.
    """
    rows: list[dict[str, Any]] = list(read_csv(folder / f"{name}.csv"))
    record = json.loads((folder / f"{name}.json").read_text("utf-8"))
    comparisons = _compared(find(name), rows, record["quick"])
    return Result(name, rows, comparisons, record["seconds"], record["quick"], [])


def _compared(entry: Reproduction, rows: list[dict[str, Any]], quick: bool) -> list[Agreement]:
    """All published numbers; of a short version only those that it is about."""
    measured = {row["quantity"] for row in rows}
    return compare([p for p in entry.published if not quick or p.quantity in measured], rows)


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: float(f"{value:.{DIGITS}g}")
        if isinstance(value, float) and key not in ("exact", "scale")
        else value
        for key, value in row.items()
    }
