"""What a run is: everything that its numbers depend on, in plain values."""

import dataclasses
import hashlib
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.environment import version_of


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of plain values: the same on every machine and run.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def words_of(cell: Mapping[str, Any]) -> str:
    """The words among a cell's parameters, such as its method: its name in a progress bar."""
    return " ".join(value for value in cell.values() if isinstance(value, str))


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 (16 digits) of the package's source files: two machines with one have one bbvi."""
    top = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(top.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(top).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()[:16]


def this_bbvi() -> dict[str, str]:
    """Version and code of the package that computes in this process."""
    return {"version": version_of("bbvi"), "code": code_digest()}


def check_worker(bbvi: Any, other_files: Sequence[str]) -> None:
    """Raise ValueError if a worker says that it has another bbvi, or another of a user's files."""
    again = "start the workers anew, and run this again."
    if bbvi != this_bbvi():
        raise ValueError(
            f"a worker computes with another bbvi: {_version(bbvi)}, this process has "
            f"{_version(this_bbvi())}. Nothing of it was kept. Install the same on every machine, "
            + again
        )
    if other_files:
        raise ValueError(
            f"a worker computes with another {', '.join(other_files)} than this process has. "
            f"Nothing of it was kept. Give all machines the same files, {again}"
        )


def _version(bbvi: Any) -> str:
    if not isinstance(bbvi, dict):
        return "an earlier one"
    return f"version {bbvi.get('version')}, code {bbvi.get('code')}"


def described(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Plain values that differ if two objects differ.

    Arrays count by digest, objects by their attributes, the package's functions by their names,
    others by their code too.  ``inside`` are the objects that this one is a part of.

    Examples
    --------
    >>> described({"rate": 0.1, "sizes": (3, 4), "function": digest})
    {'rate': 0.1, 'sizes': [3, 4], 'function': 'bbvi.experiments.identity.digest'}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
    if id(value) in inside:
        return type(value).__qualname__
    inside = (*inside, id(value))
    if isinstance(value, partial):
        return [described(part, inside) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, Mapping):
        return {str(key): described(item, inside) for key, item in value.items()}
    if isinstance(value, tuple) and type(value) is not tuple:
        fields: Any = getattr(type(value), "_fields", ())
        return {name: described(item, inside) for name, item in zip(fields, value)}
    if isinstance(value, list | tuple):
        return [described(item, inside) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if inspect.ismethod(value):
        return [described(value.__func__, inside), described(value.__self__, inside)]
    if inspect.isfunction(value):
        return _described_function(value, inside)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if name is not None:
        return f"{getattr(value, '__module__', '')}.{name}"
    return _described_object(value, inside)


def _described_object(value: Any, inside: tuple[int, ...]) -> Any:
    """Its class and attributes; of a class that is not the package's, also its code."""
    if dataclasses.is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        parts = getattr(value, "__dict__", {})  # an object of anybody's class
    kind = type(value)
    told = {"type": kind.__qualname__, **{key: described(p, inside) for key, p in parts.items()}}
    functions = {
        f"{base.__qualname__}.{name}": _code(function.__code__)
        for base in kind.__mro__
        if not _is_ours(base)
        for name, function in vars(base).items()
        if inspect.isfunction(function)
    }
    return {**told, "code": digest(functions)} if functions else told


def _described_function(function: Any, inside: tuple[int, ...]) -> Any:
    """Its name and what it encloses; of one that is not the package's, also its code."""
    name = f"{function.__module__}.{function.__qualname__}"
    cells = [cell for cell in function.__closure__ or () if _is_full(cell)]
    enclosed = [described(cell.cell_contents, inside) for cell in cells]
    if _is_ours(function):
        return [name, enclosed] if enclosed else name
    defaults = described([function.__defaults__, function.__kwdefaults__], inside)
    return [name, _code(function.__code__), enclosed, defaults]


def _is_ours(value: Any) -> bool:
    """Whether a class or function is the package's, whose code `code_digest` knows."""
    return str(value.__module__).partition(".")[0] == "bbvi"


def _is_full(cell: Any) -> bool:
    """Whether a variable that a function encloses has its value yet."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _code(code: Any) -> str:
    """SHA-256 of compiled code, without the places that it came from."""
    parts = [code.co_code.hex(), code.co_names, [_constant(value) for value in code.co_consts]]
    return digest(parts)


def _constant(value: Any) -> Any:
    """A constant of compiled code, the same in every process: sets have no order."""
    if inspect.iscode(value):
        return _code(value)
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return [_constant(part) for part in value] if isinstance(value, tuple) else repr(value)


def cell_rng(seed: int, cell: Mapping[str, Any], replicate: int = 0) -> np.random.Generator:
    """The generator of one cell, from (seed, hash of its parameters, replicate).

    A user's file counts by its name: the same experiment has the same numbers in every folder.

    Examples
    --------
    >>> a = cell_rng(0, {"S": 1, "estimator": "pathwise"})
    >>> b = cell_rng(0, {"estimator": "pathwise", "S": 1})
    >>> bool(a.random() == b.random())
    True
    """
    names = {key: _without_folder(value) for key, value in cell.items()}
    words = [seed, int(digest(names), 16), replicate]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _without_folder(value: Any) -> Any:
    """The value, but a path of a user's file as the file's name alone."""
    if isinstance(value, str) and re.search(r"\.(py:\w+|npy|csv)$", value):
        return re.split(r"[/\\]", value)[-1]
    return value
