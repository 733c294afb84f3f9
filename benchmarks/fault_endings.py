"""How a call ends: in its answer, in one documented message, or otherwise."""

import contextlib
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

DOCUMENTED = (ValueError, TypeError, OSError, ArithmeticError)
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The folder of the campaigns' files: in memory where there is such a place."""
LONGEST = 30
"""Seconds for one call: bad input must not run without end."""


class EndlessError(BaseException):
    """Raised in a call that takes too long; no handler of the package's catches it."""


def ending(call: Callable[[], str]) -> str:
    """What went wrong with a call; empty if it ends as it should."""
    try:
        with warnings.catch_warnings(), limited(LONGEST):
            warnings.simplefilter("ignore")
            return call()
    except DOCUMENTED as error:
        return "" if str(error) else f"{type(error).__name__} without a message"
    except (Exception, EndlessError) as error:
        return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `EndlessError` after so many seconds, where there are signals."""
    if os.name != "posix":
        yield
        return

    def stop(*_: Any) -> None:
        raise EndlessError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def same(result: object, expected: object) -> str:
    """What is wrong with a result; empty if it equals the expected one."""
    return "" if repr(result) == repr(expected) else "accepted with another result"


def bounded(gigabytes: float) -> None:
    """Let this process have so much memory, where the system can be told."""
    if os.name == "posix":
        import resource

        size = int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
