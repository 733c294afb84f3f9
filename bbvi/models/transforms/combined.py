"""Transforms of transforms: one after the other, and side by side."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.models.transforms.transform import Transform, checked
from bbvi.types import Array


def compose(outer: Transform, inner: Transform) -> Transform:
    """u = outer(inner(z)); the log-Jacobians add up.

    Raises
    ------
    ValueError
        If the inner one does not give as many numbers as the outer one takes, or gives more than it
        takes (a simplex), so that the sum of the log-Jacobians would be of no map.
    """
    if inner.outputs != outer.inputs or inner.inputs != inner.outputs:
        raise ValueError(
            f"inner maps {inner.inputs} numbers to {inner.outputs}, outer {outer.inputs} to "
            f"{outer.outputs}; expected an inner one of {outer.inputs} to {outer.inputs}."
        )
    return Transform(
        inner.inputs,
        outer.outputs,
        lambda z: outer.forward(inner.forward(z)),
        lambda u: inner.inverse(outer.inverse(u)),
        lambda z: inner.log_jacobian(z) + outer.log_jacobian(inner.forward(z)),
        outer.parts,
    )


def stack(**parts: Transform) -> Transform:
    """Named parameters side by side: the transform of a whole parameter vector.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi.models.transforms import positive, real
    >>> parameters = stack(mu=real(), sigma=positive(2))
    >>> parameters.names
    ('mu', 'sigma[1]', 'sigma[2]')
    >>> parameters.forward(np.zeros(3))
    array([0., 1., 1.])
    >>> parameters.split(np.array([0.0, 1.0, 2.0]))["sigma"]
    array([1., 2.])
    """
    if not parts:
        raise ValueError("stack() has no parts; expected one or more, e.g. stack(mu=real()).")
    for name, part in parts.items():
        if not isinstance(part, Transform):
            raise TypeError(f"{name} is {part!r}; expected a transform, e.g. {name}=positive().")
    each = list(parts.values())
    z_ends = np.cumsum([part.inputs for part in each])
    u_ends = np.cumsum([part.outputs for part in each])
    total = int(u_ends[-1])

    def cut(v: Array, ends: Any, sizes: Sequence[int]) -> list[Array]:
        return [v[..., end - size : end] for end, size in zip(ends, sizes)]

    def z_parts(z: Array) -> list[Array]:
        return cut(z, z_ends, [part.inputs for part in each])

    def forward(z: Array) -> Array:
        return anp.concatenate([p.forward(v) for p, v in zip(each, z_parts(z))], axis=-1)

    def inverse(u: Array) -> Array:
        u_parts = cut(checked(u, total, -np.inf, np.inf), u_ends, [p.outputs for p in each])
        return np.concatenate([p.inverse(v) for p, v in zip(each, u_parts)], axis=-1)

    def log_jacobian(z: Array) -> Array:
        return reduce(add, (p.log_jacobian(v) for p, v in zip(each, z_parts(z))))

    named = tuple((name, _size(part)) for name, part in parts.items())
    return Transform(int(z_ends[-1]), total, forward, inverse, log_jacobian, named)


def _size(part: Transform) -> int | None:
    return None if part.outputs == 1 and part.parts[0][1] is None else part.outputs
