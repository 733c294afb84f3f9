"""What a run is: everything that its numbers depend on, in plain values."""

import ast
import dataclasses
import hashlib
import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.experiments.csv_and_json import version_of

SOURCE = "bbvi_source"
"""The name, in the spec of a user's module, of the digest of its source."""


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


def source_digest(path: Path) -> str:
    """SHA-256 of a file; of a .py, with the modules beside it that it imports, and theirs."""
    contents: dict[Path, bytes] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in contents:
            contents[file] = file.read_bytes()
            names = _imported_names(file, contents[file])
            beside = (file.with_name(f"{name}.py") for name in sorted(names))
            waiting += [other for other in beside if other.is_file()]
    first, *others = contents.values()
    digests = sorted(hashlib.sha256(other).hexdigest() for other in others)
    return hashlib.sha256(first + "".join(digests).encode()).hexdigest()


def source_when_imported(module: Any) -> str:
    """`source_digest` of a user's module, as it was when this process first asked.

    A worker that lives long has the code that it imported, whatever its file holds by now.  The
    digest is kept by the module's spec, which a reload makes anew.
    """
    kept = vars(module.__spec__)
    if SOURCE not in kept:
        kept[SOURCE] = source_digest(Path(module.__file__))
    return str(kept[SOURCE])


def user_sources() -> dict[str, str]:
    """Name -> digest of the user's modules that this process has marked."""
    # sys.modules may hold anything, and asking some of it for a name would import.
    specs = {
        name: vars(module).get("__spec__")
        for name, module in sys.modules.items()
        if inspect.ismodule(module)
    }
    return {
        name: vars(spec)[SOURCE] for name, spec in specs.items() if spec and SOURCE in vars(spec)
    }


def other_sources(expected: Mapping[str, str]) -> list[str]:
    """Those of a user's modules that this process imported from another source than expected."""
    imported = {name: sys.modules[name] for name in expected if name in sys.modules}
    return [
        name for name, module in imported.items() if source_when_imported(module) != expected[name]
    ]


def _imported_names(file: Path, content: bytes) -> set[str]:
    """The modules that a source file names in its imports, without their packages' parts."""
    if file.suffix != ".py":
        return set()
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {module.partition(".")[0] for module in modules} - {""}


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


def described(value: Any) -> Any:
    """Plain values that differ if two objects differ: arrays by digest, functions by name.

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
    if isinstance(value, partial):
        return [described(value.func), described(value.args), described(value.keywords)]
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, tuple) and type(value) is not tuple:
        fields: Any = getattr(type(value), "_fields", ())
        return {name: described(item) for name, item in zip(fields, value)}
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: described(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **parts}
    name = getattr(value, "__qualname__", None)
    if name is None:
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return f"{getattr(value, '__module__', '')}.{name}"


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
