"""A user's own source files: what they say, and whether a worker has the same.

A process that lives long has the code that it imported, whatever its files hold by now.  So a
module's digest is taken when the module is first seen, and kept by its spec, which a reload makes
anew.
"""

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MODULES, DIGEST = "bbvi_modules", "bbvi_digest"
"""Names in the spec of a user's module: all that it is made of, and its own file's digest."""


class Source(NamedTuple):
    """A user's module: SHA-256 of its file, and the folder that has to be on the search path."""

    digest: str
    folder: str


def local_modules(path: Path) -> dict[str, Path]:
    """Name -> file: the module, and what it and these import from its folder, packages whole."""
    files: dict[str, Path] = {}
    waiting = [(path.stem, path)]
    while waiting:
        name, file = waiting.pop()
        if name in files:
            continue
        files[name] = file
        for imported in sorted(_imported_names(file)):
            beside, package = path.with_name(f"{imported}.py"), path.with_name(imported)
            if (package / "__init__.py").is_file():
                parts = sorted(package.rglob("*.py"))
                waiting += [(_dotted(part.relative_to(path.parent)), part) for part in parts]
            elif beside.is_file():
                waiting.append((imported, beside))
    return files


def source_digest(path: Path) -> str:
    """SHA-256 of a file; of a .py, with `local_modules`."""
    first, *others = (_sha256(file) for file in local_modules(path).values())
    return hashlib.sha256("".join([first, *sorted(others)]).encode()).hexdigest()


def remember_sources(module: Any) -> None:
    """Keep what a user's module is made of, as it is now, unless this was done before."""
    kept, path = vars(module.__spec__), Path(module.__file__)
    if MODULES not in kept:
        files = local_modules(path)
        folder = str(path.parent)
        kept[MODULES] = {name: Source(_sha256(file), folder) for name, file in files.items()}
        for name in files:
            if name in sys.modules:
                _digest_when_seen(sys.modules[name])


def user_sources() -> dict[str, Source]:
    """All that this process remembers: what a worker has to have as well."""
    found: dict[str, Source] = {}
    for module in list(sys.modules.values()):
        # sys.modules may hold anything, and asking some of it for a name would import.
        spec = vars(module).get("__spec__") if inspect.ismodule(module) else None
        found |= vars(spec).get(MODULES, {}) if spec is not None else {}
    return found


def other_sources(expected: Mapping[str, Source]) -> list[str]:
    """Those of a user's modules that this process imported from another source than expected."""
    imported = {name: sys.modules[name] for name in expected if name in sys.modules}
    return [
        name
        for name, module in imported.items()
        if _digest_when_seen(module) != expected[name].digest
    ]


def add_folders(folders: Iterable[str]) -> None:
    """At the end of the search path, once; importers may have an older listing of it."""
    sys.path += [folder for folder in dict.fromkeys(folders) if folder not in sys.path]
    importlib.invalidate_caches()


def _digest_when_seen(module: Any) -> str:
    kept = vars(module.__spec__)
    if DIGEST not in kept:
        kept[DIGEST] = _sha256(Path(module.__file__))
    return str(kept[DIGEST])


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _dotted(path: Path) -> str:
    """pk/deeper/a.py -> pk.deeper.a, pk/__init__.py -> pk."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported_names(file: Path) -> set[str]:
    """The modules that a source file names in its imports, without their packages' parts."""
    if file.suffix != ".py":
        return set()
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {module.partition(".")[0] for module in modules} - {""}
