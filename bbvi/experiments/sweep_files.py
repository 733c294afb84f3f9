"""The folder of a sweep: one manifest, one file per finished cell.

    folder/manifest.json             what the experiment is: see `bbvi.experiments.store`
    folder/cells/<hash>-<replicate>.json

Every file is written to a temporary neighbour and renamed, so that a killed run leaves whole
files or none.  A cell file carries a checksum of its rows and the digest of its run's identity; a
file that fails either is computed again.  Nothing here is pickled: a results folder is data, and
opening it runs no code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbvi.experiments.identity import digest
from bbvi.files import write_atomically

Outcome = dict[str, Any]
"""A computed cell: "cell", "replicate", and either "rows" or the traceback "error"."""


def cell_path(folder: Path, cell: Mapping[str, Any], replicate: int) -> Path:
    """The file of one cell and replicate; its name depends on nothing else."""
    return folder / "cells" / f"{digest(dict(cell))[:20]}-{replicate}.json"


def write_cell(folder: Path, outcome: Outcome, run: str) -> None:
    """Write one outcome, the digest of its run's identity, and the checksum of both."""
    path = cell_path(folder, outcome["cell"], outcome["replicate"])
    record = {**outcome, "run": run}
    text = json.dumps({**record, "sha256": digest(record)})
    write_atomically(path, f"{text}\n".encode())


def read_cell(
    folder: Path, cell: Mapping[str, Any], replicate: int, run: str
) -> tuple[Outcome | None, str]:
    """Read a finished cell back: (outcome, "") or (None, why it must be computed again).

    A missing file is no outcome and no reason.
    """
    path = cell_path(folder, cell, replicate)
    try:
        outcome = json.loads(path.read_text("utf-8"))
        checksum = outcome.pop("sha256")
        sound = checksum == digest(outcome)
    except FileNotFoundError:
        return None, ""
    except Exception as error:
        return None, f"{path} is corrupt ({type(error).__name__}: {error})"
    if not sound:
        return None, f"{path} is corrupt (its checksum does not match)"
    if outcome.pop("run", None) != run:
        return None, f"{path} is of another run"
    if (outcome.get("cell"), outcome.get("replicate")) != (dict(cell), replicate):
        return None, f"{path} holds another cell"
    rows = outcome.get("rows", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None, f"{path} is corrupt (its rows are none)"
    return outcome, ""
