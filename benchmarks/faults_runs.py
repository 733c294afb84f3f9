"""Runs that are killed, or whose disk fails, at any call that changes their folder.

A training, a sweep and a folder of tables are run in a process of their own, which is killed at a
random moment or in the middle of its n-th call of the system (a write is cut in half), or whose
n-th call fails with ENOSPC, EIO or EACCES.  Then the run is repeated as its user would: it must
end on the same numbers, to the bit, and leave no temporary file.
"""

import builtins
import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from fault_endings import MEMORY, ending, limited, same
from tqdm import tqdm

from bbvi.experiments.csv_and_json import write_csv, write_json
from bbvi.experiments.results import read_results
from bbvi.experiments.store import claim, finish
from bbvi.experiments.sweep import run_sweep
from bbvi.files import STRAY
from bbvi.lectures import vae
from bbvi.lectures.networks import lecture_network

CODES = (errno.ENOSPC, errno.EIO, errno.EACCES)
CALLS = ("replace", "fsync", "link", "unlink", "mkdir")
Run = Callable[[Path], Any]


def training(folder: Path) -> Any:
    """A small autoencoder's parameters after three epochs."""
    x = np.random.default_rng(1).random((40, 4))
    network, rng = lecture_network(4, 3, 2), np.random.default_rng(2)
    settings = {"epochs": 3, "batch_size": 20, "tolerance": np.inf, "progress": False}
    run = vae.train_vae(network, x, rng, folder=folder, resume=True, **settings)
    return {key: value.tolist() for key, value in (run.theta | run.phi).items()}


def drawn(cell: dict[str, Any], rng: np.random.Generator) -> list[dict[str, float]]:
    """Rows of a cell."""
    time.sleep(cell["seconds"])
    return [{"value": rng.random(), "other": rng.standard_normal()} for _ in range(3)]


def sweep(folder: Path, workers: int = 1, seconds: float = 0.0) -> Any:
    """The table of a small sweep."""
    cells = [{"i": i, "seconds": seconds} for i in range(6)]
    settings = {"experiment": "faults", "seed": 1, "workers": workers, "progress": False}
    return run_sweep(drawn, cells, folder=folder, **settings).rows


def tables(folder: Path) -> Any:
    """A folder as a command leaves it, read back."""
    claim(folder, {"seed": 1})
    rows = [{"a": i, "b": 1 / (1 + i)} for i in range(20)]
    write_csv(folder / "rows.csv", rows)
    write_json(folder / "run.json", {"command": {"seed": 1}})
    finish(folder, {"told": "ready"})
    results = read_results(folder)
    return results.tables, results.command, results.manifest["told"]


RUNS: dict[str, Run] = {"training": training, "sweep": sweep, "tables": tables}


