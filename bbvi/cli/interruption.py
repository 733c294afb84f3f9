"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever it happens to be, and there are two places where an
exception goes no further.  In an import, compiled modules make a failure of their own of it
("initialization failed"), and the locks of imports are freed where exceptions are printed and
dropped; so are those of ``__del__`` and of weak references.  There Ctrl-C waits, and asks again.
"""

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PAUSE, LONGEST = 0.02, 3.0
"""Seconds between two questions, and until an import that does not end is interrupted after all."""


@contextmanager
def patient_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait for the end of an import; what still waits in the end is raised there.

    Nothing is changed off the main thread, on Windows, or where Ctrl-C has another meaning.
    """
    if (
        os.name != "posix"
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    asked_at: list[float] = []
    print_and_drop = sys.unraisablehook

    def ask_again() -> None:
        time.sleep(PAUSE)
        if asked_at:
            signal.pthread_kill(main, signal.SIGINT)

    def answer(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if _imports(frame, caller) and (not asked_at or now - asked_at[0] < LONGEST):
            asked_at.append(now)
            _thread.start_new_thread(ask_again, ())
        else:
            asked_at.clear()
            raise KeyboardInterrupt

    def dropped(error: Any) -> None:
        if issubclass(error.exc_type, KeyboardInterrupt):
            asked_at.append(time.monotonic())
            _thread.start_new_thread(ask_again, ())
        else:
            print_and_drop(error)

    main = threading.get_ident()
    # Of the generator here, past the frame of contextlib.
    caller = sys._getframe(2)
    signal.signal(signal.SIGINT, answer)
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is answer:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if sys.unraisablehook is dropped:
            sys.unraisablehook = print_and_drop
        if asked_at:
            asked_at.clear()
            raise KeyboardInterrupt


def _imports(frame: FrameType | None, caller: FrameType) -> bool:
    """Whether the frame is part of an import that the caller began."""
    while frame is not None and frame is not caller:
        if frame.f_globals.get("__name__") == "importlib._bootstrap":
            return True
        frame = frame.f_back
    return False
