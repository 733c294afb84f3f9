"""A dask.distributed scheduler as an executor.

Whoever reaches a scheduler can run code on its workers and clients: trust it as a shell.  On a
network that others share, start it with TLS and give ``tls://HOST:PORT``.
"""

import asyncio
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import Any

ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")


@contextmanager
def cluster(
    address: str | None, timeout: float = 10.0, patience: float = 600.0
) -> Iterator[Executor | None]:
    """Connect to a running dask.distributed scheduler, as an executor.

    Start one with ``dask scheduler`` and, on every machine, ``dask worker ADDRESS``.

    Parameters
    ----------
    address : str or None
        ``tcp://HOST:PORT``, or ``tls://HOST:PORT``; None, a ``--scheduler`` that is not given, is
        no executor.
    timeout : float
        Seconds to wait for the scheduler, and for a first worker; after as many seconds without
        any worker, this is said on standard error.
    patience : float
        Seconds without any worker after which what is not answered is cancelled.

    Raises
    ------
    ValueError
        If the address is none, or dask.distributed is not installed.
    OSError
        If no scheduler answers, or it has no workers.

    Notes
    -----
    What a lost worker had is computed by the others; without any, dask itself waits for ever.
    """
    if address is None:
        yield None
        return
    match = ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError(
            f"scheduler is {address!r}; expected tcp://HOST:PORT, or tls://HOST:PORT, as "
            "`dask scheduler` prints it."
        )
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            f"scheduler is {address!r}, but dask.distributed is not installed. "
            "Run pip install distributed."
        ) from None
    try:
        # A client that cannot connect keeps trying in a thread of its own, so knock first.
        socket.create_connection((match[2].strip("[]"), int(match[3])), timeout).close()
        client = Client(address, timeout=timeout, set_as_default=False)
    except OSError as error:
        raise OSError(
            f"no scheduler answers at {address} ({error}). Start one with `dask scheduler` and "
            f"workers with `dask worker {address}`."
        ) from None
    with _one_line_for_a_loss(), client:
        _wait_for_a_worker(client, address, timeout)
        executor, ended = _Answering(client), threading.Event()
        args = (executor, address, timeout, patience, ended)
        threading.Thread(target=_watch, args=args, daemon=True).start()
        try:
            yield executor
        finally:
            ended.set()


@contextmanager
def _one_line_for_a_loss() -> Iterator[None]:
    """Without dask's tracebacks of a lost scheduler: `compute` says in one line how to go on."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _wait_for_a_worker(client: Any, address: str, timeout: float) -> None:
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError:
        raise OSError(
            f"the scheduler at {address} has no workers after {timeout:g} s. Start some with "
            f"`dask worker {address}`."
        ) from None


class _Answering(Executor):
    """Answers each submission, by an exception if need be.

    dask's own executor never answers for a result that is lost while it is fetched.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.open: set[Future[Any]] = set()
        self.given_up = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Compute fn(*args, **kwargs) on a worker; two equal submissions are two."""
        asked = self.client.submit(fn, *args, pure=False, **kwargs)

        async def fetch() -> Any:
            try:
                return await asked
            except CancelledError:
                # asyncio makes another exception of this one, unless the task itself is cancelled.
                raise asyncio.CancelledError from None

        answer = asyncio.run_coroutine_threadsafe(fetch(), self.client.loop.asyncio_loop)
        self.open.add(answer)
        answer.add_done_callback(self.open.discard)
        if self.given_up:  # nobody looks for workers any more
            answer.cancel()
        return answer


def _watch(
    executor: _Answering, address: str, timeout: float, patience: float, ended: threading.Event
) -> None:
    """Say that no worker is left; cancel what is not answered where none comes back."""
    last_seen, told = time.monotonic(), False
    while not ended.wait(min(1.0, timeout)):
        try:
            workers = executor.client.nthreads()
        except Exception:
            return  # The scheduler itself is lost: dask cancels what is not answered.
        alone = time.monotonic() - last_seen
        if workers:
            last_seen, told = time.monotonic(), False
        elif alone > patience:
            print(f"{address} has had no workers for {patience:g} s: given up", file=sys.stderr)
            executor.given_up = True
            for answer in list(executor.open):
                answer.cancel()
            return
        elif alone > timeout and not told:
            told = True
            print(
                f"the scheduler at {address} has lost all its workers; waiting {patience:g} s for "
                f"others. Start one with `dask worker {address}`.",
                file=sys.stderr,
            )