class Torn:
    """A file whose n-th write is cut in the middle."""

    def __init__(self, file: Any, at_call: Callable[..., bool]) -> None:
        self.file, self.at_call = file, at_call

    def write(self, data: Any) -> int:
        """Write; at the n-th call, half of it, and then what `at_call` does."""

        def half() -> None:
            self.file.write(data[: len(data) // 2])
            self.file.flush()

        self.at_call("write", half)
        return self.file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "Torn":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@contextmanager
def failing(folder: Path, number: float, action: Callable[[str], None]) -> Iterator[list[str]]:
    """At the number-th call that changes the folder, do ``action(name of the call)`` instead.

    Yields the names of the calls so far.
    """
    calls: list[str] = []

    def at_call(name: str, before: Callable[[], None] = lambda: None) -> None:
        calls.append(name)
        if len(calls) == number:
            before()
            action(name)

    def opened(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        writes = set(mode) & set("wxa") and str(file).startswith(str(folder))
        if not writes:
            return real_open(file, mode, *args, **more)
        at_call("open")
        return Torn(real_open(file, mode, *args, **more), at_call)

    real_open, real = builtins.open, {name: getattr(os, name) for name in CALLS}
    with ExitStack() as stack:
        for module in (builtins, io):
            stack.enter_context(mock.patch.object(module, "open", opened))
        for name in CALLS:

            def changed(*args: Any, name: str = name, **more: Any) -> Any:
                if name == "fsync" or any(str(arg).startswith(str(folder)) for arg in args[:2]):
                    at_call(name)
                return real[name](*args, **more)

            stack.enter_context(mock.patch.object(os, name, changed))
        yield calls


def number_of_calls(run: Run) -> int:
    """How often an undisturbed run changes its folder."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as top:
        folder = Path(top) / "out"
        with failing(folder, np.inf, print) as calls:
            run(folder)
        return len(calls)


def repeated(run: Run, folder: Path, expected: Any) -> str:
    """What is wrong with a run that is repeated after a fault; to end in a message is wrong."""
    try:
        with limited(60):
            trouble = same(run(folder), expected)
    except BaseException as error:
        return f"lost: {type(error).__name__}: {error}"
    names = [STRAY.fullmatch(path.name) for path in folder.rglob(".*")]
    strays = [name[0] for name in names if name and name[1] != str(os.getpid())]
    return trouble or (f"temporary files stay: {strays[:2]}" if strays else "")


def judged(run: Run, folder: Path, expected: Any) -> str:
    return same(run(folder), expected)


def undisturbed(run: Run) -> tuple[Any, int, float]:
    """What a run gives, its number of calls, and its seconds."""
    calls = number_of_calls(run)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=MEMORY) as top:
        expected = run(Path(top) / "out")
    return expected, calls, time.perf_counter() - start


def injected(
    rng: np.random.Generator, count: int, runs: Mapping[str, Run] = RUNS
) -> Iterator[tuple[str, str]]:
    """One call of the system fails: the run says so; repeated, it ends on the same bits."""
    known = {name: undisturbed(run) for name, run in runs.items()}
    for i in range(count):
        name, run = list(runs.items())[i % len(runs)]
        expected, calls, _ = known[name]
        number, code = 1 + int(rng.integers(calls)), CODES[rng.integers(len(CODES))]
        where = []

        def fail(call: str, code: int = code, where: list[str] = where) -> None:
            where.append(call)
            raise OSError(code, os.strerror(code))

        with tempfile.TemporaryDirectory(dir=MEMORY) as top:
            folder = Path(top) / "out"
            with failing(folder, number, fail):
                trouble = ending(partial(judged, run, folder, expected))
            trouble = trouble or repeated(run, folder, expected)
        trouble = trouble or ("" if where else "the fault did not come")
        yield f"fault in {name}", trouble and f"{errno.errorcode[code]} in {where}: {trouble}"


def in_child(run: Run, folder: Path, number: float, seconds: float = 60.0) -> None:
    """Run in a forked process, killed in the middle of a call or after some seconds."""

    def kill(call: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            sys.stderr = sys.stdout = io.StringIO()
            # The lock of tqdm is shared with forked children: one killed inside would keep it.
            tqdm.set_lock(threading.RLock())
            with failing(folder, number, kill):
                run(folder)
        finally:
            os._exit(0)
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.0005)


def kills(
    rng: np.random.Generator, count: int, runs: Mapping[str, Run] = RUNS, random: bool = True
) -> Iterator[tuple[str, str]]:
    """SIGKILL at random moments, and inside calls of the system, one to three times a run."""
    known = {name: undisturbed(run) for name, run in runs.items()}
    for i in range(count):
        name, run = list(runs.items())[i % len(runs)]
        expected, calls, seconds = known[name]
        inside = bool((i // len(runs)) % 2) or not random
        with tempfile.TemporaryDirectory(dir=MEMORY) as top:
            folder = Path(top) / "out"
            for _ in range(rng.integers(1, 4)):
                number = 1 + int(rng.integers(calls)) if inside else np.inf
                in_child(run, folder, number, 60.0 if inside else seconds * rng.random())
            trouble = repeated(run, folder, expected)
        yield f"{name} killed {'inside a call' if inside else 'at any moment'}", trouble


def processes(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """SIGKILL of a sweep with two worker processes: no process stays, and the same table."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import faults_runs, pathlib\n"
    code += "if __name__ == '__main__': faults_runs.slow_sweep(pathlib.Path(sys.argv[2]))"
    with tempfile.TemporaryDirectory(dir=MEMORY) as top:
        expected = sweep(Path(top) / "out", seconds=0.1)
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir=MEMORY) as top:
            script = Path(top) / "script.py"
            script.write_text(code)
            folder = Path(top) / "out"
            line = [sys.executable, str(script), str(Path(__file__).parent), str(folder)]
            child = subprocess.Popen(line, start_new_session=True, stderr=subprocess.DEVNULL)
            end = time.monotonic() + 60
            while not (folder / "cells").exists() and child.poll() is None:
                time.sleep(0.01)
                if time.monotonic() > end:
                    break
            time.sleep(float(rng.random()) * 0.5)
            child.kill()
            child.wait()
            trouble = "" if no_process(child.pid) else "worker processes stay"
            trouble = trouble or repeated(lambda folder: sweep(folder, 1, 0.1), folder, expected)
        yield "sweep of two processes killed", trouble


def slow_sweep(folder: Path) -> Any:
    """The sweep that `processes` kills."""
    return sweep(folder, workers=2, seconds=0.1)


def no_process(group: int) -> bool:
    """Whether a process group is gone within thirty seconds; the dead that nobody asks for are."""
    for _ in range(300):
        if not living(group):
            return True
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return False


def living(group: int) -> list[str]:
    """The processes of a group that are at work, by /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        found += [path.parent.name] if int(its_group) == group and state != "Z" else []
    return found
