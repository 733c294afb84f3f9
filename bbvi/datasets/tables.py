"""Tables of numbers from .npy and .csv files.

A .csv file is UTF-8 text with commas; a field may stand in double quotes.  Its first row is

* column names, if none of its fields is a number;
* data, if all are numbers, quoted or not;
* refused, if only some are, or if the numbers may as well be names: whole numbers that count up by
  one from 0 (as pandas numbers its columns) or from a year (2019, 2020).  ``header`` decides then.
"""

import contextlib
import csv
import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from bbvi.datasets.files import parse_npy
from bbvi.types import Array
from bbvi.validation import as_float_array

LONGEST_LINE = 2**24
"""Characters of a line of a .csv file: over a million numbers in a row is no table of text."""
YEARS = (1500, 2200)
MISSING = ("na", "n/a", "nan", "null", "none", "?", "-", ".")
ODD_NUMBER = re.compile(r"[-+\u2212$\u20ac\u00a3(]?\d[\d.,:/-]*([dDeE][-+\u2212]?\d+)?[%)]?")
"""A currency's sign, thousands with commas, a typographic minus, an exponent of Fortran, a date."""


class Table(NamedTuple):
    """Numbers x (N, Dx), and the names of the columns where the file has them."""

    x: Array
    names: tuple[str, ...] | None = None

    def first_row(self) -> str:
        """What the first row was taken for, as a sentence to show."""
        if self.names is None:
            return "first row taken for data"
        names = ", ".join(self.names[:6]) + (", ..." if len(self.names) > 6 else "")
        return f"first row taken for column names ({names})"


def load_array(path: str | os.PathLike[str], header: bool | None = None) -> Array:
    """The numbers x (N, Dx) of a .npy or .csv file; otherwise as `load_table`."""
    return load_table(path, header).x


