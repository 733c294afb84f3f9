import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Executor, Future
from types import SimpleNamespace

import pytest

from bbvi.cli import main
from bbvi.experiments.cluster import _Answering, _watch, cluster
from bbvi.experiments.sweep import run_sweep

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    "address", ["", "garbage", "http://127.0.0.1:1", "foo://x:1", "127.0.0.1", "tcp://h:99999",
                "tcp://127.0.0.1", "tcp://:1"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["compare", "variance"])
def test_a_malformed_address_is_told_at_once(tmp_path, capsys, address, command):
    start = time.monotonic()
    out = tmp_path / "out"
    line = [command, "--quick", "--out", str(out), "--scheduler", address]
    with pytest.raises(ValueError, match=r"expected tcp://HOST:PORT"), cluster(address):
        pytest.fail("connected")
    assert time.monotonic() - start < 2
    if command == "variance" and address == "":
        assert main([*line, "--model", "quadratic"]) == 2
        assert "expected tcp://HOST:PORT" in capsys.readouterr().err


def test_a_scheduler_without_workers_is_told_in_seconds(tmp_path):
    place = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    options = ["--no-dashboard", "--scheduler-file", str(place)]
    with subprocess.Popen([*command, *options], **quiet) as process:
        try:
            end = time.monotonic() + 60
            while not (place.exists() and place.read_text().strip().endswith("}")):
                assert time.monotonic() < end
                time.sleep(0.1)
            address = json.loads(place.read_text())["address"]
            start = time.monotonic()
            with pytest.raises(OSError, match="has no workers after 1 s"), cluster(address, 1.0):
                pytest.fail("found workers")
            assert time.monotonic() - start < 20
        finally:
            process.terminate()


@pytest.mark.parametrize("command", ["compare", "variance", "rerun", "reproduce"])
def test_the_help_says_whom_a_scheduler_trusts(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "that you trust as a shell" in told
    assert "tls://HOST:PORT" in told


def test_a_reproduction_asks_for_an_address_before_it_measures(tmp_path, capsys):
    line = [
        "reproduce",
        "relax-toys",
        "--quick",
        "--scheduler",
        "x",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(line) == 2
    assert "expected tcp://HOST:PORT" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class Lost(Executor):
    """Answers two units, then is gone as a scheduler is."""

    def __init__(self):
        self.asked = 0

    def submit(self, task, unit):
        self.asked += 1
        future = Future()
        if self.asked < 3:
            future.set_result(task(unit))
        else:
            future.set_exception(CancelledError("lost"))
        return future


class Faithful(Executor):
    """Answers every unit."""

    def submit(self, task, unit):
        future = Future()
        future.set_result(task(unit))
        return future


def draw(cell, rng):
    return [{"value": rng.random()}]


def run(folder, **where):
    cells = [{"i": i} for i in range(5)]
    return run_sweep(draw, cells, experiment="draw", seed=1, folder=folder, progress=False, **where)


@pytest.fixture
def loop():
    """An event loop in a thread of its own, as a client has one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Client:
    """Answers what is asked for by an awaitable, and has no workers."""

    def __init__(self, loop, answer):
        self.loop, self.answer = SimpleNamespace(asyncio_loop=loop), answer

    def submit(self, task, unit, pure):
        assert not pure
        return self.answer(task, unit)

    def nthreads(self):
        return {}


def test_a_result_lost_while_it_is_fetched_is_answered(loop):
    async def lost(task, unit):
        raise CancelledError("lost while it was fetched")

    with pytest.raises(ConnectionError, match="5 of 5 cells have no answer"):
        run(None, executor=_Answering(Client(loop, lost)))


def test_without_any_worker_it_is_said_and_ends(loop, capsys, tmp_path):
    async def never(task, unit):
        await asyncio.Event().wait()

    executor = _Answering(Client(loop, never))
    line = (executor, "tcp://h:1", 0.05, 0.3, threading.Event())
    watch = threading.Thread(target=_watch, args=line)
    watch.start()
    with pytest.raises(ConnectionError, match="its last worker, was lost: 5 of 5 cells"):
        run(tmp_path, executor=executor)
    watch.join()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "lost all its workers; waiting 0.3 s" in told[0]
    assert told[1] == "tcp://h:1 has had no workers for 0.3 s: given up"
    # What is asked for later, on a machine that is slow to ask, is answered as well.
    with pytest.raises(ConnectionError, match="5 of 5 cells"):
        run(None, executor=executor)


def test_a_lost_scheduler_is_one_line_and_the_sweep_goes_on(tmp_path):
    with pytest.raises(ConnectionError, match=r"lost: 3 of 5 cells.*run it again"):
        run(tmp_path, executor=Lost())
    assert len(list((tmp_path / "cells").iterdir())) == 2
    assert run(tmp_path, workers=1) == run(None, workers=1)
    # What was begun on this machine names its BLAS, and a cluster's may be another.
    run(tmp_path / "here", workers=1)
    with pytest.raises(ValueError, match="its blas is"), Faithful() as executor:
        run(tmp_path / "here", executor=executor)


def test_a_worker_with_another_bbvi_is_refused(tmp_path, monkeypatch):
    class Other(Executor):
        def submit(self, task, unit):
            future = Future()
            answer = json.loads(task(unit))
            answer["bbvi"] = {"version": "0.9.9", "code": answer["bbvi"]["code"]}
            future.set_result(json.dumps(answer))
            return future

    with pytest.raises(ValueError, match=r"another bbvi: version 0\.9\.9"):
        run(tmp_path, executor=Other())
    assert not (tmp_path / "cells").exists()
    assert len(run(tmp_path, executor=Faithful()).rows) == 5


def test_modules_of_the_working_folder_do_not_run_in_workers(tmp_path):
    work, ran = tmp_path / "work", tmp_path / "ran"
    work.mkdir()
    for name in ("pickle", "socket", "random"):
        line = f"open({str(ran)!r}, 'a').write('{name} ')\nraise SystemExit\n"
        (work / f"{name}.py").write_text(line)
    sheltered, bare = tmp_path / "sheltered.py", tmp_path / "bare.py"
    sheltered.write_text(
        "import sys\nfrom bbvi.cli import main\n"
        "if __name__ == '__main__':\n    sys.exit(main(sys.argv[1:]))\n"
    )
    bare.write_text(
        "import multiprocessing\nif __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=print)\n"
        "    process.start()\n    process.join()\n"
    )
    options = ["variance", "--quick", "--model", "quadratic", "--points", "start", "--replicates"]
    options += ["10", "--estimators", "reparameterized", "score-function", "--workers", "2"]
    quiet = {"cwd": work, "capture_output": True, "text": True}
    command = [sys.executable, str(sheltered), *options, "--out", str(tmp_path / "out")]
    done = subprocess.run(command, **quiet)
    assert done.returncode == 0, done.stderr
    assert not ran.exists()
    # Negative control: the worker of a plain pool runs them.
    subprocess.run([sys.executable, str(bare)], **quiet)
    assert "pickle" in ran.read_text()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("delay", [0.3, 1.0, 2.5, 5.0])
def test_ctrl_c_is_one_line_and_ends_the_workers(tmp_path, delay):
    # A job in the background of a shell hands down that SIGINT is ignored.
    heard = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    heard += "; from bbvi.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", heard]
    command += ["variance", "--workers", "2", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        told = process.stderr.read().decode()
        assert process.wait(30) == 130
    assert told in ("bbvi variance: interrupted\n", "bbvi: interrupted\n")
