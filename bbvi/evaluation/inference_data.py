"""Draws for ArviZ's plots and diagnostics; ArviZ is an extra."""

import importlib
import re
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bbvi.evaluation.draws import Draws
from bbvi.types import Array


def to_arviz(draws: Draws, observed: Mapping[str, Any] | None = None) -> Any:
    """An ArviZ InferenceData (0.x) or DataTree (1.x): posterior, log p and log q, observed data.

    Rows are chains.  Names such as ``theta[1]``, ``theta[2]`` become one vector ``theta``.  Group
    ``sample_stats`` holds ``lp`` = log p, ``log_q``, and ``log_weight``, their difference.

    Parameters
    ----------
    draws : Draws
        As from `bbvi.evaluation.draw`.
    observed : dict, optional
        Name -> data, for the group ``observed_data``.

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    TypeError
        If ``draws`` are none.
    """
    if not isinstance(draws, Draws):
        raise TypeError(f"draws is {type(draws).__name__}; expected Draws, as from draw(...).")
    groups: dict[str, dict[str, Any]] = {
        "posterior": _vectors(draws.names, draws.values),
        "sample_stats": {
            "lp": draws.log_p.T,
            "log_q": draws.log_q.T,
            "log_weight": (draws.log_p - draws.log_q).T,
        },
    }
    if observed is not None:
        groups["observed_data"] = {name: np.asarray(value) for name, value in observed.items()}
    arviz = _arviz()
    # From 1.0 on the groups come as one dict; the old call means something else by its arguments.
    if int(arviz.__version__.split(".")[0]) >= 1 or arviz.__name__ == "arviz_base":
        return arviz.from_dict(groups)
    return arviz.from_dict(**groups)


def _arviz() -> ModuleType:
    """ArviZ, or the part of it that makes the containers."""
    with warnings.catch_warnings():
        # Its announcement of a new interface, at import.
        warnings.simplefilter("ignore", FutureWarning)
        for name in ("arviz", "arviz_base"):
            try:
                return importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
    raise ImportError("to_arviz needs ArviZ: pip install arviz.")


def _vectors(names: tuple[str, ...], values: Array) -> dict[str, Array]:
    """(S, N, R) as arrays (N, S) or, of numbered names, (N, S, size)."""
    chains = np.swapaxes(values, 0, 1)
    columns: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        numbered = re.fullmatch(r"(.+)\[\d+\]", name)
        columns.setdefault(numbered[1] if numbered else name, []).append(i)
    return {
        name: chains[..., columns_of_name]
        if "[" in names[columns_of_name[0]]
        else chains[..., columns_of_name[0]]
        for name, columns_of_name in columns.items()
    }
