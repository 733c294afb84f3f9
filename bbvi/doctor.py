"""What this machine and its BLAS can do, and what to do about it.

NumPy's matrix products are OpenBLAS's on most machines, and OpenBLAS picks its routines by the
CPU's model number.  A CPU with AVX-512 that it does not know is served with AVX2 routines, at
about half the speed.  Its choice is made while NumPy is imported and cannot be changed later; the
environment variable ``OPENBLAS_CORETYPE`` overrules it when it is set before Python starts.

This package never sets it on its own: an import that changes the environment would also change
the numbers (in the last digits) and the speed of everybody else's code in the process.  It tells,
here and in ``bbvi doctor``.  The command ``bbvi`` alone starts itself anew with the variable set,
saying so: `bbvi.blas_choice`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl

from bbvi.environment import KERNEL, environment
from bbvi.limits import check_time
from bbvi.suggestions import did_you_mean

VARIABLE = KERNEL
AVX512_KERNELS = ("SkylakeX", "Cooperlake", "SapphireRapids")
AVX2_KERNELS = ("Haswell", "Zen")
BLAS_KERNELS = (*AVX2_KERNELS, *AVX512_KERNELS)
GAIN = 1.1
"""How many times the rate of OpenBLAS's choice makes other routines worth a new start."""
MATRIX_SIZE = {"float32": 1536, "float64": 1024}


class Report(NamedTuple):
    """What `examine` found.

    Attributes
    ----------
    environment : dict
        Python, platform, versions, BLAS libraries.
    avx512 : bool
        Whether NumPy sees AVX-512 on this CPU.
    threads : int
        Threads of NumPy's BLAS.
    rates : dict
        Matrix-product rates in GFLOP/s, by dtype.
    rates_with_avx512 : dict or None
        The same in a process started with the AVX-512 routines, where that is worth knowing.
    tips : list of str
        What would help; empty when nothing would.
    """

    environment: dict[str, Any]
    avx512: bool
    threads: int
    rates: dict[str, float]
    rates_with_avx512: dict[str, float] | None
    tips: list[str]


def examine(seconds: float = 0.5) -> Report:
    """Versions, BLAS, threads and the measured matrix-product rate.  Changes nothing.

    Where OpenBLAS runs AVX2 routines on a CPU with AVX-512, the rate is measured once more in a
    Python process of its own with ``OPENBLAS_CORETYPE=SkylakeX``, so that the tip has figures.

    Parameters
    ----------
    seconds : float
        Time for each measurement.

    Raises
    ------
    ValueError
        If the time is not positive and finite, or the measurements would take more than a day
        (`bbvi.limits.TooMuchError`).

    Examples
    --------
    >>> report = examine(seconds=0.01)
    >>> sorted(report.rates)
    ['float32', 'float64']
    """
    if not 0 < seconds < np.inf:
        raise ValueError(
            f"seconds is {seconds}; expected a positive, finite time for each measurement."
        )
    check_time(f"seconds is {seconds:g}", len(MATRIX_SIZE) * seconds, advice="Ask for less.")
    system = environment()
    blas = system["blas"]
    threads = max((library["num_threads"] for library in blas), default=1)
    rates = measure_rates(seconds)
    faster = None
    if avx512_unused(blas, has_avx512()):
        faster = rates_with("SkylakeX", seconds)
    tips = advise(blas, has_avx512(), os.cpu_count() or 1, rates, faster)
    return Report(system, has_avx512(), threads, rates, faster, tips)


def has_avx512() -> bool:
    """Whether NumPy found AVX-512 on this CPU."""
    return any(name == "X86_V4" or name.startswith("AVX512_") for name in _simd())


def has_avx2() -> bool:
    """Whether NumPy found AVX2 on this CPU."""
    return has_avx512() or not {"X86_V3", "AVX2"}.isdisjoint(_simd())


def _simd() -> list[str]:
    """The instruction sets that NumPy was built for or found."""
    config: Any = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {})
    return [*simd.get("baseline", []), *simd.get("found", [])]


def measure_rates(seconds: float) -> dict[str, float]:
    """GFLOP/s of square matrix products with NumPy's BLAS as it is set up now, by dtype."""
    return {name: _rate(np.dtype(name), size, seconds) for name, size in MATRIX_SIZE.items()}


