"""What a user's own code ended in, as one line: the file, the line, and the exception."""

import sys
import traceback
from pathlib import Path
from typing import Any

from bbvi.experiments.sources import user_sources

PACKAGE = Path(__file__).parents[1]


def user_error(error: BaseException) -> str | None:
    """The line "FILE, line N: Type: message" of an error that a user's file made.

    None where it was raised elsewhere, or by the package when the user's code called it: its
    message then says what was wrong, or its traceback is wanted.

    Parameters
    ----------
    error : Exception
        As it was caught.
    """
    files = {getattr(sys.modules.get(name), "__file__", None) for name in user_sources()}
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if frame.filename in files]
    if not own or any(PACKAGE in Path(frame.filename).parents for frame in frames[own[-1] :]):
        return None
    last = frames[own[-1]]
    return in_one_line(Path(last.filename).name, last.lineno, error)


def in_one_line(name: str, line: Any, error: BaseException) -> str:
    """The place of an error, then the error.

    Examples
    --------
    >>> in_one_line("mine.py", 3, KeyError("x"))
    "mine.py, line 3: KeyError: 'x'"
    """
    return f"{name}, line {line}: {type(error).__name__}: {error}".removesuffix(": ")
