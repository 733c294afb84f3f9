"""The public names of the package, and the one page on which each is documented.

An object that `bbvi.__all__` exports has its home there; else in the first package whose
``__all__`` has it; else in the module that defines it.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType

from sphinx.pycode import ModuleAnalyzer

import bbvi


@cache
def modules() -> dict[str, ModuleType]:
    """Every public module of the package by name, packages before their modules."""
    names = ["bbvi"] + sorted(
        info.name
        for info in pkgutil.walk_packages(bbvi.__path__, "bbvi.")
        if not any(part.startswith("_") for part in info.name.split("."))
    )
    return {name: importlib.import_module(name) for name in names}


def exported(module: ModuleType) -> list[str]:
    """The names of ``__all__`` that are no modules."""
    names = getattr(module, "__all__", [])
    return [name for name in names if not inspect.ismodule(getattr(module, name))]


def defined(module: ModuleType) -> list[str]:
    """The public functions, classes and documented constants that a module itself defines."""
    names = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and _is_code(value) and value.__module__ == module.__name__
    ]
    constants = {name for scope, name in _attribute_docs(module) if not scope}
    return names + sorted(
        name for name in constants if not name.startswith("_") and name not in names
    )


def _attribute_docs(module: ModuleType) -> dict[tuple[str, str], list[str]]:
    return ModuleAnalyzer.for_module(module.__name__).find_attr_docs()


def constant_doc(module: str, name: str) -> list[str]:
    """The lines that document a constant, below it where it is defined."""
    value = getattr(importlib.import_module(module), name)
    for place in (importlib.import_module(module), *modules().values()):
        lines = _attribute_docs(place).get(("", name), [])
        if lines and getattr(place, name) is value:
            return lines
    return []


def _is_code(value: object) -> bool:
    return inspect.isfunction(value) or inspect.isclass(value)


@cache
def homes() -> dict[int, str]:
    """id of an object -> its full name at its home."""
    found: dict[int, str] = {}
    by_depth = sorted(modules().values(), key=lambda module: module.__name__.count("."))
    for module in by_depth:
        for name in exported(module):
            found.setdefault(id(getattr(module, name)), f"{module.__name__}.{name}")
    for module in by_depth:
        for name in defined(module):
            found.setdefault(id(getattr(module, name)), f"{module.__name__}.{name}")
    return found


def home(module: ModuleType, name: str) -> str:
    """Where ``module.name`` is documented: its full name."""
    value = getattr(module, name)
    if _is_code(value):
        return homes().get(id(value), f"{module.__name__}.{name}")
    return f"{module.__name__}.{name}"


@cache
def with_page() -> list[str]:
    """Full names that have a page of their own: the exports of the package and its packages."""
    found = {home(module, name) for module in modules().values() for name in exported(module)}
    return sorted(found, key=str.lower)


def value_of(full_name: str) -> object:
    """The object of a full name."""
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


def summary(value: object, module: ModuleType | None = None, name: str = "") -> str:
    """The first sentence, or line, of a docstring."""
    if not (_is_code(value) or inspect.ismodule(value)):
        text = " ".join(constant_doc(module.__name__, name)) if module else ""
    else:
        text = inspect.cleandoc(value.__doc__ or "")
    first = text.split("\n\n")[0].replace("\n", " ").strip()
    return first
