"""Blocks of rows on Python threads, with BLAS held to one thread each (floor 3).

NumPy gives up the interpreter lock inside ufuncs and matrix products, so that two threads with
a block each keep two cores busy through *all* passes; BLAS threads alone speed up the matrix
products only.  Work is dealt out before it starts, hence results are bit-identical from run to
run for a given number of threads.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from bbvi.validation import as_count

T = TypeVar("T")


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _executor(num_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_threads, thread_name_prefix="bbvi-kernel")


def one_blas_thread() -> AbstractContextManager[Any]:
    """A context in which BLAS runs on the calling thread alone."""
    return _controller().limit(limits=1)


def thread_count(num_threads: int | None) -> int:
    """The number of threads to use: the argument, or as many as BLAS may use now.

    Raises
    ------
    TypeError, ValueError
        If ``num_threads`` is neither None nor a whole number of at least 1.
    """
    if num_threads is not None:
        return as_count("num_threads", num_threads)
    return max((blas.num_threads for blas in _controller().lib_controllers), default=1)


def deal(items: Sequence[T], num_hands: int) -> list[Sequence[T]]:
    """Deal items into at most ``num_hands`` contiguous hands of nearly equal length."""
    num_hands = max(1, min(num_hands, len(items)))
    bounds = [hand * len(items) // num_hands for hand in range(num_hands + 1)]
    return [items[start:stop] for start, stop in itertools.pairwise(bounds)]


def run_hands(work: Callable[[Sequence[T]], Any], hands: Sequence[Sequence[T]]) -> list[Any]:
    """``[work(hand) for hand in hands]``, one thread per hand, the last on the caller's own."""
    with one_blas_thread():
        if len(hands) == 1:
            return [work(hands[0])]
        pending = [_executor(len(hands) - 1).submit(work, hand) for hand in hands[:-1]]
        last = work(hands[-1])
        return [future.result() for future in pending] + [last]
