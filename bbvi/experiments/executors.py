"""Where the cells of a sweep are computed: here, in processes, or on a cluster.

`compute` streams (unit, result) in order of completion.  Whatever is given, the cells and their
random numbers are the same; only the order differs.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from typing import Any

Task = Callable[[Any], Any]


def compute(
    task: Task, units: Sequence[Any], executor: Executor | None = None, workers: int = 1
) -> Iterator[tuple[Any, Any]]:
    """(unit, task(unit)) as each finishes; an exception of the executor replaces the result.

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
    ConnectionError
        If the executor is lost on the way.
    """
    if executor is not None:
        return _elsewhere(executor, task, units)
    if workers == 1:
        return zip(units, map(task, units))
    return _in_processes(task, units, min(workers, len(units)))


def _elsewhere(executor: Executor, task: Task, units: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """On somebody's executor; if it is lost, say once how to go on."""
    lost = 0
    for unit, result in _stream(executor, task, units, window=len(units)):
        if isinstance(result, CancelledError):
            lost += 1
        else:
            yield unit, result
    if lost:
        raise ConnectionError(
            f"the scheduler, or its last worker, was lost: {lost} of {len(units)} cells have no "
            "answer. The others are kept if the run has a folder: run it again, with a new "
            "scheduler, or with --workers to go on on this machine."
        )


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
                    with _sheltered_start():
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
        pickle.dumps((task, units[:1]))
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
    context = multiprocessing.get_context("spawn")
    # Closed when this process is interrupted: then the workers end at once.
    line, end = context.Pipe(duplex=False)
    with _sheltered_start():
        # Its locks start a process that keeps account of them.
        pool = ProcessPoolExecutor(workers, context, initializer=_end_with_parent, initargs=(line,))
    try:
        try:
            with _sheltered_start():
                first = pool.submit(os.getpid)
            first.result()
        except BrokenExecutor as error:
            raise RuntimeError(
                f"worker processes die as they start ({error}). In a script, call the sweep under "
                "`if __name__ == '__main__':`; or use workers=1."
            ) from None
        yield pool
    except KeyboardInterrupt:
        end.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        line.close()
        end.close()


@contextmanager
def _sheltered_start() -> Iterator[None]:
    """Let a process that starts meanwhile ignore Ctrl-C and the modules of the working folder.

    Ctrl-C reaches all processes of a terminal; this one answers it, in one line.  Python would
    import ``pickle`` and others from the working folder before it is told the parent's path.
    """
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    old = None
    if os.name == "posix":
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
        if old is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _end_with_parent(line: Connection) -> None:
    """Let a worker end when its parent is killed or interrupted, instead of working on."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            wait_for([parent.sentinel, line])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
