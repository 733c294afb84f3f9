import os

import pytest
import threadpoolctl
from hypothesis import settings

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
