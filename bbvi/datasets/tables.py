"""Tables of numbers from .npy and .csv files (floor 1)."""

import os
from pathlib import Path

import numpy as np

from bbvi.types import Array
from bbvi.validation import as_float_array


def load_array(path: str | os.PathLike[str]) -> Array:
    """Read a table x (N, Dx) of finite numbers from a .npy or .csv file.

    A .csv file may start with one line of column names.  Nothing is ever unpickled.  float32
    stays float32; every other number becomes float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the ending is unknown, the file is damaged, its rows differ in length, a field is not
        a number, or the table is empty or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}: no such file; expected .npy or .csv.")
    if path.suffix == ".npy":
        array = _load_npy(path)
    elif path.suffix == ".csv":
        array = _load_csv(path)
    else:
        raise ValueError(
            f"path ends in {path.suffix or 'nothing'!r} ({path.name}); expected .npy or .csv. "
            "Save an array with numpy.save, or a table as comma-separated text."
        )
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path.name} holds {array.dtype}; expected numbers.")
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return as_float_array(path.name, array.astype(dtype), ndim=2)


def _load_npy(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path.name} is not a readable .npy file of numbers ({error}); expected one written "
            "by numpy.save, without Python objects."
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path.name} is an archive of arrays; expected one array in a .npy file.")
    return array


def _load_csv(path: Path) -> Array:
    lines = [line.split(",") for line in path.read_text().splitlines() if line.strip()]
    if lines and not any(_is_number(field) for field in lines[0]):
        lines = lines[1:]
    if not lines:
        raise ValueError(f"{path.name} has no rows of numbers.")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]):
            raise ValueError(
                f"{path.name}: row {number} has {len(line)} fields but row 1 has "
                f"{len(lines[0])}; expected rows of one length."
            )
        for field in line:
            if not _is_number(field):
                raise ValueError(
                    f"{path.name}: row {number} has the field {field.strip()!r}; expected a number."
                )
    return np.array([[float(field) for field in line] for line in lines])


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
