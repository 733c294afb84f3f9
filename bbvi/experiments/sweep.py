"""Run a function over a grid of cells: resumable, reproducible, anywhere.

A cell is a dict of plain parameters.  Its random numbers come from (seed, hash of the cell,
replicate) and from nothing else: not from the order, the number of workers, or the machine.  So
a serial run, a process pool and a cluster give the same table to the bit, and so does a run that
was killed and started again.
"""

import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from bbvi.environment import blas_names
from bbvi.experiments.csv_and_json import plain
from bbvi.experiments.executors import compute
from bbvi.experiments.identity import (
    cell_rng,
    check_worker,
    digest,
    this_bbvi,
    words_of,
)
from bbvi.experiments.sources import Source, add_folders, other_sources, user_sources
from bbvi.experiments.store import MANIFEST, claim, sweep_strays
from bbvi.experiments.sweep_files import Outcome, read_cell, write_cell
from bbvi.limits import check_memory
from bbvi.validation import as_count

BYTES_PER_CELL = 500
"""Held for each cell, at least."""
Cell = dict[str, Any]
CellFunction = Callable[[Cell, np.random.Generator], Iterable[Mapping[str, Any]]]


class PerCell(NamedTuple):
    """A cell's own function, ``of(cell)``: all that is sent to the worker that computes it."""

    of: Callable[[Cell], CellFunction]


class Sweep(NamedTuple):
    """The table of a sweep and what went wrong on the way.

    Attributes
    ----------
    rows : list of dict
        The cell's parameters, ``replicate``, then what the function returned; in grid order.
    failures : list of dict
        The parameters and ``replicate`` of each failed cell, and its traceback as ``error``.
    notes : list of str
        Cell files that were corrupt and computed again.
    """

    rows: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    notes: list[str]


