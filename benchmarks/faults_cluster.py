"""Faults of a dask cluster in the middle of a sweep: told in one message, and the same table."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import faults_runs
import numpy as np
from fault_endings import MEMORY, ending, limited, same

from bbvi.experiments import sweep as sweeps
from bbvi.experiments.cluster import cluster
from bbvi.experiments.sweep import run_sweep

ADDRESSES = ("", "garbage", "http://127.0.0.1:1", "foo://x:1", "127.0.0.1", "tcp://h:99999",
             "tcp://127.0.0.1", "tcp://:1", "tcp://127.0.0.1:1")  # fmt: skip
CELLS = [{"i": i, "seconds": 0.05} for i in range(40)]


def table(folder: Path | None, **where: Any) -> Any:
    """The rows; where cells failed, the end of their first traceback."""
    settings = {"experiment": "faults", "seed": 1, "progress": False}
    done = run_sweep(faults_runs.drawn, CELLS, folder=folder, **settings, **where)
    return done.failures[0]["error"][-200:] if done.failures else done.rows


@contextlib.contextmanager
def started(workers: int) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler and its workers: the address, and the processes, the scheduler's first."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as top:
        place, here = Path(top) / "scheduler.json", str(Path(__file__).parent)
        line = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"]
        line += ["--no-dashboard", "--scheduler-file", str(place)]
        # The scheduler unpickles the cells' function, too.
        paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
        quiet["env"] = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        processes = [subprocess.Popen(line, cwd=top, **quiet)]
        try:
            end = time.monotonic() + 90
            while not (place.exists() and place.read_text().strip().endswith("}")):
                if time.monotonic() > end:
                    raise TimeoutError("no scheduler after 90 s")
                time.sleep(0.1)
            address = json.loads(place.read_text())["address"]
            line = [sys.executable, "-m", "dask", "worker", address, "--nthreads", "1"]
            line += ["--no-dashboard", "--no-nanny", "--local-directory", top]
            for _ in range(workers):
                processes.append(subprocess.Popen(line, cwd=top, **quiet))
            yield address, processes
        finally:
            for process in processes:
                process.kill()
                process.wait()


def during(folder: Path, cells: int, action: Any) -> threading.Thread:
    """Do something once so many cells of a folder are ready."""

    def watch() -> None:
        end = time.monotonic() + 60
        while len(list(folder.glob("cells/*.json"))) < cells and time.monotonic() < end:
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def clusters(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Addresses that are none; no workers; a worker and the scheduler killed in mid-sweep."""
    if find_spec("distributed") is None:
        return

    def connected(address: str) -> str:
        with cluster(address, 2.0):
            return "connected"

    for address in ADDRESSES[: 2 * count]:
        yield "cluster: address", ending(lambda address=address: connected(address))
    if count <= 4:
        return
    with started(0) as (address, _):
        yield "cluster: no workers", ending(lambda address=address: connected(address))
    expected = table(None, workers=1)
    for number in range(count):
        kind = "scheduler" if number % 2 else "worker"
        with started(2) as (address, processes), tempfile.TemporaryDirectory() as top:
            folder, ready = Path(top) / "out", int(rng.integers(2, 20))
            victim = processes[0 if kind == "scheduler" else 1]
            thread = during(folder, ready, victim.kill)

            def run(address: str = address, folder: Path = folder) -> str:
                with cluster(address, 60.0) as executor:
                    done = table(folder, executor=executor)
                return done if isinstance(done, str) else same(done, expected)

            with mock.patch("fault_endings.LONGEST", 600):
                trouble = ending(run)
            thread.join(70)
            with limited(60):
                trouble = trouble or same(table(folder, workers=1), expected)
        yield f"cluster: {kind} killed", trouble


@contextlib.contextmanager
def mixed_seeds() -> Iterator[None]:
    """Negative control: cells that were computed elsewhere have other random numbers."""
    real, used = sweeps.cell_rng, []

    def drifting(*args: Any) -> Any:
        used.append(1)
        return real(*args) if len(used) % 7 else np.random.default_rng(len(used))

    with mock.patch.object(sweeps, "cell_rng", drifting):
        yield


def two_tables(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Serial and by an executor: the same table."""
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir=MEMORY) as top:
            first, second = (faults_runs.sweep(Path(top) / name) for name in ("a", "b"))
        yield "cluster: same table", same(first, second)


CONTROLS = {"mixed seeds": (mixed_seeds, two_tables, 2, "cluster: same table")}
"""Name -> what breaks a target, the campaign that must see it, its cases, and the kind."""
