import os

import pytest
import threadpoolctl


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread_per_worker():
    """Several test processes on few cores: each keeps BLAS, and so the kernel, to one thread."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    with threadpoolctl.threadpool_limits(1):
        yield
