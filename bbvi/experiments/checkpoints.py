"""A run's state on disk: arrays in .npz, the rest in JSON, no pickle, all or nothing.

A checkpoint is two files.  The arrays are written first, under a name with the epoch in it; then
``checkpoint.json``, which holds that name and the arrays' sha256, replaces its predecessor in one
step; the arrays are on the disk before the record names them.  Whoever dies in between leaves the
earlier checkpoint whole.  The predecessor stays as ``checkpoint-previous.json``, with its arrays,
in case the latest is damaged.  Of other arrays only those that a record of the run names are ever
deleted.
"""

import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.environment import version_of
from bbvi.experiments.archives import read_archive
from bbvi.experiments.csv_and_json import plain, write_json
from bbvi.experiments.identity import code_digest, digest
from bbvi.experiments.store import sweep_strays, visible
from bbvi.files import write_atomically, write_durably
from bbvi.inference import State
from bbvi.types import Array

FORMAT = 2
"""Raised when the meaning of what is stored changes; 2: Adam's moments are decayed sums."""
NAME = "checkpoint.json"
PREVIOUS = "checkpoint-previous.json"
SHORT = 80
"""Characters of a setting that a message shows."""
_OURS = re.compile(r"checkpoint(-\d{5,}\.npz|-previous\.json|\.json)")
"""A checkpoint's files."""


def save_checkpoint(
    folder: Path, state: State, rng: np.random.Generator, epoch: int, **record: Any
) -> None:
    """Write a fit's state, the generator's state and a JSON-able record, atomically.

    ``record`` must have ``settings``, a flat dict: `load_checkpoint` compares it.
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = flatten_state(state)
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    name = f"checkpoint-{epoch:05d}.npz"
    write_durably(folder / name, content)
    body = {
        "format": FORMAT,
        "bbvi": version_of("bbvi"),
        "code": code_digest(),
        "epoch": epoch,
        "arrays": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "rng": rng.bit_generator.state,
        **record,
    }
    values = json.loads(json.dumps(body, default=plain))
    outdated = _keep_as_previous(folder, values["settings"])
    write_json(folder / NAME, {**values, "record_sha256": digest(values)})
    for old in outdated - {name}:
        (folder / old).unlink(missing_ok=True)
    sweep_strays(folder)


def _keep_as_previous(folder: Path, settings: Any) -> set[str]:
    """Copy the latest sound record of this run; the arrays that no record will name afterwards."""
    records = {}
    for name in (NAME, PREVIOUS):
        with suppress(OSError, ValueError):
            record = _read_record(folder / name)
            if record.get("settings") == settings:
                records[name] = record
    if NAME not in records:
        return set()
    write_atomically(folder / PREVIOUS, (folder / NAME).read_bytes())
    named = {Path(str(record.get("arrays"))).name for record in records.values()}
    return {name for name in named if _OURS.fullmatch(name)} - {records[NAME]["arrays"]}


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one, or the one before it."""
    return any((folder / name).exists() for name in (NAME, PREVIOUS))


def foreign_files(folder: Path) -> list[str]:
    """Names of what is in a folder, not hidden and no part of a checkpoint, in order."""
    return [name for name in visible(folder) if not _OURS.fullmatch(name)]


def load_checkpoint(
    folder: Path, settings: Mapping[str, Any], template: State
) -> tuple[State, Any]:
    """The state and the record of the run that was checkpointed in a folder.

    Parameters
    ----------
    folder : path
        Where `save_checkpoint` wrote.
    settings : mapping
        What the run to be continued has; the checkpoint's must be the same.
    template : State
        A starting state of the same run: tells the optimizers' structure and the arrays' shapes.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If it is damaged, of another version of bbvi, or of another run; nothing is changed.
    """
    try:
        return _load(folder, NAME, settings, template)
    except (ValueError, FileNotFoundError) as error:
        if isinstance(error, OtherRunError) or not (folder / PREVIOUS).is_file():
            raise
        try:
            loaded = _load(folder, PREVIOUS, settings, template)
        except (ValueError, FileNotFoundError):
            raise error from None
        warnings.warn(f"{error} Going on from the checkpoint before it.", stacklevel=2)
        return loaded


class OtherRunError(ValueError):
    """A sound checkpoint, of another run or another version."""


def _load(
    folder: Path, name: str, settings: Mapping[str, Any], template: State
) -> tuple[State, Any]:
    record = _read_record(folder / name)
    versions = {"format": FORMAT, "bbvi": version_of("bbvi"), "code": code_digest()}
    for key, expected in versions.items():
        if record.get(key) != expected:
            raise OtherRunError(
                f"{folder / name} was written by another version: {key} is {record.get(key)!r}; "
                f"expected {expected!r}. Continue it with that version, or begin in another folder."
            )
    stored = record.get("settings")
    if not isinstance(stored, dict):
        raise ValueError(f"{folder / name} is damaged: it has no settings. Begin anew.")
    wanted = json.loads(json.dumps(dict(settings), default=plain))
    differences = _differences(stored, wanted)
    if differences:
        raise OtherRunError(
            f"{folder / name} is of another run: {differences}. Repeat that run's "
            "settings, or begin in another folder."
        )
    arrays = _read_arrays(folder, record, template)
    try:
        state = unflatten_state(template, arrays, folder)
        if state.position < 0:
            raise ValueError(f"its position is {state.position}")
        return state, record
    except (KeyError, TypeError, OverflowError, ValueError) as error:
        raise ValueError(f"the checkpoint in {folder} is damaged: {error!r}.") from None


