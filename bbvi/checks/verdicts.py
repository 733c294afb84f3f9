"""Turning a wrong number into the likely mistake (floor 5)."""

from collections.abc import Iterable
from typing import NamedTuple, NoReturn

import numpy as np

from bbvi.types import Array


class Suspect(NamedTuple):
    """A known mistake, and what the checked quantity would be if it had been made."""

    mistake: str
    consequence: Array


def fail(what: str, mistake: str) -> NoReturn:
    """Raise the AssertionError of a check: the property that failed and the likely mistake."""
    raise AssertionError(f"{what} Likely mistake: {mistake}.")


def require_close(
    what: str,
    found: Array | float,
    expected: Array | float,
    tolerance: Array | float,
    suspects: Iterable[Suspect] = (),
    lam: Array | None = None,
    otherwise: str = "a dropped or misplaced term",
) -> None:
    """Raise AssertionError unless found is within ``tolerance`` of expected, everywhere.

    ``suspects`` are tried in turn on the wrong number.  ``lam`` lets the log of a scale be told
    from the scale itself: a derivative in one is exp(+-lam) times that in the other.

    Raises
    ------
    AssertionError
        With the worst entry and the likely mistake.
    """
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    wrong = ~(np.abs(found - expected) <= tolerance)
    if not wrong.any():
        return
    worst = np.unravel_index(
        np.argmax(np.where(wrong, np.abs(found - expected) / (tolerance + 1e-300), 0)), found.shape
    )
    where = f"[{', '.join(str(i) for i in worst)}]" if worst else ""
    limit = np.broadcast_to(tolerance, found.shape)[worst]
    report = (
        f"{what}: entry{where} is {found[worst]:.6g} and should be {expected[worst]:.6g} "
        f"(tolerance {limit:.2g}; {int(wrong.sum())} of {wrong.size} entries are wrong)."
    )
    fail(report, _name(found, expected, tolerance, list(suspects), lam) or otherwise)


def _name(
    found: Array,
    expected: Array,
    tolerance: Array | float,
    suspects: list[Suspect],
    lam: Array | None,
) -> str | None:
    """The first suspect whose consequence is what was found."""
    if not np.isfinite(found).all():
        return "NaN or infinity, e.g. the log of a negative number, or exp of a large one"
    for suspect in suspects:
        if (np.abs(found - suspect.consequence) <= tolerance).all():
            return suspect.mistake
    return _scaled(found, expected, tolerance) or _log_scale(found, expected, tolerance, lam)


def _scaled(found: Array, expected: Array, tolerance: Array | float) -> str | None:
    """Whether everything is off by one factor."""
    norm = float(np.sum(expected**2))
    factor = float(np.sum(found * expected)) / norm if norm > 0 else 0.0
    if norm == 0 or not (np.abs(found - factor * expected) <= 2 * np.asarray(tolerance)).all():
        return None
    if abs(factor) < 0.01:
        return "it vanishes: a lost term, or a mean over the wrong axis"
    if abs(factor + 1) < 0.02:
        return "the sign is wrong"
    if abs(factor - 2) < 0.02:
        return "a factor of 2: a term counted twice, or both gradient paths at once"
    return f"everything is scaled by {factor:.3g}"


def _log_scale(
    found: Array, expected: Array, tolerance: Array | float, lam: Array | None
) -> str | None:
    """Whether the wrong columns are off by exp(+-lam), as sigma is from log sigma."""
    if lam is None:
        return None
    wrong = (np.abs(found - expected) > tolerance).any(axis=tuple(range(found.ndim - 1)))
    for sign in (1, -1):
        candidate = np.where(wrong, expected * np.exp(sign * lam), expected)
        slack = np.where(wrong, 2 * tolerance, tolerance)
        if (np.abs(found - candidate) <= slack).all():
            return (
                f"columns {np.flatnonzero(wrong).tolist()} of lam hold the log of a scale, but "
                "the derivative is in the scale itself (sigma for log sigma)"
            )
    return None
