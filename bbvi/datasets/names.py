"""Real text that every Python carries: the names of Unicode characters."""

import sys
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bbvi.types import Array
from bbvi.validation import as_count, as_float_array

ALPHABET = " ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
"""The characters of a name; a code is the position here plus 1, and 0 is the end of the name."""


class Text(NamedTuple):
    """Names as code rows x (N, T) of floats, padded by 0, and as strings."""

    x: Array
    names: tuple[str, ...]


def unicode_names(max_length: int = 12, first: int = 0x1F300, last: int = 0x1FAFF) -> Text:
    """Names of characters from ``first`` to ``last`` of at most ``max_length`` letters.

    By default the pictographs: "VOLCANO", "HONEYBEE", "WAVING HAND".  Names with digits are left
    out.  x has T = max_length + 1 columns, so that every name has its end.

    Notes
    -----
    The Unicode Character Database as in the standard library's ``unicodedata``; a newer Python
    knows a few names more.

    Raises
    ------
    ValueError
        If the range is no range of characters, or no name in it is that short.

    Examples
    --------
    >>> text = unicode_names(max_length=8)
    >>> text.x.shape[1], text.names[:3]
    (9, ('CYCLONE', 'FOGGY', 'SUNRISE'))
    """
    as_count("max_length", max_length)
    if not 0 <= first <= last <= sys.maxunicode:
        raise ValueError(
            f"first and last are {first:#x} and {last:#x}; expected 0 <= first <= last <= "
            f"{sys.maxunicode:#x}."
        )
    names = (unicodedata.name(chr(code), "") for code in range(first, last + 1))
    chosen = tuple(
        name for name in names if 0 < len(name) <= max_length and set(name) <= set(ALPHABET)
    )
    if not chosen:
        raise ValueError(
            f"max_length is {max_length}, but no name from U+{first:04X} to U+{last:04X} is that "
            "short; allow longer names or another range."
        )
    return Text(encode(chosen, max_length + 1), chosen)


def encode(names: Sequence[str], num_steps: int, alphabet: str = ALPHABET) -> Array:
    """Strings -> codes (N, num_steps), 1 + position in the alphabet, 0 after the end.

    Raises
    ------
    TypeError
        If names is one string, or holds something else than strings.
    ValueError
        If there is no string, one is empty or longer than ``num_steps``, or a character is not
        in the alphabet.

    Examples
    --------
    >>> encode(["BAD", "C"], num_steps=4, alphabet="ABCD").tolist()
    [[2.0, 1.0, 4.0, 0.0], [3.0, 0.0, 0.0, 0.0]]
    """
    as_count("num_steps", num_steps)
    if isinstance(names, str):
        raise TypeError(f"names is the string {names!r}; expected a list of them: [{names!r}].")
    strangers = [name for name in names if not isinstance(name, str)]
    if strangers:
        raise TypeError(f"names holds {strangers[0]!r}; expected strings only.")
    if not len(names):
        raise ValueError("names is empty; expected at least one string.")
    codes = {character: code for code, character in enumerate(alphabet, start=1)}
    x = np.zeros((len(names), num_steps))
    for row, name in enumerate(names):
        if not 0 < len(name) <= num_steps:
            raise ValueError(
                f"names[{row}] is {name!r} of length {len(name)}; expected 1 to {num_steps} "
                "characters. Cut it, or use a larger num_steps."
            )
        for column, character in enumerate(name):
            if character not in codes:
                raise ValueError(
                    f"names[{row}] is {name!r}, whose character {character!r} is not in the "
                    f"alphabet {alphabet!r}. Replace it (perhaps name.upper()), or pass a larger "
                    "alphabet."
                )
            x[row, column] = codes[character]
    return x


def decode(x: Array, alphabet: str = ALPHABET) -> list[str]:
    """Codes (N, T) -> strings, each up to its first 0.

    Raises
    ------
    ValueError
        If a code is not a whole number from 0 to the alphabet's length.
    """
    x = as_float_array("x", x, ndim=2)
    if not ((x >= 0) & (x <= len(alphabet)) & (x == np.round(x))).all():
        raise ValueError(
            f"x has values from {x.min():g} to {x.max():g}; expected whole-number codes from 0 to "
            f"{len(alphabet)}."
        )
    symbols = "\0" + alphabet
    return ["".join(symbols[int(code)] for code in row).split("\0")[0] for row in x]