def _differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What differs; of long texts the place, and only where no short value tells it."""
    pairs = {
        key: [repr(stored.get(key)), repr(wanted.get(key))]
        for key in dict.fromkeys([*stored, *wanted])
        if stored.get(key) != wanted.get(key)
    }
    short = {key: pair for key, pair in pairs.items() if max(map(len, pair)) <= SHORT}
    return "; ".join(
        f"{key} is {old} there and {new} here"
        for key, (old, new) in (short or {k: _place(*pair) for k, pair in pairs.items()}).items()
    )


def _place(*texts: str) -> list[str]:
    """Where two texts begin to differ."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts)))
    start = max(0, same - SHORT // 4)
    pieces = [text[start : start + SHORT] for text in texts]
    return [f"...{piece}..." if start else f"{piece}..." for piece in pieces]


def resume_logs(
    folder: Path, record: Mapping[str, Any], names: Iterable[str], rng: np.random.Generator
) -> dict[str, list[dict[str, Any]]]:
    """The record's logs by name, and ``rng`` as it was.

    Raises
    ------
    ValueError
        If a log is no list of rows, or the generator's state none.
    """
    logs = {name: record.get(name) for name in names}
    for name, rows in logs.items():
        if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise ValueError(f"the checkpoint in {folder} is damaged: no {name}. Begin anew.")
    try:
        rng.bit_generator.state = record["rng"]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the checkpoint in {folder} is damaged: rng, {error!r}.") from None
    return logs  # type: ignore[return-value]


def flatten_state(state: State) -> dict[str, Array]:
    """Named arrays of a state, e.g. "phi/W0" or "theta_moments/first/decoder.b1"."""
    parts = {name: tree for name, tree in state._asdict().items() if name != "trace"}
    return {**_flatten(parts, ""), "trace": np.array(state.trace, dtype=np.float64).reshape(-1, 4)}


def unflatten_state(template: State, arrays: Mapping[str, Array], source: Path) -> State:
    """The inverse of `flatten_state`, given a state of the same structure."""
    for name, array in flatten_state(template).items():
        stored = arrays.get(name)
        # The trace is as long as the run was.
        start = 1 if name == "trace" else 0
        if (
            stored is None
            or stored.dtype != array.dtype
            or stored.shape[start:] != array.shape[start:]
        ):
            what = "is missing" if stored is None else f"is {stored.dtype} {stored.shape}"
            raise ValueError(
                f"the checkpoint in {source} does not fit this run: {name} {what}; expected "
                f"{array.dtype} {array.shape}."
            )
    parts = {name: tree for name, tree in template._asdict().items() if name != "trace"}
    trace = [(int(s), float(e), float(t), int(n)) for s, e, t, n in arrays["trace"]]
    restored = _unflatten(parts, "", arrays)
    return State(**{**restored, "position": int(restored["position"])}, trace=trace)


def _flatten(tree: Any, name: str) -> dict[str, Array]:
    items = _items(tree)
    if items is None:
        return {} if tree is None else {name: np.asarray(tree)}
    prefix = f"{name}/" if name else ""
    return {k: v for key, child in items for k, v in _flatten(child, prefix + key).items()}


def _unflatten(tree: Any, name: str, arrays: Mapping[str, Array]) -> Any:
    items = _items(tree)
    if items is None:
        return None if tree is None else arrays[name]
    prefix = f"{name}/" if name else ""
    parts = {key: _unflatten(child, prefix + key, arrays) for key, child in items}
    return parts if isinstance(tree, dict) else type(tree)(**parts)


def _items(tree: Any) -> list[tuple[str, Any]] | None:
    """Named children of a dict or a NamedTuple; the empty tuple is an optimizer without state."""
    if isinstance(tree, dict):
        return list(tree.items())
    if isinstance(tree, tuple):
        return [(field, getattr(tree, field)) for field in getattr(tree, "_fields", ())]
    return None


def _read_record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: there is no checkpoint to continue from.")
    try:
        record = json.loads(path.read_text("utf-8"))
        stored = record.pop("record_sha256")
        sound = digest(record) == stored
    except Exception as error:
        raise ValueError(
            f"{path} is not a checkpoint, or damaged: {type(error).__name__} {error}. Begin in "
            "another folder."
        ) from error
    if not sound:
        raise ValueError(f"{path} was changed or damaged: its sha256 does not fit. Begin anew.")
    return record


def _read_arrays(folder: Path, record: Mapping[str, Any], template: State) -> dict[str, Array]:
    path = folder / Path(str(record.get("arrays"))).name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {NAME} is there but not its arrays.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.get("sha256"):
        raise ValueError(f"{path} is damaged: {len(content)} bytes whose sha256 does not fit.")
    try:
        return read_archive(content, flatten_state(template), growing="trace")
    except ValueError as error:
        why = str(error).removesuffix(".")
        raise ValueError(f"the checkpoint in {path} does not fit this run: {why}.") from None
