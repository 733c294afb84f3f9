"""Mutated files of every reader: refused in one documented message, or read as they are.

A mutated table is data: another number may be read, but no row lost, no field taken for another.
So what is accepted is compared with a second, short reader.  What has a checksum must be read as
it was, or refused.  With forged checksums any answer is allowed that is no traceback.
"""

import gzip
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from fault_endings import MEMORY, ending, same

import bbvi
from bbvi.datasets import files as data_files
from bbvi.datasets import load_array
from bbvi.datasets.mnist import parse_idx
from bbvi.experiments import checkpoints, sweep_files
from bbvi.experiments.checkpoints import load_checkpoint, save_checkpoint
from bbvi.experiments.csv_and_json import write_csv
from bbvi.experiments.identity import digest
from bbvi.experiments.results import read_results, read_table
from bbvi.experiments.store import claim
from bbvi.experiments.sweep_files import cell_path, read_cell, write_cell
from bbvi.inference import Fit

INTERESTING = (b"\0", b"\xff" * 8, b"-1", b"1e400", b"nan", b'"', b"[" * 200, b"\xef\xbb\xbf", b",")
INTERESTING += (b"\n", b"\r", b"_", b"9" * 400, b"null", b"{}", b"1e5", "\uff11".encode())
MODEL, FAMILY = bbvi.LinearGaussian(2, 4), bbvi.DiagonalGaussian(2)
X = np.random.default_rng(0).standard_normal((20, 4))


class Reader(NamedTuple):
    """A sound file, what reads it ("" or what is wrong), and what is done to a mutated file."""

    path: Path
    read: Callable[[], str]
    forge: Callable[[Path], None] = lambda path: None


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """Content with a few bits flipped, cut, repeated, spliced, or an odd value put in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        kind, place = rng.integers(6), int(rng.integers(len(data) + 1))
        if kind == 0 and place < len(data):
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data[place:place] = data[place : place + int(rng.integers(1, 64))]
        elif kind == 3:
            odd = INTERESTING[rng.integers(len(INTERESTING))]
            data[place : place + len(odd)] = odd
        elif kind == 4:
            del data[place : place + int(rng.integers(1, 32))]
        else:
            data[place:place] = rng.bytes(int(rng.integers(1, 16)))
    return bytes(data)


def equal_numbers(path: Path, read: Callable[[], Any], second: Callable[[bytes], Any]) -> str:
    """Nothing if what was read are the finite numbers that a second reader finds."""
    array = np.asarray(read())
    if not np.isfinite(array).all():
        return "NaN was accepted"
    expected = second(path.read_bytes())
    if expected is not None and not np.array_equal(array, expected):
        return "accepted with other numbers than the file has"
    return ""


def plain_csv(content: bytes) -> Any:
    """The numbers below the first line; None where quotes need a real parser."""
    text = content.decode("utf-8-sig")
    if '"' in text:
        return None
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    return np.array([[float(field) for field in line.split(",")] for line in lines[1:]])


def plain_npy(content: bytes) -> Any:
    return np.load(io.BytesIO(content), allow_pickle=False)


def plain_idx(content: bytes) -> Any:
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, 4 + 4 * content[3], 4)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def tables(folder: Path) -> dict[str, Reader]:
    """Tables, MNIST's formats and results."""
    csv, npy, idx, zipped, npz = (folder / f"a.{end}" for end in ("csv", "npy", "idx", "gz", "npz"))
    csv.write_text("a,b\n" + "".join(f"{i}.5,{i}e-3\n" for i in range(20)))
    np.save(npy, X)
    idx.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 9]) + bytes(range(27)))
    zipped.write_bytes(gzip.compress(idx.read_bytes(), mtime=0))
    np.savez(npz, x=X, y=np.arange(5))
    one = data_files.DataFile("a", "", 10**6, 10**5)
    write_csv(folder / "out" / "t.csv", [{"a": i, "b": "x, y", "c": 1 / (i + 1)} for i in range(9)])
    result = folder / "out" / "t.csv"

    def unzipped() -> str:
        return same(data_files.gunzip(zipped.read_bytes(), one), plain_idx_content)

    plain_idx_content = idx.read_bytes()
    archive = [X.tolist(), list(range(5))]
    return {
        "table .csv": Reader(
            csv, lambda: equal_numbers(csv, lambda: load_array(csv, True), plain_csv)
        ),
        "table .npy": Reader(npy, lambda: equal_numbers(npy, lambda: load_array(npy), plain_npy)),
        "idx": Reader(
            idx, lambda: equal_numbers(idx, lambda: parse_idx(idx.read_bytes(), "a"), plain_idx)
        ),
        "idx .gz": Reader(zipped, unzipped),
        "archive .npz": Reader(
            npz,
            lambda: same(
                [a.tolist() for a in data_files.read_npz(npz.read_bytes(), one, ["x", "y"])],
                archive,
            ),
        ),
        "result .csv": Reader(result, lambda: "" if read_table(result) is not None else "None"),
    }


def plain_fit(fit: Fit) -> Any:
    parts = [fit.theta, fit.phi or {}, {"lam": fit.lam}, fit.trace._asdict()]
    return [[(key, part[key].tolist()) for key in sorted(part)] for part in parts]


