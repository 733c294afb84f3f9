"""Back ends: Model -> Target, and the encoder's pass.

Two doors, `target` and `encode`, choose the back end; `unchecked_target` is for loops whose
arguments are checked already.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from bbvi.backends import autodiff, kernel
from bbvi.nets import MLP, ConvNet
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Model, Target, Theta
from bbvi.validation import check_unmasked

__all__ = ["autodiff", "encode", "kernel", "resolve", "target", "unchecked_target"]


def target(model: Model, theta: Theta, x: Array, backend: str = "auto") -> Target:
    """log p_theta(x, .) at fixed theta and x, with gradients in z and theta.

    Parameters
    ----------
    model : Model
    theta : dict
        Parameters, all of x's dtype.
    x : ndarray (N, Dx)
        Data, float32 or float64.
    backend : {"auto", "autodiff", "kernel"}
        "auto" is the kernel where it supports the model, and autodiff elsewhere.

    Raises
    ------
    TypeError
        If x is not floating point, theta is not a dict of float arrays, or their dtypes differ.
    ValueError
        If the back end is unknown or does not support the model; if x is empty, x or theta is not
        finite, or not possible under the model.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import LinearGaussian
    >>> model = LinearGaussian(2, 3)
    >>> p = target(model, model.init(np.random.default_rng(0)), np.ones((5, 3)))
    >>> p.value(np.zeros((4, 5, 2))).shape
    (4, 5)
    """
    return resolve(backend, model).target(model, theta, x)


def unchecked_target(model: Model, theta: Theta, x: Array, backend: str = "auto") -> Target:
    """`target` without its checks, for loops that have made them."""
    return resolve(backend, model).unchecked_target(model, theta, x)


def encode(
    encoder: EncoderLike, phi: Theta, x: Array, backend: str = "auto"
) -> tuple[Array, Callable[[Array], Theta]]:
    """lam = f_phi(x) (N, P), and its pullback: d/dlam (N, P) -> d/dphi, summed over the rows.

    Parameters
    ----------
    encoder : MLP or ConvNet
        f_phi, from Dx inputs to P outputs; any function (phi, x) -> lam by autodiff.
    phi : dict
    x : ndarray (N, Dx)
    backend : {"auto", "autodiff", "kernel"}
        "auto" is the kernel for a `bbvi.MLP` or a `bbvi.ConvNet`, and autodiff elsewhere.

    Raises
    ------
    TypeError
        If x is masked.
    ValueError
        If x is empty, the back end is unknown, or the kernel is asked for an encoder of another
        kind.
    """
    check_unmasked(x=x)
    if len(x) == 0:
        raise ValueError(f"x has shape {np.shape(x)}; expected at least one row to encode.")
    if backend == "auto":
        backend = "kernel" if type(encoder) in (MLP, ConvNet) else "autodiff"
    if backend == "kernel" and type(encoder) not in (MLP, ConvNet):
        raise ValueError(
            f"encoder is {encoder!r}; expected an MLP or a ConvNet, the encoders that the kernel "
            "knows. Use backend='autodiff' for any other."
        )
    return _named(backend).encode(encoder, phi, x)


def resolve(backend: str, model: Any) -> ModuleType:
    """The back end of that name for that model: a module with ``target``.

    Raises
    ------
    ValueError
        If the name is unknown, or the kernel is asked for a model it does not support.
    """
    if backend == "auto":
        return kernel if kernel.supports(model) else autodiff
    if backend == "kernel":
        kernel.check_supports(model)
    return _named(backend)


def _named(backend: str) -> ModuleType:
    if backend not in ("autodiff", "kernel"):
        raise ValueError(f"backend is {backend!r}; expected 'auto', 'autodiff' or 'kernel'.")
    return autodiff if backend == "autodiff" else kernel