def load_table(path: str | os.PathLike[str], header: bool | None = None) -> Table:
    """Read a table x (N, Dx) of finite numbers from a .npy or .csv file.

    Nothing is ever unpickled.  float32 stays float32; every other number becomes float64.

    Parameters
    ----------
    path : str or path
        The file.
    header : bool, optional
        Whether the first row of a .csv file has the names of the columns; by default as the
        module says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the ending is unknown, the file is damaged or not UTF-8, its rows differ in length, a
        field is not a number, the first row may be names or numbers, or the table is empty or not
        finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}: no such file; expected .npy or .csv.")
    if path.suffix == ".npy":
        table = Table(parse_npy(path.read_bytes(), path.name))
    elif path.suffix == ".csv":
        table = _load_csv(path, header)
    else:
        raise ValueError(
            f"path ends in {path.suffix or 'nothing'!r} ({path.name}); expected .npy or .csv. "
            "Save an array with numpy.save, or a table as comma-separated text."
        )
    x = table.x
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{path.name} holds {x.dtype}; expected numbers.")
    dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    with np.errstate(over="ignore"):  # a number beyond float64 becomes inf and is refused
        x = x.astype(dtype)
    return table._replace(x=as_float_array(path.name, x, ndim=2))


def _load_csv(path: Path, header: bool | None) -> Table:
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            return _read(handle, path.name, header)
    except UnicodeDecodeError:
        raise ValueError(_not_utf8(path, "Latin-1 or Windows-1252")) from None
    except csv.Error as error:
        raise ValueError(
            f"{path.name} is not a readable .csv file ({error}); expected numbers with commas "
            "between them, and quotes in pairs."
        ) from None


def _not_utf8(path: Path, otherwise: str) -> str:
    with open(path, "rb") as handle:
        start = handle.read(64)
    utf16 = start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start
    return (
        f"{path.name} is not UTF-8 text (it may be {'UTF-16' if utf16 else otherwise}); expected "
        "UTF-8. Save it as UTF-8: 'CSV UTF-8' in a spreadsheet, or `iconv -f ... -t UTF-8`."
    )


def _read(handle: TextIO, name: str, header: bool | None) -> Table:
    """Names and numbers, row by row: no more than 8 bytes a number are kept."""
    rows = csv.reader(_lines(handle, name), skipinitialspace=True, strict=True)
    first: list[str] | None = None
    values, number, blank = array("d"), 0, False
    for fields in rows:
        if len(fields) < 2 and not "".join(fields).strip():
            blank = True
            continue
        if first is None:
            first = fields
            if _is_header(fields, name, header):
                continue
        number += 1
        if len(fields) != len(first):
            raise ValueError(
                f"{name}: row {number} has {len(fields)} fields but the first row has "
                f"{len(first)}; expected rows of one length."
            )
        if blank and len(fields) == 1 and number > 1:
            raise ValueError(
                f"{name}: an empty line stands before row {number} of a table with one column; "
                "expected a number in every row. Drop or impute the missing value."
            )
        blank = False
        values.extend(_numbers(fields, name, number))
    if first is None or number == 0:
        raise ValueError(f"{name} has no rows of numbers.")
    x = np.frombuffer(values, np.float64).reshape(number, len(first))
    named = _is_header(first, name, header)
    if header is None and not named and _may_be_names(first, x):
        raise ValueError(
            f"{name}: the first row, {', '.join(first[:4])}{', ...' if len(first) > 4 else ''}, "
            "may be column names or data. Say which: header=True or header=False (--header or "
            "--no-header)."
        )
    return Table(x, tuple(field.strip() for field in first) if named else None)


def _lines(handle: TextIO, name: str) -> Iterator[str]:
    """The lines of a text file, none so long that it fills the memory."""
    while line := handle.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError(
                f"{name} has a line of more than {LONGEST_LINE} characters; expected one row of "
                "numbers a line. Save so wide a table with numpy.save."
            )
        yield line


def _is_header(first: Sequence[str], name: str, header: bool | None) -> bool:
    """Whether the first row has names.

    Raises
    ------
    ValueError
        If numbers and text are mixed and ``header`` does not decide.
    """
    if header is not None:
        return header
    if any("\0" in field for field in first):
        raise ValueError(f"{name} has NUL characters: it may be UTF-16. Save it as UTF-8.")
    texts = [field for field in first if _number(field) is None]
    if len(texts) == len(first):
        odd = [field for field in first if _is_odd_number(field)]
        if odd:
            raise ValueError(
                f"{_no_number(name, 1, odd[0])} If it is a name, say header=True (--header)."
            )
        return True
    if texts:
        raise ValueError(
            f"{name}: row 1 has the field {texts[0].strip()!r}, and {len(first) - len(texts)} "
            "fields that are numbers; expected names only, or numbers only. If the row has the "
            "names, say header=True (--header)."
        )
    return False


def _may_be_names(first: Sequence[str], x: Array) -> bool:
    """Whether a first row of numbers counts up by one, from 0 or from a year, in plain digits."""
    if len(first) < 2 or not all(field.strip().isdecimal() for field in first):
        return False
    counted = [int(field) for field in first] == [int(first[0]) + j for j in range(len(first))]
    start = YEARS[0] <= int(first[0]) <= YEARS[1] or int(first[0]) == 0
    binary = len(first) == 2 and bool(np.isin(x, (0, 1)).all())
    return counted and start and not binary


def _numbers(fields: Sequence[str], name: str, number: int) -> list[float]:
    """The numbers of a row; Python's digits of other scripts and underscores are not numbers."""
    text = "".join(fields)
    if text.isascii() and "_" not in text:
        with contextlib.suppress(ValueError):
            return [float(field) for field in fields]
    wrong = next(field for field in fields if _number(field) is None)
    raise ValueError(_no_number(name, number, wrong))


def _no_number(name: str, number: int, field: str) -> str:
    hint = (
        " Fields are separated by commas, and 1.5 has a point." if set(field) & set(";\t") else ""
    )
    hint = hint or (" Drop or impute the missing value." if not field.strip() else "")
    shown = field.strip()
    shown = shown if len(shown) <= 40 else shown[:40] + "..."
    return f"{name}: row {number} has the field {shown!r}; expected a number.{hint}"


def _number(field: str) -> float | None:
    if not field.isascii() or "_" in field:
        return None
    try:
        return float(field)
    except ValueError:
        return None


def _is_odd_number(field: str) -> bool:
    """Whether a field is a number, or the lack of one, that no name of a column looks like."""
    if field.strip().lower() in MISSING or ODD_NUMBER.fullmatch(field.strip()):
        return True
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
