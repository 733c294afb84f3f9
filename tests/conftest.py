import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import threadpoolctl
from hypothesis import settings
from waiting import wait_until

# The same examples in every run; no deadline, because a busy machine is not a mistake.
settings.register_profile("bbvi", derandomize=True, deadline=None)
settings.load_profile("bbvi")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread_per_worker():
    """Several test processes on few cores: each keeps BLAS, and so the kernel, to one thread."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory):
    """A real scheduler and two real workers on loopback."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    command = [sys.executable, "-m", "dask"]
    port_file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    tests = Path(__file__).parent
    # Functions of a test module are sent by its name, which is tests.NAME.
    quiet["env"] = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests, tests.parent)))}
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file"]
    processes = [subprocess.Popen([*command, "scheduler", *options, str(port_file)], **quiet)]
    try:
        wait_until(lambda: port_file.exists() and port_file.read_text().strip().endswith("}"))
        address = json.loads(port_file.read_text())["address"]
        options = ["--nthreads", "1", "--no-dashboard"]
        for _ in range(2):
            process = subprocess.Popen([*command, "worker", address, *options], **quiet)
            processes.append(process)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
