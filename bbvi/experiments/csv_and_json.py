"""Rows as CSV and runs as JSON, written atomically."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.files import write_durably

Row = Mapping[str, Any]


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


def format_table(rows: Sequence[Row], columns: Iterable[str]) -> str:
    """Align rows as text columns under their names."""
    names = list(columns)
    cells = [names, *[[str(row.get(name, "")) for name in names] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def decimal(value: float, digits: int = 2) -> str:
    """A number for a table or a picture; one of a million or more in three digits.

    Examples
    --------
    >>> decimal(-12.345), decimal(1234567.0), decimal(0.5, 3)
    ('-12.35', '1.23e+06', '0.500')
    """
    return f"{value:.3g}" if abs(value) >= 1e6 else f"{value:.{digits}f}"


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
