"""Is a student's function the equation on the blackboard?

A wrong number is compared with what the known mistakes would give, and the one that gives it is
named.  Every check of this kind goes through `check_answer`.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import (
    altered_arguments,
    name_of_size,
    name_of_terms,
    reductions,
)
from bbvi.checks.exercises.pairs import name_of_pair, name_of_two
from bbvi.checks.exercises.sizes import SIZES
from bbvi.checks.exercises.slips import Formula, slips
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.types import Array

Answer = Callable[..., Any]
"""A student's function; it is called with the arguments in order."""


@without_frames
def check_answer(
    answer: Answer,
    arguments: Mapping[str, Any],
    expected: Any,
    suspects: Iterable[Suspect] = (),
    *,
    otherwise: str = "a dropped or misplaced term",
    part: int | None = None,
    formula: Formula | Iterable[Formula] | None = None,
    terms: Mapping[str, Array] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> None:
    """Check that ``answer(*arguments)`` is ``expected``, and name the mistake if it is not.

    Parameters
    ----------
    answer : callable
        The function to check.
    arguments : mapping
        Name -> value, passed by position; none of them may be changed.
    expected : ndarray, or tuple of ndarray
        The right answer.
    suspects : iterable of Suspect
        What known mistakes would give, in any shape.
    otherwise : str
        The likely mistake if no suspect fits.
    part : int, optional
        Which entry of a pair of answers this is about; by default the answer is one array.
    formula : callable, or iterable of callable, optional
        The right answer as a function of the arguments, in one or several ways of
        writing it.  It is tried with each argument altered
        (sign, power, mean, transpose, ...) and with each slip in its text (`+` for `-`, a lost
        factor, another axis), and the alteration that gives the answer is named.
    terms : mapping, optional
        Name -> array, with sum ``expected``: a term with another factor is named.
    sizes : mapping, optional
        Name -> number, such as {"S, the number of samples": 5}: a factor or shift made of them
        is named.

    Raises
    ------
    AssertionError
        With the worst entry and the likely mistake.
    NotImplementedError
        From an answer that has not been written yet.

    Examples
    --------
    >>> import numpy as np
    >>> def mean_square(x):
    ...     return np.sum(x**2)
    >>> x = np.array([1.0, 2.0])
    >>> check_answer(mean_square, {"x": x}, np.mean(x**2), [Suspect("a sum", np.sum(x**2))])
    Traceback (most recent call last):
    ...
    AssertionError: mean_square: entry is 5 and should be 2.5 ... Likely mistake: a sum.
    """
    returned = call(answer, arguments)
    name = name_of(answer)
    if part is not None:
        if not (isinstance(returned, tuple | list) and len(returned) == 2):
            fail(f"{name} returned {_kind(returned)}.", "it should return a pair: return a, b")
        returned, name = returned[part], f"{name} [{part}]"
    if formula is None:
        require_answer(name, returned, expected, suspects, otherwise, terms, sizes)
        return
    formulas = [formula] if callable(formula) else list(formula)
    known = chain(suspects, altered_arguments(formulas[0], arguments, part))
    by_machine = chain.from_iterable(slips(each, arguments, part) for each in formulas)
    require_answer(name, returned, expected, known, otherwise, terms, sizes, by_machine)


def check_formula(
    answer: Answer,
    arguments: Mapping[str, Any],
    formula: Formula,
    suspects: Iterable[Suspect] = (),
    *,
    also: Iterable[Formula] = (),
    terms: Mapping[str, Array] | None = None,
    sizes: Mapping[str, int] = SIZES,
    part: int | None = None,
) -> None:
    """`check_answer`, where the right answer is ``formula(*arguments)``.

    ``also`` are other ways to write it, whose slips are other ones.
    """
    expected = formula(*arguments.values())
    check_answer(
        answer,
        arguments,
        expected if part is None else expected[part],
        suspects,
        part=part,
        formula=[formula, *also],
        terms=terms,
        sizes=sizes,
    )


def call(answer: Answer, arguments: Mapping[str, Any]) -> Any:
    """``answer(*arguments)``, refusing None and changed arguments."""
    arrays = {key: value for key, value in arguments.items() if isinstance(value, np.ndarray)}
    before = copy.deepcopy(arrays)
    returned = answer(*arguments.values())
    for key, value in arrays.items():
        if not np.array_equal(value, before[key]):
            fail(
                f"{name_of(answer)} changed its argument {key}.",
                "an in-place operation (+=, item assignment) on the argument; work on a copy",
            )
    if returned is None:
        fail(f"{name_of(answer)} returned None.", "the return statement is missing")
    return returned


def require_answer(
    name: str,
    returned: Any,
    expected: Any,
    suspects: Iterable[Suspect] = (),
    otherwise: str = "a dropped or misplaced term",
    terms: Mapping[str, Array] | None = None,
    sizes: Mapping[str, int] | None = None,
    by_machine: Iterable[Suspect] = (),
) -> None:
    """Raise AssertionError unless an array is the expected one, in shape and value.

    ``suspects`` come first, then the ``terms``, then the slips ``by_machine``, then the ``sizes``.
    """
    # Wide enough for an answer in float32, and far below what any mistake makes.
    single = isinstance(returned, np.ndarray | np.generic) and returned.dtype == np.float32
    precision = 1e-3 if single else 1e-5
    whole = isinstance(returned, np.ndarray) and returned.dtype.kind in "iu"
    returned, expected = as_array(name, returned), np.asarray(expected, dtype=float)
    if whole and (expected % 1 != 0).any():
        otherwise = "an integer array, which cuts off fractions: np.zeros(shape) is of floats"
    if returned.shape != expected.shape:
        fail(
            f"{name} has shape {returned.shape} and should have {expected.shape}.",
            _explain_shape(returned, expected, chain(suspects, by_machine), sizes or {}),
        )
    limit = precision * (1 + np.abs(expected))
    if (np.abs(returned - expected) <= limit).all():
        return
    alike = [s for s in suspects if np.shape(s.consequence) == expected.shape]

    def fits(consequence: Array) -> bool:
        return bool((np.abs(returned - consequence) <= limit).all())

    if np.isfinite(returned).all() and not any(
        fits(s.consequence) for s in [*alike, *_signs(expected)]
    ):
        words = name_of_terms(returned, expected, limit, terms or {})
        tried: list[Suspect] = []
        if not words:
            tried = [s for s in by_machine if np.shape(s.consequence) == expected.shape]
            words = next((s.mistake for s in tried if fits(s.consequence)), None)
        words = words or name_of_size(returned, expected, limit, sizes or {})
        words = words or name_of_two(returned, [*alike, *tried], limit, sizes or {})
        words = words or name_of_pair(returned, expected, [*alike, *tried], limit)
        alike += [Suspect(words, returned)] if words else []
    require_close(name, returned, expected, limit, alike, otherwise=otherwise)


def _signs(expected: Array) -> list[Suspect]:
    """The whole answer with the wrong sign, which `require_close` names."""
    return [Suspect("the sign is wrong", -expected)] if expected.size > 1 else []


def name_of(answer: Answer) -> str:
    """What to call a student's function in a message."""
    return getattr(answer, "__name__", type(answer).__name__)


def as_array(name: str, returned: Any) -> Array:
    """The answer as one array of numbers, or an AssertionError that says what it is instead."""
    try:
        return np.asarray(returned, dtype=float)
    except (TypeError, ValueError):
        fail(f"{name} returned {_kind(returned)}.", "it should return one array of numbers")


def _explain_shape(
    returned: Array, expected: Array, suspects: Iterable[Suspect], sizes: Mapping[str, int]
) -> str:
    if returned.size == expected.size and np.allclose(
        returned.ravel(), expected.ravel(), rtol=1e-4
    ):
        return "the right numbers in another shape: stacked, or reduced, along another axis"
    for suspect in suspects:
        consequence = np.asarray(suspect.consequence, dtype=float)
        if returned.shape == consequence.shape and np.allclose(returned, consequence, rtol=1e-4):
            return suspect.mistake
    if returned.ndim == 2 and returned.shape == 2 * expected.shape:
        return "an (N, 1) and an (N,) array make (N, N): take the column, as in a[:, 0]"
    if returned.ndim > 1 and returned.shape == expected.shape[::-1]:
        return "the answer is transposed"
    for words, reduced in reductions(expected):
        if returned.shape == reduced.shape and np.allclose(returned, reduced, rtol=1e-4):
            return words
    if returned.squeeze().shape == expected.squeeze().shape:
        return "an axis of length 1 too many or too few (keepdims, None), along another axis"
    if returned.size == expected.size:
        return "the right number of entries, stacked or concatenated along another axis"
    names = {size: name for name, size in sizes.items()}
    left = [names[n] for n in returned.shape if n in names and n not in expected.shape]
    lost = [names[n] for n in expected.shape if n in names and n not in returned.shape]
    axes = [f"an axis is left over, that of {name}: sum or average over it" for name in left]
    axes += [
        f"an axis is lost, that of {name}: a sum over too much, or an argument is not used"
        for name in lost
    ]
    if axes:
        return "; and ".join(axes)
    return "a sum or mean over the wrong axis (samples are axis 0, datapoints 1, dimensions -1)"


def _kind(returned: Any) -> str:
    return (
        f"{len(returned)} values" if isinstance(returned, tuple | list) else type(returned).__name__
    )