def records(folder: Path) -> dict[str, Reader]:
    """What the package writes for itself: fits, checkpoints, cells, manifests."""
    rng = np.random.default_rng(0)
    with bbvi.fixed_budget():
        fit = bbvi.fit_bbvi(MODEL, FAMILY, X, rng, num_steps=2)
    saved = folder / "fit.npz"
    fit.save(saved)
    for epoch in (1, 2):
        save_checkpoint(folder, fit.state, rng, epoch, settings={"a": 1})
    previous = folder / checkpoints.PREVIOUS
    previous.unlink()  # its own tests have it: here the damage must be seen
    outcome = {"cell": {"a": 1}, "replicate": 0, "rows": [{"b": 2.5}]}
    write_cell(folder, outcome, "run")
    run = folder / "run"
    claim(run, {"seed": 1})

    def state() -> Any:
        loaded, _ = load_checkpoint(folder, {"a": 1}, fit.state)
        return loaded.lam.tolist(), {k: v.tolist() for k, v in loaded.theta.items()}

    def cell(trust: bool) -> str:
        found, trouble = read_cell(folder, {"a": 1}, 0, "run")
        return "" if trouble or trust else same(found, outcome)

    def manifest() -> str:
        # Another seed in a whole record is another run's; then the answer is True or a refusal.
        claim(run, {"seed": 1})
        return same(json.loads((run / "manifest.json").read_text())["identity"], {"seed": 1})

    first, path = state(), cell_path(folder, {"a": 1}, 0)
    record, arrays = folder / checkpoints.NAME, folder / "checkpoint-00002.npz"
    checked = Reader(record, lambda: same(state(), first))
    sound = json.loads(record.read_text())
    return {
        "fit .npz": Reader(saved, lambda: same(plain_fit(Fit.load(saved)), plain_fit(fit))),
        "checkpoint .json": checked,
        "checkpoint .npz": Reader(arrays, checked.read),
        "cell": Reader(path, lambda: cell(False)),
        "manifest": Reader(run / "manifest.json", manifest),
        "manifest, read back": Reader(
            run / "manifest.json", lambda: "" if read_results(run) else "nothing"
        ),
        "checkpoint .json, forged": Reader(record, lambda: state() and "", forge_record),
        "checkpoint .npz, forged": Reader(
            arrays, lambda: state() and "", lambda path: forge_arrays(path, record, sound)
        ),
        "cell, forged": Reader(path, lambda: cell(True), forge_cell),
    }


def loads(path: Path) -> Any:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def forge_record(path: Path) -> None:
    """Let a mutated record have the checksum of what it says now."""
    record = loads(path)
    if record is not None:
        record.pop("record_sha256", None)
        path.write_text(json.dumps({**record, "record_sha256": digest(record)}))


def forge_arrays(path: Path, record: Path, sound: Any) -> None:
    """Let the record have the checksum of mutated arrays."""
    body = {key: value for key, value in sound.items() if key != "record_sha256"}
    body["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(json.dumps({**body, "record_sha256": digest(body)}))


def forge_cell(path: Path) -> None:
    """Let a mutated cell have the checksum of what it says now."""
    record = loads(path)
    if record is not None:
        record.pop("sha256", None)
        path.write_text(json.dumps({**record, "sha256": digest(record)}))


def files(
    rng: np.random.Generator, count: int, only: str | None = None
) -> Iterator[tuple[str, str]]:
    """Mutated files of all readers, in turns, or of one."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as top:
        folder = Path(top)
        readers = {**tables(folder), **records(folder)}
        sound = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for name, reader in readers.items():
            if trouble := ending(reader.read):
                raise AssertionError(f"the sound {name}: {trouble}")
        for number in range(count):
            name = only or list(readers)[number % len(readers)]
            path, read, forge = readers[name]
            path.write_bytes(mutated(rng, sound[path]))
            forge(path)
            trouble = ending(read)
            yield f"file: {name}", trouble
            for other in {path, folder / checkpoints.NAME}:
                other.write_bytes(sound[other])


@contextmanager
def careless_archive() -> Iterator[None]:
    """Negative control: the reader of fits names another exception than it promises."""
    load = Fit.load

    def careless(file: Any) -> Fit:
        try:
            return load(file)
        except ValueError as error:
            raise KeyError("planted") from error

    with mock.patch.object(Fit, "load", careless):
        yield


@contextmanager
def blind_cells() -> Iterator[None]:
    """Negative control: cells read without their checksum."""

    def trusting(folder: Path, cell: Any, replicate: int, run: str) -> tuple[Any, str]:
        record = loads(sweep_files.cell_path(folder, cell, replicate))
        if record is None:
            return None, "corrupt"
        return {key: record.get(key) for key in ("cell", "replicate", "rows")}, ""

    with mock.patch.dict(globals(), read_cell=trusting):
        yield


@contextmanager
def lost_rows() -> Iterator[None]:
    """Negative control: a table's reader that leaves out rows that it cannot read."""
    real = load_array

    def careless(path: Path, header: bool | None = None) -> Any:
        if path.suffix == ".npy":
            return real(path)
        lines = path.read_text("utf-8", "replace").splitlines()[1:]
        pairs = [line.split(",") for line in lines if re.fullmatch(r"[\d.e-]+,[\d.e-]+", line)]
        return np.array([[float(a), float(b)] for a, b in pairs])

    with mock.patch.dict(globals(), load_array=careless):
        yield


def of(reader: str) -> Any:
    return partial(files, only=reader), 400, f"file: {reader}"


CONTROLS = {
    "archive without its except": (careless_archive, *of("fit .npz")),
    "cells without checksum": (blind_cells, *of("cell")),
    "rows left out": (lost_rows, *of("table .csv")),
}
"""Name -> what breaks a target, the campaign that must see it, its cases, and the kind."""
