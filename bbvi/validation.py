"""Checks made once, at the public boundary.

Every message names the argument, what came, what was expected and the likely fix.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bbvi.limits import MOST_STEPS
from bbvi.protocols import ChecksData, ChecksTheta
from bbvi.types import Array

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_MASKED = np.ma.MaskedArray


def as_float_array(name: str, value: Any, ndim: int) -> Array:
    """Return ``value`` as a finite float32 or float64 array with ``ndim`` axes.

    Raises
    ------
    TypeError
        If the dtype is not float32 or float64.
    ValueError
        If the number of axes is wrong, or there are no elements, or NaN or infinite values.
    """
    check_unmasked(**{name: value})
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name} has rows of different lengths; expected a rectangular array of floats. "
            "Pad or drop the short rows."
        ) from None
    if array.dtype not in _FLOATS:
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected float32 or float64. "
            f"Convert it first, e.g. {name}.astype(np.float64)"
            + ("; for grey images see bbvi.datasets.binarize." if array.dtype.kind in "ui" else ".")
        )
    if array.ndim != ndim:
        axes = {1: "(N,)", 2: "(N, Dx)", 3: "(S, N, D)"}.get(ndim, f"{ndim} axes")
        hint = f" Use {name}[None] for a single row." if array.ndim == ndim - 1 else ""
        raise ValueError(f"{name} has shape {array.shape}; expected {axes}.{hint}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); expected at least one row.")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        raise ValueError(
            f"{name} has {len(bad)} NaN or infinite value(s), the first in row {bad[0][0]}; "
            "expected finite numbers." + (" Drop or impute those rows." if name == "x" else "")
        )
    return array


def check_unmasked(**values: Any) -> None:
    """Raise TypeError if a value is a masked array, or a list or tuple of some."""
    for name, value in values.items():
        parts = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(part, _MASKED) for part in parts):
            raise TypeError(
                f"{name} is a masked array; expected one without a mask, whose hidden values would "
                f"be used as data. Drop the masked rows, or fill them: {name}.filled(value)."
            )


def check_rng(rng: Any) -> None:
    """Raise TypeError unless rng is a numpy Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {type(rng).__name__}; expected a numpy Generator: np.random.default_rng(seed)."
        )


def check_members(name: str, value: Any, members: tuple[str, ...], example: str) -> None:
    """Raise TypeError unless ``value`` is an object (not a class) that has all ``members``."""
    if isinstance(value, type):
        raise TypeError(
            f"{name} is the class {value.__name__}; expected an object. Make one: {example}."
        )
    if missing := missing_members(value, members):
        raise TypeError(
            f"{name} is {value!r}, which has no {', '.join(missing)}; expected e.g. {example}."
        )


def check_offers(name: str, value: Any, protocol: type, example: str) -> None:
    """Raise TypeError, naming what is missing, unless ``value`` is an object of that Protocol."""
    public = [
        member for kind in protocol.__mro__ for member in vars(kind) if not member.startswith("_")
    ]
    check_members(name, value, tuple(public), example)


def missing_members(value: Any, members: Iterable[str]) -> list[str]:
    """Those of the members that the value, which may be anything, lacks: named in a message."""
    # Anybody's object, and no decision about its kind: this is what `hasattr` is for.
    return [member for member in members if not hasattr(value, member)]


def check_theta(theta: Any) -> None:
    """Raise unless theta is a dict of finite float32 or float64 arrays.

    Raises
    ------
    TypeError
        If it is not a dict, or an entry is not floating point, or masked.
    ValueError
        If an entry has NaN or infinite values.
    """
    if not isinstance(theta, Mapping):
        raise TypeError(
            f"theta is a {type(theta).__name__}; expected a dict of float arrays, as from "
            "model.init(rng)."
        )
    for key, value in theta.items():
        check_unmasked(**{f"theta[{key!r}]": value})
        array = np.asarray(value)
        if array.dtype not in _FLOATS:
            raise TypeError(
                f"theta[{key!r}] has dtype {array.dtype}; expected float32 or float64, which can "
                "be differentiated. Convert it with bbvi.nets.astype(theta, np.float64)."
            )
        if not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            raise ValueError(
                f"theta[{key!r}] has {bad} NaN or infinite value(s); expected finite numbers. "
                "Go back to the last finite theta, and use a smaller step size."
            )


def check_entries(model: Any, theta: Mapping[str, Any]) -> None:
    """Raise ValueError unless theta has the names and shapes that ``model.init`` gives it.

    What a model's ``check_theta`` is made of.
    """
    # Of what is drawn here only names and shapes are read.
    start = model.init(np.random.Generator(np.random.PCG64(0)))
    expected = {key: np.shape(value) for key, value in start.items()}
    name = type(model).__name__
    listed = ", ".join(f"{key} {shape}" for key, shape in expected.items()) or "no entry"
    for what, keys in (
        ("has no", [key for key in expected if key not in theta]),
        (f"has what this {name} does not know:", [key for key in theta if key not in expected]),
    ):
        if keys:
            raise ValueError(
                f"theta {what} {', '.join(map(repr, keys))}; expected {listed}. Take theta from "
                "init(rng) or a fit of this model."
            )
    for key, shape in expected.items():
        given = np.shape(theta[key])
        if given != shape:
            hint = " It looks transposed." if given == shape[::-1] else ""
            raise ValueError(
                f"theta[{key!r}] has shape {given}; expected {shape}.{hint} All of theta: {listed}."
            )


