"""Flat dicts of parameter arrays: joined, divided, in another dtype."""

from typing import Any

import numpy as np

from bbvi.types import Theta


def join(**parts: Theta) -> Theta:
    """Join named parts into one flat dict: ``join(decoder={"W0": ...})["decoder.W0"]``."""
    return {
        f"{part}.{key}": value for part, params in parts.items() for key, value in params.items()
    }


def part(params: Theta, name: str) -> Theta:
    """The inverse of `join` for one part: the entries under ``name``, without the prefix."""
    prefix = f"{name}."
    return {key[len(prefix) :]: value for key, value in params.items() if key.startswith(prefix)}


def dtype_of(params: Theta) -> np.dtype[Any]:
    """The dtype of a parameter dict, by its first entry; float64 when it is empty."""
    return next((value.dtype for value in params.values()), np.dtype(np.float64))


def astype(params: Theta, dtype: Any) -> Theta:
    """A copy of a parameter dict in another float dtype."""
    return {key: np.asarray(value).astype(dtype) for key, value in params.items()}
