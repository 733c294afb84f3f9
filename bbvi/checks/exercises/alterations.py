"""Typical mistakes made by machine: the right formula, altered in one place.

The checks list what is peculiar to an exercise.  What may happen to any formula is tried by
machine: an argument with another sign or power, two arguments exchanged, a term with another
factor, a factor or a shift by a size; `slips` alters the text of the formula.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, combinations
from typing import Any

import numpy as np

from bbvi.checks.exercises.slips import Formula
from bbvi.checks.mistakes import Suspect
from bbvi.types import Array

Sizes = Mapping[str, int]

_MEANS = (0.0, -1.0, 2.0, 0.5, -0.5, -2.0)


def altered_arguments(
    formula: Formula, arguments: Mapping[str, Any], part: int | None = None
) -> Iterator[Suspect]:
    """``formula`` with one argument altered, or two of one shape exchanged."""
    arrays = {
        key: value
        for key, value in arguments.items()
        if isinstance(value, np.ndarray | np.floating | float)
    }
    tries: list[tuple[str, dict[str, Any]]] = [
        (mistake, {key: other})
        for key, value in arrays.items()
        for mistake, other in _alterations(key, np.asarray(value))
    ]
    for one, other in combinations(arrays, 2):
        if np.shape(arrays[one]) == np.shape(arrays[other]):
            swapped = {one: arrays[other], other: arrays[one]}
            tries.append((f"{one} and {other} are exchanged", swapped))
            tries.append((f"{other} where {one} is meant", {one: arrays[other]}))
            tries.append((f"{one} where {other} is meant", {other: arrays[one]}))
    with np.errstate(all="ignore"):
        for mistake, changed in tries:
            try:
                returned = formula(*{**arguments, **changed}.values())
                consequence = np.asarray(returned if part is None else returned[part], dtype=float)
            except (ValueError, TypeError, IndexError):  # no formula for such an argument
                continue
            if np.isfinite(consequence).all():
                yield Suspect(mistake, consequence)


def _alterations(name: str, value: Array) -> Iterator[tuple[str, Array]]:
    """(what was done to the argument, the altered argument)."""
    if value.dtype == bool:
        yield f"{name} is upside down: True and False are exchanged", ~value
        yield f"{name} is not used", np.ones_like(value)
        return
    if value.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if name.startswith(("log_scale", "log_sigma")):
            sigma = name.removeprefix("log_").replace("scale", "sigma")
            yield f"np.exp({name}) is missing: {sigma} and its log are confused", np.log(value)
            yield f"np.exp({name}) was applied twice", np.exp(value)
            yield f"{sigma} squared, where {sigma} is meant (a factor 2 of {name})", 2 * value
            yield f"the square root of {sigma}, where {sigma} is meant", value / 2
            yield f"divided by {sigma} where it is multiplied, or the other way round", -value
        yield f"the sign of {name} is wrong", -value
        yield f"{name} is not used", 0 * value
        yield f"{name} counts twice", 2 * value
        yield f"{name} is halved", value / 2
        yield f"{name} is squared", value**2
        yield f"the square root of {name}", np.sqrt(np.abs(value))
        yield f"the absolute value of {name}", np.abs(value)
        yield f"the exponential of {name}, where {name} is meant", np.exp(value)
        yield f"the logarithm of {name}, where {name} is meant", np.log(np.abs(value))
        yield f"divided by {name} where it is multiplied, or the other way round", 1 / value
        yield f"1 - {name} instead of {name}", 1 - value
        yield from _along_axes(name, value)


def _along_axes(name: str, value: Array) -> Iterator[tuple[str, Array]]:
    """The argument averaged, summed, shifted, transposed, or its first entry for all."""
    for axis in range(value.ndim):
        mean = np.broadcast_to(value.mean(axis=axis, keepdims=True), value.shape)
        first = np.broadcast_to(np.take(value, [0], axis=axis), value.shape)
        last = np.broadcast_to(np.take(value, [-1], axis=axis), value.shape)
        yield f"{name} was averaged over axis {axis} first", mean
        yield f"{name} was summed over axis {axis} first", mean * value.shape[axis]
        yield f"{name} minus its mean over axis {axis}", value - mean
        yield f"only the first entry of {name} along axis {axis} is used (a wrong index)", first
        yield f"only the last entry of {name} along axis {axis} is used (a wrong index)", last
        yield f"{name} is reversed along axis {axis}", np.flip(value, axis)
        yield f"{name} is shifted by one along axis {axis}", np.roll(value, 1, axis)
    if value.ndim > 1:
        yield (
            f"{name} was averaged over all entries first",
            np.full(value.shape, value.mean()),
        )
        yield f"{name} minus its mean over everything", value - value.mean()
        yield f"{name} divided by its sum over everything", value / value.sum()
    if value.ndim > 1 and value.shape[-1] == value.shape[-2]:
        yield f"{name} is transposed", value.swapaxes(-1, -2)
        yield f"only the diagonal of {name} is used", value * np.eye(value.shape[-1])
        yield f"the inverse of {name} (or its inverse is missing)", np.linalg.inv(value)


def name_of_terms(
    returned: Array, expected: Array, limit: Array, terms: Mapping[str, Array]
) -> str | None:
    """Which of the ``terms``, whose sum is ``expected``, has another factor in ``returned``."""
    error = returned - expected

    def fits(change: Array) -> bool:
        return bool((np.abs(error - change) <= 2 * limit).all())

    for name, term in terms.items():
        term = np.broadcast_to(term, expected.shape)
        factor = 1 + float(np.sum(error * term) / max(float(np.sum(term**2)), 1e-300))
        if expected.size > 1 and fits((factor - 1) * term):
            return _factor(name, factor)
        for mistake, other in _spread(term):
            if fits(other - term):
                return f"{name} was {mistake}"
    for (name, one), (partner, two) in combinations(terms.items(), 2):
        for a in _MEANS:
            for b in _MEANS:
                if fits((a - 1) * one + (b - 1) * two):
                    return f"{_factor(name, a)}; and {_factor(partner, b)}"
    for words, scale in (
        ("a factor 1/2 is missing", 2.0),
        ("halved", 0.5),
        ("of the wrong sign", -1.0),
    ):
        for name, term in terms.items():
            for factor in (0.0, 1.0, -1.0, 2.0, -2.0):
                if factor != scale and fits((scale - 1) * expected + (factor - scale) * term):
                    return f"all but one term is wrong ({words}); {_factor(name, factor)}"
    for name, term in terms.items():
        if np.allclose(returned, np.broadcast_to(term, expected.shape), rtol=1e-5):
            return f"that is {name} alone: the other terms are missing"
    return None


def _spread(term: Array) -> Iterator[tuple[str, Array]]:
    for axis in range(term.ndim):
        total = term.sum(axis=axis, keepdims=True)
        word = "datapoints" if axis == term.ndim - 1 else "samples"
        yield f"summed over the {word} too", np.broadcast_to(total, term.shape)
        mean = total / term.shape[axis]
        yield f"averaged over the {word}: each has its own", np.broadcast_to(mean, term.shape)
    yield "summed over everything", np.full(term.shape, term.sum())


def _factor(name: str, factor: float) -> str:
    for value, words in (
        (0, "is missing"),
        (-1, "has the wrong sign"),
        (2, "counts twice (a factor 1/2 is missing?)"),
        (0.5, "is halved (a factor 2 is missing, or a mean stands for a sum?)"),
        (1, "is right"),
    ):
        if abs(factor - value) < 1e-4:
            return f"{name} {words}"
    return f"{name} is multiplied by {factor:.3g}, and should not be"


def name_of_size(returned: Array, expected: Array, limit: Array, sizes: Sizes) -> str | None:
    """A factor, a shift, or a function of the whole answer."""
    error = returned - expected
    shift, scale = float(error.mean()), float(np.sum(expected * returned) / np.sum(expected**2))
    single = expected.size == 1
    if (np.abs(error - shift) <= 2 * limit).all():
        for words, value in constants_of(sizes):
            for sign, verb in ((1, "is added"), (-1, "is subtracted")):
                if abs(shift - sign * value) <= 2 * float(np.max(limit)):
                    return f"{words} {verb}, once too often or with the wrong sign"
        if not single:
            return f"every entry is off by the same {shift:.4g}: a constant, or the log of a factor"
    if (np.abs(returned - scale * expected) <= 2 * limit * max(1.0, abs(scale))).all():
        for words, value in factors_of(sizes):
            for sign, before in ((1, ""), (-1, "the sign is wrong, and it is ")):
                if abs(scale - sign * value) <= 1e-4 * abs(value):
                    return f"{before}multiplied by {words}"
                if abs(scale - sign / value) <= 1e-4 / abs(value):
                    return f"{before}divided by {words}"
    with np.errstate(all="ignore"):
        for words, other in (
            ("exponential", np.exp(expected)),
            ("logarithm", np.log(np.abs(expected))),
            ("square", expected**2),
            ("square root", np.sqrt(np.abs(expected))),
            ("absolute value", np.abs(expected)),
            ("reciprocal", 1 / expected),
        ):
            if np.isfinite(other).all() and np.allclose(returned, other, rtol=1e-4):
                return f"that is the {words} of the right answer"
    for words, other in reductions(expected):
        if other.ndim == returned.ndim and np.allclose(returned, other, rtol=1e-4):
            return f"{words}: each entry has its own"
    for axis in range(expected.ndim):
        if np.allclose(returned, np.flip(expected, axis), rtol=1e-4):
            return f"the entries are in reversed order along axis {axis}"
        if np.allclose(returned, np.cumsum(expected, axis), rtol=1e-4):
            return f"a running sum along axis {axis} (np.cumsum)"
        for k in range(1, expected.shape[axis]):
            if np.allclose(returned, np.roll(expected, k, axis), rtol=1e-4):
                return f"the entries are shifted by {k} along axis {axis}: a wrong index"
    if np.allclose(np.sort(returned, axis=None), np.sort(expected, axis=None), rtol=1e-4):
        return "the right entries in another order: a wrong reshape, interleaved or exchanged parts"
    return None


def reductions(expected: Array) -> Iterator[tuple[str, Array]]:
    """The right answer, reduced once more over one or several axes."""
    for over in chain.from_iterable(
        combinations(range(expected.ndim), k + 1) for k in range(expected.ndim)
    ):
        places = ", ".join(map(str, over))
        for verb in ("mean", "sum", "max", "min", "prod"):
            for keep in (True, False):
                other = getattr(np, verb)(expected, axis=over, keepdims=keep)
                yield f"a {verb} over axis {places} too, of the right answer", other


def factors_of(sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Factors that a confusion of the sizes makes, in words."""
    for name, size in sizes.items():
        yield f"{size}, which is {name}", size
    for name, size in sizes.items():
        yield f"{size - 1}, which is {name} - 1", size - 1
        yield f"{size}/{size - 1}, which is {name} over {name} - 1", size / max(size - 1, 1)
        yield f"{size**2}, which is {name} squared", size**2
    for one, other in combinations(sizes, 2):
        a, b = sizes[one], sizes[other]
        yield f"{a}/{b}, which is {one} / {other}", a / b
        yield f"{a * b}, which is {one} times {other}", a * b
    yield "2", 2.0
    yield "4", 4.0


def constants_of(sizes: Sizes) -> Iterator[tuple[str, float]]:
    """Constants that a confusion of the sizes makes, in words."""
    half = 0.5 * float(np.log(2 * np.pi))
    for name, size in sizes.items():
        yield f"log({size}), the log of {name}", float(np.log(size))
        yield f"2 log({size}), twice the log of {name}", 2 * float(np.log(size))
        yield f"0.5 log(2 pi) for each of {name}", half * size
        yield f"0.5 for each of {name}", 0.5 * size
        yield f"{size}, which is {name}", float(size)
    for one, other in combinations(sizes, 2):
        ratio = float(np.log(sizes[one] / sizes[other]))
        yield f"log({one} / {other}): one size was taken for the other, and it", ratio
    yield "0.5 log(2 pi), a constant of one dimension,", half
    yield "log(2 pi)", 2 * half
    yield "0.5", 0.5
    yield "1", 1.0
