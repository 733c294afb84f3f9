"""Blocks of the (S, N) rows that fit the cache, and the buffers they share (floor 3)."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.types import Array

BLOCK_BYTES = 2**20


class Block(NamedTuple):
    """Rows z[samples, data]: either many samples of all datapoints, or one sample of some."""

    samples: slice
    data: slice


def split_rows(num_samples: int, num_data: int, row_bytes: int) -> list[Block]:
    """Cut the (S, N) rows into blocks of about `BLOCK_BYTES` of the widest activation.

    A block's rows are contiguous in z, and its datapoints are too, so that x broadcasts over
    the samples of a block without a copy.
    """
    rows = max(1, BLOCK_BYTES // row_bytes)
    if rows < num_data:
        per_sample = -(-num_data // rows)
        size = -(-num_data // per_sample)
        return [
            Block(slice(s, s + 1), slice(start, min(start + size, num_data)))
            for start in range(0, num_data, size)
            for s in range(num_samples)
        ]
    num_blocks = -(-num_samples // (rows // num_data))
    size = -(-num_samples // num_blocks)
    return [
        Block(slice(start, min(start + size, num_samples)), slice(0, num_data))
        for start in range(0, num_samples, size)
    ]


class Buffers:
    """Named scratch arrays, allocated once at their largest size and then reused."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._arrays: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        """An uninitialized array of this shape; asking again for the name gives the same memory."""
        size = int(np.prod(shape))
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(size, self._dtype)
        return array[:size].reshape(shape)
