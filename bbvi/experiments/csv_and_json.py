"""Rows as CSV and runs as JSON, written atomically."""

import csv
import json
import os
import platform
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import threadpoolctl

Row = Mapping[str, Any]


STRAY = re.compile(r"\..+\.bbvi-(\d+)-\d+")
"""Names of `temporary_name`, with the process."""


def temporary_name(path: Path) -> Path:
    """A hidden neighbour of a file, this thread's alone."""
    # Not tempfile: its files are their owner's alone, and results are shared on a cluster.
    return path.with_name(f".{path.name}.bbvi-{os.getpid()}-{threading.get_ident()}")


@contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, which takes the name ``path`` if all goes well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary neighbour, then a rename.

    A crash of the machine may leave an empty file: for what is checked as it is read and can be
    made again, such as the cells of a sweep.
    """
    with _replacement(path) as file:
        file.write(data)


def write_durably(path: Path, data: bytes) -> None:
    """`write_atomically` that a crash of the machine survives: the old file, or the new one.

    It waits for the disk twice, 5 to 20 ms each.
    """
    with _replacement(path) as file:
        write_to_disk(file, data)
    sync_folder(path.parent)


def write_to_disk(file: BinaryIO, data: bytes) -> None:
    """Write, and wait until the disk has it."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where folders can be opened."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be written to, but not read
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def mean_and_error(name: str, values: np.ndarray[Any, Any]) -> dict[str, float]:
    """The columns ``name`` and ``name_se``: the mean over datapoints and its standard error.

    The error of a single datapoint, such as a whole data set, is not known: NaN.
    """
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {name: float(values.mean()), f"{name}_se": float(error)}


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write tidy rows with the union of their columns, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines: list[list[Any]] = [columns]
    lines += [[plain(row.get(column, "")) for column in columns] for row in rows]
    handle = _Lines()
    csv.writer(handle, lineterminator="\n").writerows(lines)
    write_durably(Path(path), "".join(handle).encode())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read rows back, every value as text."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_json(path: Path, record: Row) -> None:
    """Write a record as JSON, numpy scalars and arrays as plain numbers and lists."""
    text = json.dumps(record, indent=2, default=plain)
    write_durably(Path(path), f"{text}\n".encode())


def environment() -> dict[str, Any]:
    """Versions, BLAS and machine of this run, for a manifest."""
    names = ("bbvi", "numpy", "scipy", "autograd", "scikit-learn", "matplotlib")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: version_of(name) for name in names},
        "blas": [
            {
                key: info.get(key)
                for key in ("internal_api", "version", "architecture", "num_threads")
            }
            for info in threadpoolctl.threadpool_info()
            if info.get("user_api") == "blas"
        ],
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE"),
    }


def blas_names() -> list[str]:
    """What decides BLAS's last digits: library, version and routines.

    SciPy brings a library of its own.  It is loaded first, so that the answer does not depend on
    what has been used before.
    """
    import_module("scipy.linalg")
    return sorted(
        " ".join(str(info.get(key)) for key in ("internal_api", "version", "architecture"))
        for info in threadpoolctl.threadpool_info()
        if info.get("user_api") == "blas"
    )


def format_table(rows: Sequence[Row], columns: Iterable[str]) -> str:
    """Align rows as text columns under their names."""
    names = list(columns)
    cells = [names, *[[str(row.get(name, "")) for name in names] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


class _Lines(list[str]):
    """A list that csv can write to."""

    write = list.append


def plain(value: Any) -> Any:
    """What JSON writes for a NumPy scalar or array, or a path."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return value


def version_of(name: str) -> str:
    """A package's version, as installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
