"""Printing that ends nothing but itself.

A reader that went away (``| head -1``), a full disk, an ASCII terminal, or no output at all must
not end a run of hours.  Inside `safe_printing` the standard streams never raise: what they cannot
take is dropped or, character by character, replaced.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class SafeStream:
    """A text stream that never raises: what cannot be written is dropped."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what can be written; characters that the encoding lacks become ?."""
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError, AttributeError):
            self._lose()
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self.stream.flush()
        except (OSError, ValueError, AttributeError):
            self._lose()

    def isatty(self) -> bool:
        """Whether a person may be reading."""
        try:
            return bool(self.stream.isatty())
        except (OSError, ValueError, AttributeError):
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _lose(self) -> None:
        """Send what is still in the stream's buffer nowhere, so that Python can end in peace."""
        stream, self.stream = self.stream, None
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


def _open_the_closed() -> None:
    """Take the numbers 0, 1 and 2, so that no results file gets one and is printed into."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
