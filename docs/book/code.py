"""The code of a function or class as it stands in the package, without its docstring."""

import ast
import inspect
import textwrap
from functools import partial
from typing import Any


def unwrapped(function: Any) -> Any:
    """The function that a partial, or a wrapper, is made of."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


def source(value: Any) -> str:
    """The lines of a function or class, its docstring left out."""
    lines = textwrap.dedent(inspect.getsource(unwrapped(value))).splitlines()
    node: Any = ast.parse("\n".join(lines)).body[0]
    drop: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner):
            text = inner.body[0]
            drop |= set(range(text.lineno - 1, text.end_lineno or text.lineno))
    kept = [line for at, line in enumerate(lines) if at not in drop]
    return "\n".join(kept).strip("\n")


def fenced(value: Any) -> str:
    """The same as a block of a page."""
    return f"```python\n{source(value)}\n```\n"


def place(value: Any) -> str:
    """The module that holds it."""
    return str(unwrapped(value).__module__)
