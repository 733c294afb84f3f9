"""What computes: Python, the packages, BLAS and the machine."""

import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import threadpoolctl

from bbvi.threads import thread_count

KERNEL = "OPENBLAS_CORETYPE"
"""The environment variable by which OpenBLAS is told its routines."""
CHOSEN_BY = "BBVI_BLAS_KERNEL_BY"
"""The one by which the command tells the process that it becomes who set the other."""


def environment() -> dict[str, Any]:
    """Versions, BLAS and machine of this run, for a manifest."""
    names = ("bbvi", "numpy", "scipy", "autograd", "scikit-learn", "matplotlib")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: version_of(name) for name in names},
        "blas": [
            {
                key: info.get(key)
                for key in ("internal_api", "version", "architecture", "num_threads")
            }
            for info in threadpoolctl.threadpool_info()
            if info.get("user_api") == "blas"
        ],
        KERNEL: os.environ.get(KERNEL),
        f"{KERNEL}_set_by": chosen_by(),
    }


def chosen_by() -> str | None:
    """Who set OpenBLAS's routines; None where it chose them itself."""
    return os.environ.get(CHOSEN_BY, "the user's variable") if KERNEL in os.environ else None


def blas_names() -> list[str]:
    """What decides BLAS's last digits: library, version and routines.

    SciPy brings a library of its own.  It is loaded first, so that the answer does not depend on
    what has been used before.
    """
    import_module("scipy.linalg")
    return sorted(
        " ".join(str(info.get(key)) for key in ("internal_api", "version", "architecture"))
        for info in threadpoolctl.threadpool_info()
        if info.get("user_api") == "blas"
    )


def routines() -> dict[str, Any]:
    """What decides the last digits of a matrix product: BLAS's routines and the threads."""
    return {"blas": blas_names(), "threads": thread_count(None)}


def version_of(name: str) -> str:
    """A package's version, as installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
