"""Blocks of the (S, N) rows that fit the cache, and the buffers they share."""

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi.threads import cut
from bbvi.types import Array

BLOCK_BYTES = 2**21
FEW_DATA = 8


class Block(NamedTuple):
    """The rows z[samples, data] of one pass through the kernel."""

    samples: slice
    data: slice


def split_rows(num_samples: int, num_data: int, row_bytes: int, num_threads: int) -> list[Block]:
    """Cut the (S, N) rows into equal blocks of about `BLOCK_BYTES` of the widest activation.

    The datapoints are cut first, into a multiple of ``num_threads`` parts, so that a thread has
    its own and reuses their x for all samples; only where there are few of them does each
    thread take all datapoints and part of the samples.
    """
    rows = max(1, BLOCK_BYTES // row_bytes)
    parts = -(-num_data // rows)
    if num_data >= FEW_DATA * num_threads:
        parts = min(num_data, num_threads * -(-num_data // (num_threads * rows)))
    samples_each = max(1, rows // -(-num_data // parts))
    sample_parts = -(-num_samples // samples_each)
    if parts < num_threads:
        sample_parts = min(num_samples, num_threads * -(-sample_parts // num_threads))
    return [
        Block(samples, data)
        for data in cut(num_data, parts)
        for samples in cut(num_samples, sample_parts)
    ]


class Buffers:
    """Named scratch arrays, allocated once at their largest size and then reused."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._memory: dict[str, Array] = {}
        self._views: dict[tuple[Any, ...], Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        """An uninitialized array of this shape; asking again for the name gives the same memory."""
        view = self._views.get((name, *shape))
        if view is None:
            size = int(np.prod(shape))
            memory = self._memory.get(name)
            if memory is None or memory.size < size:
                memory = self._memory[name] = np.empty(size, self._dtype)
                self._views = {key: old for key, old in self._views.items() if key[0] != name}
            view = self._views[(name, *shape)] = memory[:size].reshape(shape)
        return view


_of_thread = threading.local()


def thread_buffers(dtype: Any) -> Buffers:
    """The calling thread's own buffers; what is in them is lost at the next evaluation."""
    kept: dict[Any, Buffers] = _of_thread.__dict__
    if dtype not in kept:
        kept[dtype] = Buffers(dtype)
    return kept[dtype]


IDLE = 8
"""Buffers for kept passes that wait for the next one, at most, of a dtype."""
_idle: dict[Any, list[Buffers]] = {}


def kept_buffers(dtype: Any) -> Buffers:
    """Buffers for a pass that is kept for its pullback: nobody else has them until `give_back`."""
    try:
        return _idle[dtype].pop()
    except (KeyError, IndexError):
        return Buffers(dtype)


def give_back(dtype: Any, kept: Sequence[Buffers]) -> None:
    """What was in them is needed no more; new memory would cost a page fault for each 4 kB."""
    idle = _idle.setdefault(dtype, [])
    idle += kept[: max(0, IDLE - len(idle))]
