"""Bad values in place of good ones, and the results that are compared."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

ANY = {
    "None": None,
    "text": "x",
    "an object": object(),
    "a class": int,
    "an empty list": [],
    "an empty dict": {},
    "3.5": 3.5,
    "a complex array": np.array([1j, 2j]),
    "NaN": np.nan,
}
NUMBERS = {
    **ANY,
    "True": True,
    "-1": -1,
    "0": 0,
    "-0.5": -0.5,
    "infinity": np.inf,
    "10**30": 10**30,
    "10**12": 10**12,
    "-10**30": -(10**30),
    "digits as text": "3",
    "two numbers": np.array([1.0, 2.0]),
}
MAY_BE_ANOTHER = (
    "None",
    "True",
    "-1",
    "0",
    "-0.5",
    "3.5",
    "10**30",
    "10**12",
    "-10**30",
    "infinity",
)
"""Numbers that may have an answer of their own; None may mean a default."""


def bad_arrays(array: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Name and value: an array of another type or content than one that is right."""
    broken = array.astype(float)
    broken.flat[-1] = np.nan
    yield "with NaN", broken
    yield "with infinity", np.where(np.isnan(broken), np.inf, broken)
    mask = np.zeros(array.shape, bool)
    mask.flat[-1] = True
    yield "masked", np.ma.MaskedArray(np.where(mask, -999.0, array), mask)
    yield "of objects", array.astype(object)
    yield "of text", array.astype(str)
    yield "complex", array + 1j


def bad_shapes(array: np.ndarray, rows_are_given: bool) -> Iterator[tuple[str, Any]]:
    """Name and value: an array of another shape, which NumPy might broadcast."""
    yield "with one axis more", array[None]
    if array.ndim:
        yield "empty", array[:0]
        yield "a column short", array[..., :-1]
        yield "a column of it", array[..., :1]
        yield "a column too long", np.concatenate([array, array[..., :1]], axis=-1)
        yield "its first entry", array.flat[0]
    if array.ndim > 1 and array.shape[-1] != array.shape[-2]:
        yield "transposed", array.swapaxes(-1, -2)
    if array.ndim > 1 and rows_are_given:
        rows = (slice(None),) * (array.ndim - 2)
        yield "a row of it", array[(*rows, slice(0, 1))]
        yield "a row short", array[(*rows, slice(0, -1))]


def bad_values(value: Any, rows: bool = True, shape: bool = True) -> Iterator[tuple]:
    """Name, bad value, and whether another finite answer is allowed.

    ``rows`` and ``shape`` tell whether the number of rows and the shape are given.
    """
    if isinstance(value, np.ndarray):
        shapes = bad_shapes(value, rows) if shape else ()
        for name, bad in (*bad_arrays(value), *shapes):
            if np.shape(bad) != value.shape or name[0] != "a":
                yield name, bad, False
        yield from ((name, bad, False) for name, bad in ANY.items() if name != "None")
    elif isinstance(value, dict):
        for key, entry in value.items():
            array = np.asarray(entry)
            for name, bad in (*bad_arrays(array), *bad_shapes(array, True)):
                if np.shape(bad) != array.shape or name[0] != "a":
                    yield f"{key} {name}", {**value, key: bad}, False
            yield f"without {key}", {k: v for k, v in value.items() if k != key}, False
        yield from ((name, bad, False) for name, bad in ANY.items() if name != "None")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from ((name, bad, name in MAY_BE_ANOTHER) for name, bad in NUMBERS.items())
    else:
        yield from ((name, bad, name == "None") for name, bad in ANY.items())


def plain(value: Any, depth: int = 0) -> Any:
    """A result as lists of numbers and text, without its clock."""
    if isinstance(value, np.ma.MaskedArray):
        return ("masked", value.tolist())
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, str | int | float | complex | bool | None) or depth > 6:
        return value if depth <= 6 else "..."
    if isinstance(value, dict):
        return {str(key): plain(v, depth + 1) for key, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        pairs = value._asdict().items()
        skip = ("seconds", "state", "verdict")
        return {key: plain(v, depth + 1) for key, v in pairs if key not in skip}
    if isinstance(value, list | tuple):
        return [plain(v, depth + 1) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return repr(value)
    return type(value).__name__


def is_finite(value: Any) -> bool:
    """Whether all numbers of a `plain` result are finite."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    return not isinstance(value, float | complex) or bool(np.isfinite(value))
