"""Two slips at once: their changes of the right answer add up, or multiply."""

import numpy as np

from bbvi.checks.exercises.alterations import Sizes, constants_of, factors_of
from bbvi.checks.mistakes import Suspect
from bbvi.types import Array


def name_of_two(returned: Array, suspects: list[Suspect], limit: Array, sizes: Sizes) -> str | None:
    """A slip, and the sign or a factor or a constant of the whole beside it."""
    if returned.size < 3:
        return None  # two numbers fit too many pairs of slips
    spread = returned - returned.mean()
    for mistake, consequence in suspects:
        scale = float(np.sum(returned * consequence) / max(float(np.sum(consequence**2)), 1e-300))
        if (np.abs(returned - scale * consequence) <= limit).all() and abs(scale) > 1e-3:
            if scale < 0 and abs(scale + 1) < 1e-4:
                return f"{mistake}; and the sign is wrong"
            factors = [*factors_of(sizes), ("log(10)", np.log(10.0)), ("log(2)", np.log(2.0))]
            for words, value in factors:
                for size, verb in ((value, "multiplied"), (1 / value, "divided")):
                    if abs(abs(scale) / size - 1) < 1e-4:
                        return f"{mistake}; and it is {verb} by {words}"
        if (np.abs(spread - (consequence - consequence.mean())) <= limit).all():
            shift = float((returned - consequence).mean())
            for words, value in constants_of(sizes):
                if abs(abs(shift) - value) < 1e-4 * value:
                    return f"{mistake}; and {words} is added or subtracted"
    return None


def name_of_pair(
    returned: Array, expected: Array, suspects: list[Suspect], limit: Array
) -> str | None:
    """Two slips in different terms, or in different factors, of the right answer.

    Slips a and b in different terms of a sum give returned = expected + (a - expected) +
    (b - expected); in different factors, returned = a b / expected.
    """
    if returned.size < 3 or not suspects:
        return None  # two numbers fit too many pairs of slips
    right, answer, room = expected.ravel(), returned.ravel(), 2 * limit.ravel()
    tried = np.array([suspect.consequence.ravel() for suspect in suspects])
    with np.errstate(all="ignore"):
        for k, one in enumerate(tried):
            sums, products = one + tried - right, one * tried / right
            for together in (sums, products):
                fits = (np.abs(together - answer) <= room).all(axis=1)
                fits[k] = False  # one slip, twice, is another slip
                if fits.any():
                    other = suspects[int(np.argmax(fits))].mistake
                    return f"two slips: {suspects[k].mistake}; and {other}"
    return None
