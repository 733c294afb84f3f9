"""Blocks of work on Python threads, with BLAS held to one thread each.

NumPy gives up the interpreter lock inside ufuncs and matrix products, so that two threads with
a block each keep two cores busy through *all* passes; BLAS threads alone speed up the matrix
products only.  Work is shared out before it starts, hence results are bit-identical from run to
run for a given number of threads.
"""

import contextvars
import functools
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from bbvi.validation import as_count

T = TypeVar("T")


class _OneBlasThread:
    """A context in which BLAS runs on the calling thread alone; it may be entered concurrently.

    BLAS keeps one thread count for the whole process.  The first entry stores it, the last exit
    restores it, and a question in between is answered with the stored count.  Where a keyboard
    interrupt prevented the restoration, the next entry or question makes up for it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._inside = 0
        self._libraries: list[Any] | None = None
        self._controls: list[Callable[..., None]] = []
        self._before: list[int] = []
        self._held = False

    def _count(self) -> list[int]:
        if self._libraries is None:
            self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            name = "clear_controlling_thread"
            kinds = {type(library) for library in self._libraries}
            # Objects of threadpoolctl, whose older versions have no such function.
            self._controls = [getattr(kind, name) for kind in kinds if hasattr(kind, name)]
        if self._held and self._inside == 0:
            self._restore()
        return [library.get_num_threads() for library in self._libraries]

    def _set(self, counts: Sequence[int]) -> None:
        self._let_go()
        for library, count in zip(self._libraries or [], counts):
            library.set_num_threads(count)

    def _let_go(self) -> None:
        """From 3.8 threadpoolctl obeys one thread, until that lets go, and ignores all others."""
        for clear_controlling_thread in self._controls:
            clear_controlling_thread(force=True)

    def _restore(self) -> None:
        self._set(self._before)
        self._let_go()
        self._held = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = self._count()
                self._held = True
                self._set([1] * len(self._before))
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            # A child that was forked inside has forgotten who was.
            self._inside = max(0, self._inside - 1)
            if self._inside == 0 and self._held:
                self._restore()

    def wait_to_fork(self) -> None:
        """Before a fork: nobody may be setting BLAS's threads, for the child would inherit BLAS's
        own lock, which nobody there would open.
        """
        self._lock.acquire()

    def go_on(self) -> None:
        """After a fork, in the parent."""
        self._lock.release()

    def forget_threads(self) -> None:
        """In a forked child: the threads that held the lock, or were inside, are not there."""
        self._lock = threading.RLock()
        self._inside = 0

    def count_outside(self) -> int:
        """The threads BLAS has when nobody is inside: the least, if several are loaded."""
        with self._lock:
            return min(self._before if self._inside else self._count(), default=1)


one_blas_thread = _OneBlasThread()
if sys.platform != "win32":
    os.register_at_fork(
        before=one_blas_thread.wait_to_fork,
        after_in_parent=one_blas_thread.go_on,
        after_in_child=one_blas_thread.forget_threads,
    )


class _Job:
    """Run ``work(share)`` once, on the first thread that claims it, in the caller's context.

    NumPy keeps in the context what `numpy.errstate` says.
    """

    def __init__(self, work: Callable[[Any], Any], share: Any) -> None:
        self._work, self._share = work, share
        self._context = contextvars.copy_context()
        self._unclaimed, self._done = threading.Lock(), threading.Lock()
        self._done.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def do_unless_claimed(self) -> None:
        """Do it, unless somebody has begun."""
        if not self._unclaimed.acquire(blocking=False):
            return
        try:
            self._result = self._context.run(self._work, self._share)
        except BaseException as error:
            self._error = error
        finally:
            # A job that its owner has done may wait in the queue yet; it shall keep nothing alive.
            del self._work, self._share, self._context
            self._done.release()

    def wait(self) -> None:
        """Return when it is done."""
        self._done.acquire()
        self._done.release()

    def take_result(self) -> Any:
        """What ``work`` returned, once; what it raised is raised here."""
        result, error = self._result, self._error
        self._result = self._error = None
        if error is not None:
            raise error
        return result


class _Pool:
    """Threads that wait for jobs.

    A wake-up takes some 30 microseconds each way, and this is a third of a small evaluation's
    time; `concurrent.futures` adds ten more for what is not needed here.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._size = 0
        self._growing = threading.Lock()

    def submit(self, jobs: Sequence[_Job]) -> None:
        """Have the jobs done, by as many threads where nobody else has jobs."""
        with self._growing:
            for number in range(self._size, len(jobs)):
                threading.Thread(target=self._serve, name=f"bbvi_{number}", daemon=True).start()
                self._size += 1
        for job in jobs:
            self._jobs.put(job)

    def _serve(self) -> None:
        while True:
            self._jobs.get().do_unless_claimed()


@functools.cache
def _pool(process: int) -> _Pool:
    """The pool of this process: a forked child inherits the object but not its threads."""
    return _Pool()


def thread_count(num_threads: int | None) -> int:
    """The number of threads to use: the argument, or as many as BLAS may use now.

    Raises
    ------
    TypeError, ValueError
        If ``num_threads`` is neither None nor a whole number of at least 1.
    """
    if num_threads is not None:
        return as_count("num_threads", num_threads)
    return one_blas_thread.count_outside()


def cut(total: int, parts: int) -> list[slice]:
    """0..total in ``parts`` contiguous slices of nearly equal length."""
    bounds = [part * total // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def shares_of(items: Sequence[T], num_shares: int) -> list[Sequence[T]]:
    """Items in at most ``num_shares`` contiguous shares of nearly equal length."""
    return [items[share] for share in cut(len(items), max(1, min(num_shares, len(items))))]


def run_shares(work: Callable[[T], Any], shares: Sequence[T]) -> list[Any]:
    """``[work(share) for share in shares]``, one thread per share, the last on the caller's own.

    After its share the caller takes over those that no thread has begun: on a busy machine a late
    thread costs nothing.  The thread does not change a share's result.
    """
    with one_blas_thread:
        if len(shares) == 1:
            return [work(shares[0])]
        jobs = [_Job(work, share) for share in shares]
        _pool(os.getpid()).submit(jobs[:-1])
        for job in reversed(jobs):
            job.do_unless_claimed()
        # Nobody may still be at work, with BLAS held to one thread, when this returns.
        for job in jobs:
            job.wait()
    return [job.take_result() for job in jobs]
