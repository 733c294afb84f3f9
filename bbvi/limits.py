"""What is refused before it begins: more memory than the machine has, more time than a day.

An estimate is a lower bound: arrays that must be held at once, evaluations that must be made, at
a rate that was measured.  So what fits is never refused, and what is refused could not have ended
well.  Who wants to wait longer says so (``--max-hours``, ``max_seconds=``).
"""

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

DAY = 86_400.0
"""Seconds that a run may take unless it is told that it may take longer."""
MOST_STEPS = 10**10
"""More steps than a day has room for at 9 microseconds each; the smallest step takes more."""
SMALL = 2**24
"""Numbers that every machine can hold: nobody is asked."""
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux tells the limit of a container."""


class TooMuchError(ValueError):
    """What was asked for does not fit this machine, or not a day."""


def machine_memory() -> int:
    """Bytes that this process may use: the machine's, the container's or its own limit.

    ``sys.maxsize`` where the system does not tell.
    """
    limits = [sys.maxsize]
    with suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in CGROUPS:
        with suppress(ValueError, OSError):
            limits.append(int(Path(path).read_text("ascii")))
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [soft] if soft != resource.RLIM_INFINITY else []
    return min(limit for limit in limits if limit > 0)


def check_memory(what: str, num_bytes: int, advice: str) -> None:
    """Raise TooMuchError if so many bytes are more than the machine has.

    Parameters
    ----------
    what : str
        Names the argument and its value, and what is held: "hidden is 10: the weights".
    num_bytes : int
        Held at once.
    advice : str
        A sentence: what to do.
    """
    memory = machine_memory()
    if num_bytes > memory:
        raise TooMuchError(
            f"{what} would take {bytes_in_words(num_bytes)} of memory; expected at most the "
            f"{bytes_in_words(memory)} that this process may use. {advice}"
        )


def shape_that_fits(what: str, *lengths: int) -> tuple[int, ...]:
    """The lengths as a shape, once an array of float64 with that shape fits the machine.

    Raises
    ------
    TooMuchError
        If it does not.

    Examples
    --------
    >>> shape_that_fits("eps (S, N, D)", 8, 100, 2)
    (8, 100, 2)
    """
    size = math.prod(lengths)
    if size > SMALL:
        told = f"{what} of shape {lengths}"
        check_memory(told, 8 * size, "Ask for fewer samples, rows or dimensions.")
    return lengths


def noise_shape(num_samples: int, num_data: int, latent_dim: int) -> tuple[int, ...]:
    """(S, N, D), once eps of this shape fits: `shape_that_fits`."""
    return shape_that_fits("the noise eps (S, N, D)", num_samples, num_data, latent_dim)


def table_shape(num_data: int, num_params: int) -> tuple[int, ...]:
    """(N, P), once a table lam of this shape fits: `shape_that_fits`."""
    return shape_that_fits("the table lam (N, P)", num_data, num_params)


def check_time(what: str, seconds: float, longest: float = DAY, advice: str = "") -> None:
    """Raise TooMuchError if a run would take longer than it may.

    Parameters
    ----------
    what : str
        Names the argument and its value: "evaluations is 10".
    seconds : float
        At least so long, at the measured rate.
    longest : float
        Seconds that are allowed.
    advice : str
        A sentence: what to do.

    Raises
    ------
    ValueError
        If ``longest`` is not positive; TooMuchError, which is one, if it is exceeded.
    """
    if not longest > 0:
        raise ValueError(f"max_seconds is {longest}; expected a positive number.")
    if seconds > longest:
        raise TooMuchError(
            f"{what}: at the measured rate this takes at least {seconds_in_words(seconds)}; "
            f"expected at most {seconds_in_words(longest)}. "
            f"{advice or 'Ask for less, or allow more: --max-hours, max_seconds=.'}"
        )


def seconds_of(call: Callable[[], Any], repeats: int = 3) -> float:
    """The least wall-clock seconds of a few calls; the first may be slow, and counts only alone."""
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        if best > 1:
            break
    return best


def product(*factors: float) -> float:
    """A product of counts and seconds as a float: infinite where it is too large for one."""
    try:
        return math.prod(float(factor) for factor in factors)
    except OverflowError:
        return math.inf


def bytes_in_words(num_bytes: float) -> str:
    """A size for people.

    Examples
    --------
    >>> bytes_in_words(1_600_000_000_000), bytes_in_words(10**400)
    ('1.6 TB', 'more than 10^300 TB')
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.3g} {unit}"
        num_bytes = num_bytes / 1000 if num_bytes < 10**300 else math.inf
    return _large(num_bytes, "TB")


def seconds_in_words(seconds: float) -> str:
    """A time for people.

    Examples
    --------
    >>> seconds_in_words(5.0), seconds_in_words(86_400.0), seconds_in_words(1e12)
    ('5 s', '24 hours', '31,700 years')
    """
    for length, unit in ((60, "s"), (60, "minutes"), (48, "hours"), (730, "days")):
        if seconds < length:
            return f"{seconds:.3g} {unit}"
        seconds /= {"s": 60, "minutes": 60, "hours": 24, "days": 365.25}[unit]
    return _large(seconds, "years")


def _large(number: float, unit: str) -> str:
    if number == math.inf:
        return f"more than 10^300 {unit}"
    if number >= 1e6:
        return f"{number:.2g} {unit}"
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f} {unit}" if rounded >= 1000 else f"{rounded:g} {unit}"
