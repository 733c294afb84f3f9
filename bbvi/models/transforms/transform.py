"""What a transform is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bbvi.types import Array


@dataclass(frozen=True)
class Transform:
    """A smooth one-to-one map from z (..., D) to parameters u (..., K).

    Attributes
    ----------
    inputs, outputs : int
        D and K; K = D but for the simplex, where K = D + 1.
    forward : callable
        z (..., D) -> u (..., K).
    inverse : callable
        u -> z; raises ValueError where u is out of range.
    log_jacobian : callable
        z (..., D) -> log |det du/dz| (...).  Of the simplex, du are the first K - 1 shares.
    parts : tuple of (str, int or None)
        Name and size of each parameter, None for a single number.
    """

    inputs: int
    outputs: int
    forward: Callable[[Array], Array] = field(repr=False)
    inverse: Callable[[Array], Array] = field(repr=False)
    log_jacobian: Callable[[Array], Array] = field(repr=False)
    parts: tuple[tuple[str, int | None], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name for each of the K numbers: ("mu", "sigma[1]", "sigma[2]")."""
        return tuple(
            name if size is None else f"{name}[{i + 1}]"
            for name, size in self.parts
            for i in range(size or 1)
        )

    def split(self, u: Array) -> dict[str, Array]:
        """Each parameter of u (..., K) by its name: (...), or (..., size) of a vector."""
        values, start = {}, 0
        for name, size in self.parts:
            values[name] = u[..., start] if size is None else u[..., start : start + size]
            start += size or 1
        return values


def of_vector(
    inputs: int, outputs: int, forward: Any, inverse: Any, log_jacobian: Any
) -> Transform:
    """A transform of one vector parameter."""
    return Transform(inputs, outputs, forward, inverse, log_jacobian, (("u", outputs),))


def checked(u: Array, outputs: int, low: float, high: float) -> Array:
    """u (..., K), inside of its range."""
    u = np.asarray(u, float)
    if u.ndim == 0 or u.shape[-1] != outputs:
        raise ValueError(f"u has shape {u.shape}; expected (..., {outputs}).")
    if not ((u > low) & (u < high)).all():
        raise ValueError(
            f"u has values from {u.min():.6g} to {u.max():.6g}; expected all of them above {low} "
            f"and below {high}."
        )
    return u
