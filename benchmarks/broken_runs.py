"""Negative controls of `faults_runs`: writers and readers that lose something."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from faults_runs import RUNS, Run, injected, kills

from bbvi.experiments import csv_and_json, sweep_files
from bbvi.experiments import sweep as sweeps
from bbvi.experiments.store import claim, finish, is_claimed
from bbvi.lectures import training_folder


@contextmanager
def written_in_place() -> Iterator[None]:
    """Negative control: tables and manifests without the rename."""

    def direct(path: Path, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)

    with mock.patch.object(csv_and_json, "write_durably", direct):
        yield


@contextmanager
def cells_without_checksum() -> Iterator[None]:
    """Negative control: cells without the rename, and read with trust in what is there."""

    def trusting(folder: Path, cell: Any, replicate: int, run: str) -> tuple[Any, str]:
        path = sweep_files.cell_path(folder, cell, replicate)
        return ({"cell": cell, "replicate": replicate, "rows": []} if path.exists() else None), ""

    def direct(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    writer = mock.patch.object(sweep_files, "write_atomically", direct)
    with writer, mock.patch.object(sweeps, "read_cell", trusting):
        yield


@contextmanager
def forgotten_generator() -> Iterator[None]:
    """Negative control: a checkpoint that goes on with other random numbers."""
    real = training_folder.load_checkpoint

    def forgetful(*args: Any) -> Any:
        state, record = real(*args)
        return state, {**record, "rng": np.random.default_rng(9).bit_generator.state}

    with mock.patch.object(training_folder, "load_checkpoint", forgetful):
        yield


@contextmanager
def unnamed_faults() -> Iterator[None]:
    """Negative control: a writer that ends in an undocumented exception."""
    real = csv_and_json.write_durably

    def careless(path: Path, data: bytes) -> None:
        try:
            real(path, data)
        except OSError as error:
            raise KeyError(str(path)) from error

    with mock.patch.object(csv_and_json, "write_durably", careless):
        yield


def manifests(folder: Path) -> Any:
    """A manifest that is written again and again."""
    claim(folder, {"seed": 1})
    for i in range(5):
        finish(folder, {"told": i})
    return is_claimed(folder)


def of(name: str, run: Run | None = None) -> Any:
    runs = {name: run or RUNS[name]}
    return partial(kills, runs=runs, random=False), 6, f"{name} killed inside a call"


CONTROLS = {
    "written in place": (written_in_place, *of("manifests", manifests)),
    "cells read with trust": (cells_without_checksum, *of("sweep")),
    "a forgotten generator": (forgotten_generator, *of("training")),
    "faults without a name": (
        unnamed_faults,
        partial(injected, runs={"tables": RUNS["tables"]}),
        8,
        "fault in tables",
    ),
}
"""Name -> what breaks a target, the campaign that must see it, its cases, and the kind."""
