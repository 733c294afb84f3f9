"""The warning that an optimum was not reached, given where the user's own code can be read."""

import sys
import warnings


class NotConvergedWarning(UserWarning):
    """The result claims an optimum that has not been reached everywhere."""


def warn_not_converged(text: str) -> None:
    """A `NotConvergedWarning` at the line outside this package that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _is_ours(frame.f_globals):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, NotConvergedWarning, stacklevel=level)


def _is_ours(names: dict[str, object]) -> bool:
    """Whether a frame's module is of this package."""
    return str(names.get("__name__")).partition(".")[0] == "bbvi"
