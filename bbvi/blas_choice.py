"""The fastest BLAS routines for the command line: measured once, kept, announced.

``bbvi`` as a command owns its process, so that ``--blas-kernel auto``, its default, may start over
with the routines that are fastest here.  It asks only where there is something to gain, which is
where OpenBLAS runs AVX2 routines on a CPU with AVX-512; never where the user has set the variable.
Scripts, notebooks and ``main([...])`` called from Python keep what they have.
"""

import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl

from bbvi.datasets.files import user_cache
from bbvi.doctor import GAIN, VARIABLE, avx512_unused, has_avx512, measure_rates, rates_with
from bbvi.environment import CHOSEN_BY
from bbvi.files import write_atomically

CANDIDATE = "SkylakeX"
SECONDS = 0.05
"""For each measurement."""
TURNS = 3
"""Of either, in alternation: whoever disturbs one turn of one of them has not decided."""
LONGEST = 20.0
"""Seconds in which a turn of the candidate's process has ended, or it does not run."""


class Choice(NamedTuple):
    """What was measured.

    Attributes
    ----------
    kernel : str or None
        The faster routines; None where OpenBLAS's choice is to be kept.
    before, after : float
        GFLOP/s of float32 products with OpenBLAS's choice, and with the candidate; 0 where
        the candidate does not run.
    """

    kernel: str | None
    before: float
    after: float


def fastest_kernel(variables: Mapping[str, str], file: Path | None = None) -> Choice | None:
    """The routines to start over with; None where nobody asks, or there is nothing to gain.

    The first time this measures for two seconds, and remembers the answer for this CPU, this
    OpenBLAS, this NumPy and so many threads; not where the candidate does not run, which may
    have been a full machine's fault.

    Parameters
    ----------
    variables : mapping
        The environment: nothing is chosen where it has ``OPENBLAS_CORETYPE``.
    file : path, optional
        What is remembered; by default in the user's cache folder.
    """
    blas = _libraries()
    if not _asked(variables, blas):
        return None
    file = file or choice_file()
    key, known = _machine(blas), _remembered(file)
    if key in known:
        return known[key]
    choice = _measured()
    if choice.after > 0:
        _remember(file, known | {key: choice})
    return choice


def choice_file() -> Path:
    """Where the answers are kept."""
    return user_cache() / "blas-kernel.json"


def explanation(variables: Mapping[str, str], file: Path | None = None) -> str:
    """What ``--blas-kernel auto`` does on this machine, and why, for ``bbvi doctor``.

    Nothing is measured.

    Parameters
    ----------
    variables : mapping
        The environment.
    file : path, optional
        What is remembered; by default in the user's cache folder.
    """
    blas, file = _libraries(), file or choice_file()
    if VARIABLE in variables:
        whose = variables.get(CHOSEN_BY, "your choice, which auto does not touch")
        return f"{VARIABLE} is {variables[VARIABLE]}: {whose}"
    if not _asked(variables, blas):
        return "there is nothing to gain here: OpenBLAS's choice stays"
    known = _remembered(file).get(_machine(blas))
    if known is None:
        return f"not measured yet: the next command that computes does, and keeps it in {file}"
    rates = f"{CANDIDATE} {known.after:.0f}, OpenBLAS's choice {known.before:.0f} GFLOP/s"
    does = f"takes {known.kernel}" if known.kernel else "keeps OpenBLAS's choice"
    return f"{does}: {rates}. Kept in {file}; delete this file to measure again"


def announcement(choice: Choice) -> str:
    """One line: what is done, why, and how to switch it off."""
    return (
        f"bbvi: starting over with {VARIABLE}={choice.kernel}: {choice.after:.0f} instead of "
        f"{choice.before:.0f} GFLOP/s here (--blas-kernel off keeps OpenBLAS's choice)"
    )


def _libraries() -> list[dict[str, Any]]:
    """The BLAS libraries that are loaded."""
    return [i for i in threadpoolctl.threadpool_info() if i.get("user_api") == "blas"]


def _asked(variables: Mapping[str, str], blas: list[dict[str, Any]]) -> bool:
    """Whether there may be something to gain, and the user has not chosen."""
    if VARIABLE in variables or sys.platform == "win32":
        return False
    return avx512_unused(blas, has_avx512())


def _measured() -> Choice:
    """The best turn of OpenBLAS's choice and of the candidate."""
    before = after = 0.0
    for _ in range(TURNS):
        before = max(before, measure_rates(SECONDS)["float32"])
        rates = rates_with(CANDIDATE, SECONDS, LONGEST)
        if rates is None:
            return Choice(None, before, 0.0)
        after = max(after, rates["float32"])
    return Choice(_faster(before, after), before, after)


def _faster(before: float, after: float) -> str | None:
    """What two rates say."""
    return CANDIDATE if after > GAIN * before else None


def _machine(blas: list[dict[str, Any]]) -> str:
    """What the answer depends on."""
    libraries = sorted(f"{info['internal_api']} {info['version']}" for info in blas)
    threads = max((info["num_threads"] for info in blas), default=1)
    return "; ".join([_cpu(), *libraries, f"NumPy {np.__version__}", f"{threads} threads"])


def _cpu() -> str:
    """The CPU's name: Linux tells it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else f"{platform.machine()} {platform.processor()}".strip()


def _remembered(file: Path) -> dict[str, Choice]:
    """What the file holds, without the entries that are damaged; nothing where it is absent."""
    try:
        entries = json.loads(file.read_text("utf-8")).items()
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    choices = {key: _as_choice(entry) for key, entry in entries}
    return {key: choice for key, choice in choices.items() if choice is not None}


def _as_choice(entry: Any) -> Choice | None:
    """An entry of the file; None unless its numbers are rates and its routines what they say."""
    if not (isinstance(entry, list) and len(entry) == 3):
        return None
    kernel, *rates = entry
    # Compared before they are converted: a whole number may be too large for a float.
    if not all(type(r) in (int, float) and 0 < r <= sys.float_info.max for r in rates):
        return None
    before, after = map(float, rates)
    return Choice(kernel, before, after) if kernel == _faster(before, after) else None


def _remember(file: Path, choices: Mapping[str, Choice]) -> None:
    """Write the file in one move; where that cannot be, the next command measures again."""
    try:
        write_atomically(file, json.dumps(choices, indent=2).encode())
    except OSError:
        return
