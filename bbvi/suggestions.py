"""What a mistyped name was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A sentence for the end of a message, with a space before it; empty if nothing is near.

    Parameters
    ----------
    name : object
        What came; only text can be mistyped.
    known : iterable of str
        What was expected.

    Examples
    --------
    >>> did_you_mean("semi-amortised", ["amortized", "semi-amortized"])
    " Did you mean 'semi-amortized'?"
    >>> did_you_mean("digits", ["iris"])
    ''
    """
    if not isinstance(name, str):
        return ""
    spelled = {_plain(one): one for one in reversed(list(known))}
    near = get_close_matches(_plain(name), spelled, n=1, cutoff=0.65)
    return f" Did you mean {spelled[near[0]]!r}?" if near else ""


def _plain(name: str) -> str:
    """In small letters, with one kind of separator; an option's dashes are no likeness."""
    return name.lower().replace("_", "-").replace(" ", "-").strip("-")
