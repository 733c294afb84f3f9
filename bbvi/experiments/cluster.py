"""A dask.distributed scheduler as an executor.

Whoever reaches a scheduler can run code on its workers and clients: trust it as a shell.  On a
network that others share, start it with TLS and give ``tls://HOST:PORT``.
"""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")


@contextmanager
def cluster(address: str, timeout: float = 10.0) -> Iterator[Executor]:
    """Connect to a running dask.distributed scheduler, as an executor.

    Start one with ``dask scheduler`` and, on every machine, ``dask worker ADDRESS``.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``, or ``tls://HOST:PORT``.
    timeout : float
        Seconds to wait for the scheduler, and for a first worker.

    Raises
    ------
    ValueError
        If the address is none, or dask.distributed is not installed.
    OSError
        If no scheduler answers, or it has no workers.

    Notes
    -----
    ``pure=False``: by default dask takes two submissions with equal arguments for one.
    """
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
    with client:
        _wait_for_a_worker(client, address, timeout)
        yield client.get_executor(pure=False)


def _wait_for_a_worker(client: Any, address: str, timeout: float) -> None:
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError:
        raise OSError(
            f"the scheduler at {address} has no workers after {timeout:g} s. Start some with "
            f"`dask worker {address}`."
        ) from None
