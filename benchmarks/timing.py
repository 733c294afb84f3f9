"""Interleaved timing: contenders take turns, so that a busy moment hits all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PAUSE = 0.15
"""Seconds between turns: OpenBLAS's idle workers occupy a processor for some 0.1 s (2^28 ticks)
after the last product, then sleep; those of torch and jax do so earlier."""


WARM = 0.1
"""Untimed seconds at the start of a turn: after a pause a scheduler may keep all threads of a
process on one processor for some 15 ms, whoever's threads they are."""


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, float]:
    """Median milliseconds of each contender over turns of about ``seconds`` each."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            once = _clock(run)
            while time.perf_counter() - start < WARM:
                once = _clock(run)
            times[name] += [_clock(run) for _ in range(int(min(30, 1 + seconds / once)))]
    return {name: 1e3 * float(np.median(found)) for name, found in times.items()}


def matrix_product(dtype: Any) -> Callable[[], Any]:
    """A square product, the yardstick of the BLAS rate, and its `operations`."""
    size = matrix_size(dtype)
    a = np.full((size, size), 0.5, dtype)
    out = np.empty_like(a)
    return lambda: np.matmul(a, a, out=out)


def matrix_size(dtype: Any) -> int:
    return 1024 if np.dtype(dtype) == np.float32 else 768


def rate_of(dtype: Any, milliseconds: float) -> float:
    """Operations per millisecond of `matrix_product`."""
    return 2 * matrix_size(dtype) ** 3 / milliseconds


def _clock(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