def check_inputs(model: Any, theta: Mapping[str, Any], x: Any) -> Array:
    """Return x as a finite float array (N, Dx), once theta and x are of use to the model.

    Raises
    ------
    TypeError
        If x or theta is not floating point, or their dtypes differ.
    ValueError
        If x is empty, x or theta is not finite, or the model's own ``check_data`` or
        ``check_theta`` refuses them.
    """
    x = as_float_array("x", x, ndim=2)
    check_theta(theta)
    same_dtype(x=x, theta=theta)
    if isinstance(model, ChecksData):
        model.check_data(x)
    if isinstance(model, ChecksTheta):
        model.check_theta(theta)  # type: ignore[arg-type]
    return x


def same_dtype(**arrays: Any) -> None:
    """Raise TypeError unless all the arrays (or dicts of arrays) have one dtype."""
    seen: dict[str, np.dtype[Any]] = {}
    for name, value in arrays.items():
        items = value.items() if isinstance(value, Mapping) else [(None, value)]
        for key, array in items:
            seen[name if key is None else f"{name}[{key!r}]"] = np.asarray(array).dtype
    if len(set(seen.values())) > 1:
        (first, expected), (other, dtype) = next(
            (a, b) for a in seen.items() for b in seen.items() if a[1] != b[1]
        )
        raise TypeError(
            f"{first} is {expected} but {other} is {dtype}; expected one dtype throughout. "
            "Convert theta with bbvi.nets.astype(theta, dtype) and arrays with .astype(dtype)."
        )


def as_count(name: str, value: Any, minimum: int = 1, maximum: int | None = None) -> int:
    """Return ``value`` as an int of at least ``minimum``, and at most ``maximum``.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If it is below ``minimum``, or above ``maximum``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}); expected a whole number.")
    if value < minimum:
        raise ValueError(f"{name} is {value}; expected at least {minimum}.")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} is {value}; expected at most {maximum}.")
    return int(value)


def as_steps(name: str, value: Any, minimum: int = 1) -> int:
    """`as_count` of what is done one after another: at most what fits into a day.

    Raises
    ------
    TypeError, ValueError
        As `as_count`.
    """
    return as_count(name, value, minimum, MOST_STEPS)


def check_width(name: str, array: Array, width: int, meaning: str) -> None:
    """Raise ValueError unless the last axis of ``array`` has length ``width``."""
    if array.shape[-1] != width:
        raise ValueError(
            f"{name} has shape {array.shape}: its last axis is {array.shape[-1]}; "
            f"expected {width} ({meaning}). Check for a transposed array or another model's data."
        )


def check_rows(family: Any, lam: Array, **points: Array) -> None:
    """Raise ValueError unless lam is (N, P) and each of the points is (..., N, D).

    NumPy would broadcast most other shapes, and the log-density would be that of other data.
    Shapes alone are read, so it costs half a microsecond and autograd does not see it.
    """
    N, D, P = len(lam), family.latent_dim, family.num_params
    if type(lam) is _MASKED:
        check_unmasked(lam=lam)
    if lam.shape != (N, P):
        raise ValueError(
            f"lam has shape {lam.shape}; expected (N, P) with P = {P} for "
            f"{type(family).__name__}, as from family.init(num_data)."
        )
    for name, point in points.items():
        if type(point) is _MASKED:
            check_unmasked(**{name: point})
        if point.shape[-2:] != (N, D):
            raise ValueError(
                f"{name} has shape {point.shape}: its last axis is {point.shape[-1]}; expected "
                f"{D} (D, as family.noise draws it), and (S, N, D) with N = {N}, the rows of lam."
            )


def check_pair(
    model: Any, x: Array, z: Array, width: int, theta: Any = None, **shapes: tuple[int, ...]
) -> None:
    """Raise ValueError unless x is (N, width) and z is (S, N, D): for ``log_joint``.

    Shapes alone are read, as in `check_rows`.  ``shapes`` are those of entries of theta, which
    broadcasting could hide; a theta that autograd traces comes from a `Target`, which checked it.
    """
    if type(x) is _MASKED or type(z) is _MASKED:
        check_unmasked(x=x, z=z)
    if x.ndim != 2 or x.shape[1] != width:
        if x.ndim == 2 and isinstance(model, ChecksData):
            model.check_data(x)  # says more of where the width comes from
        raise ValueError(
            f"x has shape {x.shape}; expected (N, Dx) with Dx = {width} for {type(model).__name__}."
        )
    if z.ndim != 3 or z.shape[1:] != (x.shape[0], model.latent_dim):
        raise ValueError(
            f"z has shape {z.shape}; expected (S, N, D) with N = {x.shape[0]} (rows of x) and "
            f"D = {model.latent_dim} (latent_dim of {type(model).__name__})."
        )
    if type(theta) is dict:
        for key, shape in shapes.items():
            if theta[key].shape != shape:
                raise ValueError(
                    f"theta[{key!r}] has shape {theta[key].shape}; expected {shape} for {model!r}. "
                    "Take theta from init(rng) or a fit of this model."
                )


def check_outputs(model: Any, outputs: Array, width: int) -> None:
    """Raise ValueError unless a decoder gave ``width`` outputs, as its sizes say."""
    if outputs.shape[-1] != width:
        raise ValueError(
            f"theta's decoder gives {outputs.shape[-1]} outputs; expected {width}, the last of "
            f"decoder.sizes of this {type(model).__name__}. Take theta from init(rng) or a fit of "
            "this model."
        )
