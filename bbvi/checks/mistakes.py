"""Turning a wrong number into the likely mistake, and showing that alone."""

import functools
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple, NoReturn, ParamSpec, TypeVar

import numpy as np

from bbvi.types import Array


class Suspect(NamedTuple):
    """A known mistake, and what the checked quantity would be if it had been made."""

    mistake: str
    consequence: Array


class CheckFailedError(AssertionError):
    """The AssertionError of a check: Jupyter shows its message and no frames."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows, and nbclient and nbgrader keep, instead of a traceback."""
        return [str(self)]

    def __reduce__(self) -> tuple[type[AssertionError], tuple[str]]:
        """A copy in another process is the built-in error, whose name this class bears."""
        return AssertionError, (str(self),)


# Readers know the built-in name: plain Python, Jupyter and doctest print it.
CheckFailedError.__name__ = CheckFailedError.__qualname__ = "AssertionError"
CheckFailedError.__module__ = "builtins"


def fail(what: str, mistake: str) -> NoReturn:
    """Raise the AssertionError of a check: the property that failed and the likely mistake."""
    raise CheckFailedError(f"{what} Likely mistake: {mistake}.")


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def without_frames(check: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a public check: its frames, whose source holds the solution, are not shown.

    A failed check keeps the caller's line alone.  Any other exception, of a student's function
    say, keeps the lines of that function.
    """

    @functools.wraps(check)
    def door(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return check(*args, **kwargs)
        except Exception as error:
            failed = isinstance(error, CheckFailedError)
            error.__traceback__ = None if failed else _others(error.__traceback__)
            if error.__context__ is not None:
                error.__context__.__traceback__ = _others(error.__context__.__traceback__)
                error.__suppress_context__ = error.__suppress_context__ or failed
            raise  # a bare raise adds no frame of this function

    return door


def place_of(error: Exception) -> str:
    """The user's line that raised, as " (FILE, line N)"; empty where the library's alone did."""
    place, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__")).partition(".")[0]
        if module not in ("bbvi", "autograd", "numpy", "scipy"):
            place = f" ({frame.f_code.co_filename}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _others(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of bbvi.checks."""
    if trace is None:
        return None
    rest = _others(trace.tb_next)
    if str(trace.tb_frame.f_globals.get("__name__")).startswith("bbvi.checks"):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def require_close(
    what: str,
    actual: Array | float,
    expected: Array | float,
    tolerance: Array | float,
    suspects: Iterable[Suspect] = (),
    lam: Array | None = None,
    otherwise: str = "a dropped or misplaced term",
) -> None:
    """Raise AssertionError unless ``actual`` is within ``tolerance`` of ``expected``, everywhere.

    ``suspects`` are compared with the wrong number, and the nearest is named.  ``lam`` lets the
    log of a scale be told from the scale: a derivative in one is exp(+-lam) times the other's.

    Raises
    ------
    AssertionError
        With the worst entry and the likely mistake.
    """
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    wrong = ~(np.abs(actual - expected) <= tolerance)
    if not wrong.any():
        return
    worst = np.unravel_index(
        np.argmax(np.where(wrong, np.abs(actual - expected) / (tolerance + 1e-300), 0)),
        actual.shape,
    )
    where = f"[{', '.join(str(i) for i in worst)}]" if worst else ""
    limit = np.broadcast_to(tolerance, actual.shape)[worst]
    report = (
        f"{what}: entry{where} is {actual[worst]:.6g} and should be {expected[worst]:.6g} "
        f"(tolerance {limit:.2g}; {int(wrong.sum())} of {wrong.size} entries are wrong)."
    )
    fail(report, _name(actual, expected, tolerance, list(suspects), lam) or otherwise)


def _name(
    actual: Array,
    expected: Array,
    tolerance: Array | float,
    suspects: list[Suspect],
    lam: Array | None,
) -> str | None:
    """The suspect whose consequence is nearest to the actual number; failing these, a factor."""
    if not np.isfinite(actual).all():
        return "NaN or infinity, e.g. the log of a negative number, or exp of a large one"
    if actual.size > 1:
        suspects = suspects + [
            Suspect("the sign is wrong", -expected),
            Suspect("it vanishes: a lost term", 0 * expected),
            Suspect("a term counted twice, or both gradient paths at once", 2 * expected),
        ]
    if lam is not None:
        suspects = suspects + _log_scales(actual, expected, tolerance, lam)
    unit = np.asarray(tolerance) + 1e-300
    misfits = [float((np.abs(actual - s.consequence) / unit).max()) for s in suspects]
    if misfits and min(misfits) <= 1:
        # The first of those that agree to rounding: the most specific ones are listed first.
        close = max(1e-3, min(misfits))
        return next(s.mistake for s, misfit in zip(suspects, misfits) if misfit <= close)
    factor = float(np.sum(actual * expected) / max(float(np.sum(expected**2)), 1e-300))
    if actual.size > 1 and (np.abs(actual - factor * expected) <= 2 * unit).all():
        # Two digits of a factor near 1 would name nothing.
        return f"everything is scaled by {factor:{'.2g' if abs(factor - 1) > 0.05 else '.6g'}}"
    return None


def _log_scales(
    actual: Array, expected: Array, tolerance: Array | float, lam: Array
) -> list[Suspect]:
    """The wrong columns off by exp(+-lam), as a derivative in sigma is from one in log sigma."""
    wrong = (np.abs(actual - expected) > tolerance).any(axis=tuple(range(actual.ndim - 1)))
    mistake = (
        f"columns {np.flatnonzero(wrong).tolist()} of lam hold the log of a scale, but the "
        "derivative is in the scale itself (sigma for log sigma)"
    )
    return [
        Suspect(mistake, np.where(wrong, expected * np.exp(sign * lam), expected))
        for sign in (1, -1)
    ]
