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
from bbvi.doctor import VARIABLE, avx512_unused, has_avx512, measure_rates, rates_with
from bbvi.files import write_atomically

CANDIDATE = "SkylakeX"
SECONDS = 0.15
"""For each measurement."""
GAIN = 1.1
"""How many times the rate of OpenBLAS's choice makes starting over worth its second."""


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

    The first time this measures for a second, and remembers the answer for this CPU, this
    OpenBLAS and this NumPy.

    Parameters
    ----------
    variables : mapping
        The environment: nothing is chosen where it has ``OPENBLAS_CORETYPE``.
    file : path, optional
        What is remembered; by default in the user's cache folder.
    """
    blas = [i for i in threadpoolctl.threadpool_info() if i.get("user_api") == "blas"]
    if VARIABLE in variables or sys.platform == "win32" or not avx512_unused(blas, has_avx512()):
        return None
    file = file or user_cache() / "blas-kernel.json"
    key = _machine(blas)
    known = _remembered(file)
    if key in known:
        return known[key]
    before = measure_rates(SECONDS)["float32"]
    after = (rates_with(CANDIDATE, SECONDS) or {}).get("float32", 0.0)
    choice = Choice(CANDIDATE if after > GAIN * before else None, before, after)
    _remember(file, known | {key: choice})
    return choice


def announcement(choice: Choice) -> str:
    """One line: what is done, why, and how to switch it off."""
    return (
        f"bbvi: starting over with {VARIABLE}={choice.kernel}: {choice.after:.0f} instead of "
        f"{choice.before:.0f} GFLOP/s here (--blas-kernel off keeps OpenBLAS's choice)"
    )


def _machine(blas: list[dict[str, Any]]) -> str:
    """What the answer depends on."""
    libraries = sorted(f"{info['internal_api']} {info['version']}" for info in blas)
    return "; ".join([_cpu(), *libraries, f"NumPy {np.__version__}"])


def _cpu() -> str:
    """The CPU's name: Linux tells it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else f"{platform.machine()} {platform.processor()}".strip()


def _remembered(file: Path) -> dict[str, Choice]:
    """What the file holds; nothing where it is absent or damaged."""
    try:
        record = json.loads(file.read_text("utf-8"))
        return {str(key): _as_choice(*entry) for key, entry in record.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _as_choice(kernel: Any, before: Any, after: Any) -> Choice:
    if kernel not in (None, CANDIDATE):
        raise ValueError(kernel)
    return Choice(kernel, float(before), float(after))


def _remember(file: Path, choices: Mapping[str, Choice]) -> None:
    """Write the file in one move; where that cannot be, the next command measures again."""
    try:
        write_atomically(file, json.dumps(choices, indent=2).encode())
    except OSError:
        return
