"""Printing that ends nothing but itself.

A reader that went away (``| head -1``), a full disk, an ASCII terminal, or no output at all must
not end a run of hours.  Inside `safe_printing` the standard streams never raise: what they cannot
take is dropped or, character by character, replaced.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class SafeStream:
    """A text stream that never raises: what cannot be written is dropped."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write what can be written; characters that the encoding lacks become ?."""
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError, AttributeError) as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self.stream.flush()
        except (OSError, ValueError, AttributeError) as error:
            self._lose(error)

    def isatty(self) -> bool:
        """Whether a person may be reading."""
        try:
            return bool(self.stream.isatty())
        except (OSError, ValueError, AttributeError):
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _lose(self, error: Exception) -> None:
        """Send what is still in the stream's buffer nowhere, so that Python can end in peace."""
        stream, self.stream = self.stream, None
        self.lost = self.lost or (error if isinstance(error, OSError) else None)
        if stream is None:
            return
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def safe_printing() -> Iterator[None]:
    """Replace standard output and error by safe ones, and put them back."""
    _open_the_closed()
    before = sys.stdout, sys.stderr
    safe = SafeStream(sys.stdout), SafeStream(sys.stderr)
    sys.stdout, sys.stderr = safe
    try:
        yield
    finally:
        for stream in safe:
            stream.flush()
        sys.stdout, sys.stderr = before


@contextmanager
def warnings_in_one_line(name: str) -> Iterator[None]:
    """Show warnings as the command's other lines: without the place in the package's source."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *place, **more: f"{name}: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def check_printed(what: str) -> None:
    """Raise OSError where printing is the work, and a file did not take all of it.

    A reader that has gone away has what it wanted.
    """
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is not None and not isinstance(lost, BrokenPipeError):
        raise OSError(f"{what} could not be written whole: {lost.strerror or lost}.")


def _open_the_closed() -> None:
    """Take the numbers 0, 1 and 2, so that no results file gets one and is printed into."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
