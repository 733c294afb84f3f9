"""Where the cells of a sweep are computed: here, in processes, or on a cluster (floor 6).

`compute` streams (unit, result) in order of completion.  Whatever is given, the cells and their
random numbers are the same; only the order differs.
"""

import multiprocessing
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from typing import Any

Task = Callable[[Any], Any]


def compute(
    task: Task, units: Sequence[Any], executor: Executor | None = None, workers: int = 1
) -> Iterator[tuple[Any, Any]]:
    """Yield (unit, task(unit)) as each finishes; an exception of the executor replaces the result.

    Parameters
    ----------
    task : callable
        Must not raise: what it has to say about a failure it returns.
    units : sequence
        Arguments of the task.
    executor : concurrent.futures.Executor, optional
        Where to compute; it is left open.  By default, ``workers`` fresh processes.
    workers : int
        Number of processes; 1 computes in this one.

    Raises
    ------
    TypeError
        If the task cannot be sent to another process.
    RuntimeError
        If worker processes cannot start at all.
    """
    if executor is not None:
        yield from _stream(executor, task, units, window=len(units))
    elif workers == 1:
        for unit in units:
            yield unit, task(unit)
    else:
        yield from _in_processes(task, units, min(workers, len(units)))


@contextmanager
def cluster(address: str, timeout: float = 10.0) -> Iterator[Executor]:
    """Connect to a running dask.distributed scheduler, as an executor.

    Start one with ``dask scheduler`` and, on every machine, ``dask worker ADDRESS``.

    Parameters
    ----------
    address : str
        E.g. ``tcp://127.0.0.1:8786``.
    timeout : float
        Seconds to wait for the scheduler.

    Raises
    ------
    ValueError
        If dask.distributed is not installed.
    OSError
        If no scheduler answers.

    Notes
    -----
    ``pure=False``: by default dask takes two submissions with equal arguments for one.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            f"scheduler is {address!r}, but dask.distributed is not installed. "
            "Run pip install distributed."
        ) from None
    try:
        client = Client(address, timeout=timeout, set_as_default=False)
    except OSError as error:
        raise OSError(
            f"no scheduler answers at {address} ({error}). Start one with `dask scheduler` and "
            f"workers with `dask worker {address}`."
        ) from None
    with client:
        yield client.get_executor(pure=False)


def _stream(
    executor: Executor, task: Task, units: Sequence[Any], window: int
) -> Iterator[tuple[Any, Any]]:
    """Keep ``window`` units in flight; stop handing out more once the executor is broken."""
    waiting = deque(units)
    flying: dict[Future[Any], Any] = {}
    broken = False
    try:
        while flying or (waiting and not broken):
            while waiting and len(flying) < window and not broken:
                try:
                    flying[executor.submit(task, waiting[0])] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor:
                    broken = True
            for future in wait(flying, return_when=FIRST_COMPLETED).done if flying else ():
                unit = flying.pop(future)
                try:
                    result = future.result()
                except Exception as error:
                    result, broken = error, broken or isinstance(error, BrokenExecutor)
                yield unit, result
    finally:
        for future in flying:
            future.cancel()


def _in_processes(task: Task, units: Sequence[Any], workers: int) -> Iterator[tuple[Any, Any]]:
    """A pool that survives the death of a worker (out of memory, a crash in compiled code).

    The standard pool breaks as a whole, so only the units that were in flight are suspects: each
    of them gets one more try, alone, which tells the guilty from the bystanders.
    """
    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"the function of a sweep cannot be sent to worker processes ({error}); expected a "
            "function defined at the top level of a module. Define it there, or use workers=1."
        ) from None
    remaining = list(units)
    while remaining:
        suspects = []
        with _pool(workers) as pool:
            for unit, result in _stream(pool, task, remaining, window=workers):
                if isinstance(result, BrokenExecutor):
                    suspects.append(unit)
                else:
                    remaining.remove(unit)
                    yield unit, result
        for unit in suspects:
            remaining.remove(unit)
            with _pool(1) as pool:
                yield from _stream(pool, task, [unit], window=1)


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Processes by spawn: fork would copy the locks of BLAS and of other threads."""
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    try:
        try:
            pool.submit(os.getpid).result()
        except BrokenExecutor as error:
            raise RuntimeError(
                f"worker processes die as they start ({error}). In a script, call the sweep under "
                "`if __name__ == '__main__':`; or use workers=1."
            ) from None
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
