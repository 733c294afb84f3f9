"""One bad argument at a time, to every public name of bbvi: refused, or harmless.

A call with a bad argument may end in a documented exception, give the answer of the valid call, or
an answer that is visibly not finite.  A count that is another number may give another finite
answer; a masked, misshapen or mistyped array may not.

Methods of families and models are inside: the functions at the front have looked at what they
pass.  They promise less, that their arrays (lam, z, eps, x) are not broadcast and not masked; what
is no array there ends in Python's own exceptions.
"""

import contextlib
import io
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from fault_endings import ending
from fault_values import bad_values, is_finite, plain
from public_calls import Call, public_calls

import bbvi
from bbvi.families import diagonal_gaussian

ARRAYS = ("lam", "z", "eps", "x")
INSIDE = ("masked", "a column", "a row", "transposed")
"""What methods refuse, in their arrays."""


def cases(calls: dict[str, Call]) -> list[tuple[str, str, str, Any, bool]]:
    """Name of the call, argument, what is bad, the bad value, whether it may have an answer."""
    found = []
    for name, call in calls.items():
        for argument, value in call.arguments().items():
            rows, shape = argument not in call.free, argument not in call.wide
            for what, bad, may in bad_values(value, rows, shape):
                if "." not in name or (argument in ARRAYS and what.startswith(INSIDE)):
                    found.append((name, argument, what, bad, may))
    return found


def kind_of(name: str) -> str:
    if "." in name:
        return "a method"
    return "a function" if name.partition(" ")[0].islower() and " " not in name else "a class"


def answer(call: Call, **changes: Any) -> Any:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return plain(call.function(**{**call.arguments(), **changes}))


def arguments(rng: np.random.Generator, count: int, only: str = "") -> Iterator[tuple[str, str]]:
    """Bad arguments in a random order."""
    calls = {name: call for name, call in public_calls().items() if name.startswith(only)}
    known: dict[str, Any] = {}
    everything = cases(calls)
    for i in rng.permutation(len(everything))[:count]:
        name, argument, what, bad, may = everything[i]
        kind = "argument of " + kind_of(name)
        call = calls[name]
        if name not in known:
            with mock.patch("warnings.warn"), np.errstate(all="ignore"):
                known[name] = answer(call)

        def judged(call: Call = call, argument: str = argument, bad: Any = bad, may: bool = may,
                   expected: Any = known[name]) -> str:  # fmt: skip
            try:
                result = answer(call, **{argument: bad})
            except MemoryError as error:  # one line of the command, which says how much
                return "" if str(error) else "MemoryError without a message"
            if repr(result) == repr(expected) or not is_finite(result) or may:
                return ""
            return "accepted, with another finite answer"

        with np.errstate(all="ignore"):
            trouble = ending(judged)
        yield kind, trouble and f"{name}, {argument} {what}: {trouble}"


@contextlib.contextmanager
def swallowed() -> Iterator[None]:
    """Negative control: shapes are not looked at."""
    with mock.patch.object(diagonal_gaussian, "check_rows"):
        yield


@contextlib.contextmanager
def leaked() -> Iterator[None]:
    """Negative control: a procedure that uses what it is given."""

    def fit(**given: Any) -> Any:
        return given["rng"].random() + given["model"].latent_dim

    with mock.patch.object(bbvi, "fit_bbvi", fit):
        yield


def of(name: str) -> Any:
    return partial(arguments, only=name), 60, f"argument of {kind_of(name)}"


CONTROLS = {
    "shapes not looked at": (swallowed, *of("DiagonalGaussian.log_prob")),
    "arguments not looked at": (leaked, *of("fit_bbvi")),
}
"""Name -> what breaks a target, the campaign that must see it, its cases, and the kind."""
