"""Every public name says what it is, and every example in a docstring runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import bbvi

MODULES = ["bbvi"] + sorted(
    info.name
    for info in pkgutil.walk_packages(bbvi.__path__, "bbvi.")
    if info.name != "bbvi.__main__"
)


def public_members(module):
    """The public functions and classes that a module defines, and the methods of these."""
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(member):
            yield name, member
        if inspect.isclass(member):
            yield name, member
            for method, function in vars(member).items():
                function = getattr(function, "fget", None) or getattr(
                    function, "__func__", function
                )
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module(name)
    assert inspect.cleandoc(module.__doc__ or ""), f"{name} has no docstring"
    missing = [
        member
        for member, value in public_members(module)
        if not (value.__doc__ or "").strip() or value.__doc__.startswith(f"{value.__name__}(")
    ]
    assert missing == []


@pytest.mark.parametrize("name", MODULES)
def test_every_example_runs(name):
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    results = doctest.testmod(module, optionflags=flags)
    assert results.failed == 0


def test_what_is_exported_exists_and_is_documented():
    assert sorted(bbvi.__all__, key=str.lower) == sorted(set(bbvi.__all__), key=str.lower)
    for name in bbvi.__all__:
        assert (getattr(bbvi, name).__doc__ or "").strip(), name
