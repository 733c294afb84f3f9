"""Back ends: Model -> Target."""

from types import ModuleType
from typing import Any

from bbvi.backends import autodiff, kernel

__all__ = ["autodiff", "kernel", "resolve"]


def resolve(backend: str, model: Any) -> ModuleType:
    """The back end of that name: a module with ``target`` and ``bind``.

    Parameters
    ----------
    backend : {"auto", "autodiff", "kernel"}
        "auto" is the kernel where it supports the model, and autodiff elsewhere.
    model : Model
        The model it is to serve.

    Raises
    ------
    ValueError
        If the name is unknown, or the kernel is asked for a model it does not support.
    """
    if backend == "auto":
        return kernel if kernel.supports(model) else autodiff
    if backend == "autodiff":
        return autodiff
    if backend == "kernel":
        kernel.check_supports(model)
        return kernel
    raise ValueError(f"backend is {backend!r}; expected 'auto', 'autodiff' or 'kernel'.")