def run_sweep(
    function: CellFunction | PerCell,
    cells: Iterable[Mapping[str, Any]],
    *,
    experiment: str,
    seed: int,
    folder: Path | str | None = None,
    replicates: int = 1,
    settings: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Call ``function(cell, rng)`` for every cell of a grid and collect its rows.

    Parameters
    ----------
    function : callable
        (cell, rng) -> rows, each a dict of plain values; defined at the top level of a module,
        so that other processes can import it; or a `PerCell`.
    cells : iterable of dict
        Plain parameters: text, whole numbers, floats, booleans, None, and lists of these.
    experiment : str
        The name that the folder is claimed under.
    seed : int
        Root of all random numbers.
    folder : path, optional
        Where finished cells are kept, one file each, and found again by the next run.  Failed
        cells are kept with their traceback and tried again.  By default nothing is written.
    replicates : int
        Independent repetitions of every cell.
    settings : mapping of plain values, optional
        What else determines the rows; with cells, seed and version it is the folder's identity.
    executor : concurrent.futures.Executor, optional
        Any executor, e.g. that of `bbvi.experiments.cluster`; it is left open.
    workers : int, optional
        Without an executor: worker processes, by default one per CPU; 1 computes in this process.
    progress : bool, optional
        Show a bar; by default when standard error is a terminal.

    Returns
    -------
    Sweep

    Raises
    ------
    TypeError
        If a parameter is not plain, or the function cannot be sent to workers.
    ValueError
        If there are no cells, two are equal, the folder holds another experiment, or a worker has
        another bbvi, or another of a user's files, than this process.

    Notes
    -----
    BLAS is held to one thread everywhere: processes do not fight for cores, and sums are not
    reordered by the number of threads.
    """
    grid = _plain_cells(cells)
    seed, replicates = as_count("seed", seed, 0), as_count("replicates", replicates)
    told = f"replicates is {replicates}, of {len(grid)} cells"
    check_memory(told, BYTES_PER_CELL * replicates * len(grid), "Ask for fewer.")
    workers = as_count("workers", (os.cpu_count() or 1) if workers is None else workers)
    home = None if folder is None else Path(folder)
    local = executor is None and not (home is not None and _begun_elsewhere(home))
    identity = _identity(experiment, seed, replicates, grid, settings, local)
    run = digest(identity)
    if home is not None:
        claim(home, identity, settings)
        sweep_strays(home / "cells")
    units = [Unit(json.dumps(cell), r) for cell in grid for r in range(replicates)]
    outcomes, notes = _finished(home, units, run)
    bar = tqdm(
        total=len(units),
        initial=len(outcomes),
        desc=experiment,
        unit="cell",
        disable=True if sys.stderr is None else None if progress is None else not progress,
    )
    with bar, threadpool_limits(1):
        for note in notes:
            bar.write(note, file=sys.stderr)
        of = function.of if isinstance(function, PerCell) else lambda _: function
        sources = user_sources()
        # A user's module is imported where its folder is known, which a cluster's workers are not.
        sent = pickle.dumps if sources and executor is not None else lambda function: function
        todo = [(unit, sent(of(json.loads(unit.cell)))) for unit in units if unit not in outcomes]
        task = partial(_run_unit, seed, sources)
        for (unit, _), result in compute(task, todo, executor, workers):
            outcomes[unit] = _outcome(unit, result)
            if home is not None:
                write_cell(home, outcomes[unit], run)
            bar.set_postfix_str(words_of(json.loads(unit.cell)), refresh=False)
            bar.update()
    return _collect([outcomes[unit] for unit in units], notes)


class Unit(NamedTuple):
    """One cell, as text, and the number of its replicate."""

    cell: str
    replicate: int


def _run_unit(seed: int, sources: dict[str, Source], parcel: tuple[Unit, Any]) -> str:
    """Compute one cell where BLAS has one thread: its rows or its traceback, as JSON."""
    threadpool_limits(1)
    unit, sent = parcel
    cell = json.loads(unit.cell)
    try:
        add_folders(source.folder for source in sources.values())
        function = pickle.loads(sent) if isinstance(sent, bytes) else sent
        rows = [dict(row) for row in function(cell, cell_rng(seed, cell, unit.replicate))]
        _check_names(rows, {**cell, "replicate": unit.replicate})
        answer = {"rows": rows, "bbvi": this_bbvi(), "others": other_sources(sources)}
        return json.dumps(answer, default=_plain_number)
    except (Exception, SystemExit) as error:
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        lines = traceback.format_exception(type(error), error, inner)
        return json.dumps({"error": "".join(lines), "bbvi": this_bbvi()})


def _check_names(rows: list[dict[str, Any]], parameters: Mapping[str, Any]) -> None:
    """Raise ValueError if a row would overwrite a parameter of its cell."""
    for row in rows:
        for key in row.keys() & parameters.keys():
            if row[key] != parameters[key]:
                raise ValueError(
                    f"a row has {key} {row[key]!r}, but its cell's {key} is {parameters[key]!r}; "
                    "expected another name. Rename the column."
                )


def _outcome(unit: Unit, result: Any) -> Outcome:
    """What a worker answered, or the exception of an executor that could not reach it."""
    parameters = {"cell": json.loads(unit.cell), "replicate": unit.replicate}
    if isinstance(result, BaseException):
        return {**parameters, "error": "".join(traceback.format_exception(result))}
    answer = json.loads(result)
    check_worker(answer.pop("bbvi", None), answer.pop("others", ()))
    return {**parameters, **answer}


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a cell returned {value!r} ({type(value).__name__}); expected plain values")


def _plain_cells(cells: Iterable[Mapping[str, Any]]) -> list[Cell]:
    """The cells as JSON gives them back, which is how a worker and a cell file see them."""
    grid = []
    for i, cell in enumerate(cells):
        if not isinstance(cell, Mapping):
            raise TypeError(f"cells[{i}] is {cell!r}; expected a dict of plain parameters.")
        if "replicate" in cell:
            raise ValueError(f"cells[{i}] has a parameter replicate; expected another name.")
        try:
            text = json.dumps(dict(cell), default=_plain_number, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"cells[{i}] is {dict(cell)!r}, which is not plain ({error}); expected text, whole "
                "numbers, finite floats, booleans, None and lists of these. Pass names, and look "
                "the objects up inside the function."
            ) from None
        grid.append(json.loads(text))
    if not grid:
        raise ValueError("cells is empty; expected at least one cell.")
    seen: dict[str, int] = {}
    for i, cell in enumerate(grid):
        first = seen.setdefault(digest(cell), i)
        if first != i:
            raise ValueError(f"cells[{i}] equals cells[{first}]: {cell}. Use replicates to repeat.")
    return grid


def _identity(
    experiment: str,
    seed: int,
    replicates: int,
    grid: list[Cell],
    settings: Mapping[str, Any] | None,
    local: bool,
) -> dict[str, Any]:
    """All that the rows depend on.  On a cluster, BLAS is the workers' own."""
    identity = {
        "experiment": experiment,
        "seed": seed,
        "replicates": replicates,
        "cells": grid,
        "settings": dict(settings or {}),
        **this_bbvi(),
        "blas": blas_names() if local else None,
    }
    plain_identity: dict[str, Any] = json.loads(json.dumps(identity, default=plain))
    return plain_identity


def _begun_elsewhere(home: Path) -> bool:
    """Whether a folder's cells are a cluster's, of any BLAS: so may be the rest of them."""
    try:
        blas = json.loads((home / MANIFEST).read_text("utf-8"))["identity"]["blas"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return blas is None


def _finished(
    home: Path | None, units: list[Unit], run: str
) -> tuple[dict[Unit, Outcome], list[str]]:
    """Cells that an earlier run finished, and what is said of the files that cannot be used."""
    outcomes: dict[Unit, Outcome] = {}
    notes: list[str] = []
    if home is None:
        return outcomes, notes
    for unit in units:
        outcome, trouble = read_cell(home, json.loads(unit.cell), unit.replicate, run)
        if trouble:
            notes.append(f"{trouble}: computed again.")
        elif outcome is not None and "rows" in outcome:
            outcomes[unit] = outcome
    return outcomes, notes


def _collect(outcomes: list[Outcome], notes: list[str]) -> Sweep:
    rows, failures = [], []
    for outcome in outcomes:
        parameters = {**outcome["cell"], "replicate": outcome["replicate"]}
        if "error" in outcome:
            failures.append({**parameters, "error": outcome["error"]})
        rows += [{**parameters, **row} for row in outcome.get("rows", ())]
    return Sweep(rows, failures, notes)
