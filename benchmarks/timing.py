"""Interleaved timing: contenders take turns, so that a busy moment hits all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PAUSE = 0.06
"""Seconds between turns: idle workers of the last contender spin for up to 30 ms, then sleep."""


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, seconds: float
) -> dict[str, float]:
    """Median milliseconds of each contender; a turn is one warm call and about ``seconds``."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            time.sleep(PAUSE)
            run()
            once = _clock(run)
            times[name] += [once, *(_clock(run) for _ in range(int(min(30, seconds / once))))]
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
