"""The folder of a sweep: one manifest, one file per finished cell (floor 6).

    folder/manifest.json             what the experiment is; never overwritten
    folder/cells/<hash>-<replicate>.json

Every file is written to a temporary neighbour and renamed, so that a killed run leaves whole
files or none.  A cell file carries a checksum of its rows; a file that fails it is computed
again.  Nothing here is pickled: a results folder is data, and opening it runs no code.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbvi.experiments.records import environment, write_atomically, write_json

Outcome = dict[str, Any]
"""A computed cell: "cell", "replicate", and either "rows" or the traceback "error"."""


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of plain values: the same on every machine and run.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def claim_folder(
    folder: Path, identity: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> None:
    """Make ``folder`` the home of one experiment, or check that it already is.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or the one of an earlier run of the same experiment.
    identity : mapping of plain values
        Everything that determines the results.
    settings : mapping of plain values, optional
        What else the manifest is to say.

    Raises
    ------
    ValueError
        If the folder holds another experiment, or files without a manifest.  Nothing is written.
    """
    path = folder / "manifest.json"
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder is {folder}, which is a file; expected a folder or a new name.")
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(
                f"folder {folder} holds files but no manifest.json, so they are not this sweep's; "
                "nothing was written. Choose a new or empty folder."
            )
        record = {"settings": settings or {}, "environment": environment(), "identity": identity}
        write_json(path, record)
        return
    try:
        found = json.loads(path.read_text())["identity"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}), so what the folder holds is unknown; nothing was "
            "written. Choose another folder, or move this one away."
        ) from None
    if found != identity:
        raise ValueError(
            f"folder {folder} holds another experiment: {_difference(found, identity)}. Nothing "
            "was written. Choose another folder, or repeat the settings of its manifest.json."
        )


def _difference(found: Any, wanted: Mapping[str, Any]) -> str:
    if not isinstance(found, dict):
        return "its manifest.json is not a record"
    for key in dict.fromkeys([*wanted, *found]):
        if found.get(key) != wanted.get(key):
            there, here = (_short(record.get(key)) for record in (found, wanted))
            return f"its {key} is {there}, here it is {here}"
    return "its manifest.json has other entries"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:290]}... ({len(text)} characters)"


def cell_path(folder: Path, cell: Mapping[str, Any], replicate: int) -> Path:
    """The file of one cell and replicate; its name depends on nothing else."""
    return folder / "cells" / f"{digest(dict(cell))[:20]}-{replicate}.json"


def write_cell(folder: Path, outcome: Outcome) -> None:
    """Write one outcome and the checksum of what it says."""
    path = cell_path(folder, outcome["cell"], outcome["replicate"])
    text = json.dumps({**outcome, "sha256": digest(outcome)})
    write_atomically(path, f"{text}\n".encode())


def read_cell(folder: Path, cell: Mapping[str, Any], replicate: int) -> tuple[Outcome | None, str]:
    """Read a finished cell back: (outcome, "") or (None, why it must be computed again).

    A missing file is no outcome and no reason.
    """
    path = cell_path(folder, cell, replicate)
    try:
        outcome = json.loads(path.read_text())
        checksum = outcome.pop("sha256")
    except FileNotFoundError:
        return None, ""
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return None, f"{path} is corrupt ({type(error).__name__}: {error})"
    if checksum != digest(outcome):
        return None, f"{path} is corrupt (its checksum does not match)"
    if (outcome.get("cell"), outcome.get("replicate")) != (dict(cell), replicate):
        return None, f"{path} holds another cell"
    return outcome, ""
