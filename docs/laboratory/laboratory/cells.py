"""Cells of code, run as a notebook runs them: exercises and the prompt."""

import ast
import base64
import io
import linecache
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

SPACES: dict[str, dict[str, Any]] = {}
"""Name -> the variables of the cells that were run under it."""
CELL = "<your code>"


def forget(space: str) -> None:
    """Delete the variables of a name."""
    SPACES.pop(space, None)


def run(space: str, cells: list[str]) -> dict[str, Any]:
    """Run cells one after the other, until one fails.

    Returns
    -------
    dict
        ``ok``; ``printed``: what was printed, and the value of the last expression; ``message``:
        of the failure, else ""; ``pictures``: PNG in base64, of the figures that Matplotlib holds.
    """
    names = SPACES.setdefault(space, {"__name__": "__main__"})
    printed, message = io.StringIO(), ""
    with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            for number, cell in enumerate(cells, start=1):
                _run_one(cell, names, CELL if number == len(cells) else f"<cell {number}>")
        except BaseException as error:
            message = told(error)
    return {
        "ok": not message,
        "printed": printed.getvalue(),
        "message": message,
        "pictures": _pictures(),
    }


def _run_one(text: str, names: dict[str, Any], file: str) -> None:
    """Execute a cell; print the value of its last expression, unless a semicolon ends it."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    tree = ast.parse(text, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), file, "eval"), names)
        if value is not None and not text.rstrip().endswith(";"):
            print(repr(value))


def told(error: BaseException) -> str:
    """A failure in words: a check's message alone, of any other error the lines of the cells."""
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    if isinstance(error, NotImplementedError) and not str(error):
        return "Nothing is written yet: replace raise NotImplementedError() by your code."
    if isinstance(error, SyntaxError):
        return "".join(traceback.format_exception_only(error))
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith("<")]
    return "".join([*traceback.format_list(mine), *traceback.format_exception_only(error)]).rstrip()


def _pictures() -> list[str]:
    """All figures of Matplotlib, which are then closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    pictures = []
    for number in pyplot.get_fignums():
        data = io.BytesIO()
        pyplot.figure(number).savefig(data, format="png", dpi=110, bbox_inches="tight")
        pictures.append(base64.b64encode(data.getvalue()).decode())
    pyplot.close("all")
    return pictures