def _rate(dtype: Any, size: int, seconds: float) -> float:
    a = np.full((size, size), 0.5, dtype)
    out = np.matmul(a, a)
    best, stop = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < stop or not np.isfinite(best):
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    return float(2 * size**3 / best / 1e9)


def rates_with(kernel: str, seconds: float, longest: float = 60.0) -> dict[str, float] | None:
    """The rates of a Python process started with this kernel; None if it fails or hangs."""
    code = f"import json; from bbvi.doctor import *; print(json.dumps(measure_rates({seconds})))"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env={**os.environ, VARIABLE: kernel},
            capture_output=True,
            text=True,
            timeout=longest + 10 * seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        return None
    rates: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return rates


def avx512_unused(blas: Sequence[Mapping[str, Any]], avx512: bool) -> bool:
    """Whether OpenBLAS runs AVX2 routines although the CPU has AVX-512."""
    return avx512 and any(
        library["internal_api"] == "openblas" and library["architecture"] in AVX2_KERNELS
        for library in blas
    )


def advise(
    blas: Sequence[Mapping[str, Any]],
    avx512: bool,
    cpus: int,
    rates: Mapping[str, float],
    faster: Mapping[str, float] | None,
) -> list[str]:
    """Tips that follow from what was found."""
    tips = []
    if avx512_unused(blas, avx512):
        gain = ""
        if faster is not None:
            gain = (
                f" (measured here: float32 {rates['float32']:.0f} -> {faster['float32']:.0f} "
                f"GFLOP/s, float64 {rates['float64']:.0f} -> {faster['float64']:.0f})"
            )
        if faster is None or faster["float32"] > GAIN * rates["float32"]:
            tips.append(
                "OpenBLAS runs AVX2 routines on a CPU with AVX-512. The command bbvi sees to that "
                f"itself; for scripts and notebooks set {VARIABLE}=SkylakeX before Python "
                f"starts{gain}."
            )
    if not blas:
        tips.append("No BLAS library was recognized; matrix products may be slow.")
    threads = max((library["num_threads"] for library in blas), default=1)
    if blas and threads < cpus:
        tips.append(
            f"BLAS uses {threads} of {cpus} CPUs, and so does the kernel; a variable such as "
            "OPENBLAS_NUM_THREADS or OMP_NUM_THREADS may hold it back."
        )
    return tips


def hint(command: str, blas: Sequence[Mapping[str, Any]], avx512: bool) -> str | None:
    """One line for whoever does not know that their CPU could do more; None if it could not."""
    if not avx512_unused(blas, avx512):
        return None
    return (
        f"bbvi {command}: this CPU has AVX-512, which OpenBLAS leaves unused; for matrix products "
        f"at up to twice the speed set {VARIABLE}=SkylakeX before Python starts (bbvi doctor "
        "measures it)"
    )


def restart(
    kernel: str, arguments: Sequence[str], variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]] | None:
    """Command and environment that run the command line with another BLAS kernel.

    None if this process was already started so.

    Raises
    ------
    ValueError
        If the BLAS is not OpenBLAS, the name is unknown, or the CPU cannot run the kernel.
    """
    if kernel not in BLAS_KERNELS:
        raise ValueError(
            f"--blas-kernel is {kernel!r}; expected auto, off, or one of "
            f"{', '.join(BLAS_KERNELS)}, as OpenBLAS names them."
            f"{did_you_mean(kernel, ('auto', 'off', *BLAS_KERNELS))}"
        )
    libraries = [info["internal_api"] for info in threadpoolctl.threadpool_info()]
    if "openblas" not in libraries:
        raise ValueError(
            f"--blas-kernel is {kernel!r}, but this NumPy's BLAS is {libraries or 'unknown'}; "
            "expected OpenBLAS. Leave the option out."
        )
    missing = "AVX-512" if kernel in AVX512_KERNELS else "AVX2"
    if not (has_avx512() if kernel in AVX512_KERNELS else has_avx2()):
        raise ValueError(
            f"--blas-kernel is {kernel!r}, but this CPU has no {missing}, so that it would crash. "
            "Leave the option out."
        )
    if variables.get(VARIABLE) == kernel:
        return None
    # -P: a json.py or numpy.py of the working folder must not run in place of the real one.
    return [sys.executable, "-P", "-m", "bbvi", *arguments], {**variables, VARIABLE: kernel}
