"""What an estimator declares about its bias.

    |E[grad] - exact gradient| <= C h^r      as h -> 0,

with r the declared order and h an argument of the estimator.  No bias is the order infinity; a
bias of unknown size, which need not vanish with anything, is the order 0.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Bias(NamedTuple):
    """The order of a bias, and the argument with which it vanishes.

    Attributes
    ----------
    order : float
        r: infinity for none, 0 for a bias of unknown size.
    parameter : str
        The keyword argument h of the estimator; empty where the bias vanishes with none.
    coarse : float
        A value of h at which the bias is seen easily: `bbvi.checks.check_estimator` compares the
        biases at ``coarse`` and at a half and a quarter of it.

    Examples
    --------
    >>> str(UNBIASED), str(UNKNOWN), str(Bias(2, "step"))
    ('none', 'unknown', 'O(step^2)')
    """

    order: float
    parameter: str = ""
    coarse: float = 0.5

    def __str__(self) -> str:
        if self.order == math.inf:
            return "none"
        if not self.order:
            return "unknown"
        return f"O({self.parameter}{'' if self.order == 1 else f'^{self.order:g}'})"

    @property
    def vanishes(self) -> bool:
        """Whether there is a bias, and an argument with which it vanishes."""
        return 0 < self.order < math.inf

    def value(self, estimator: Callable[..., Any]) -> float:
        """The value of h that a call without it uses.

        Raises
        ------
        ValueError
            If the estimator has no such argument, or one without a number as default.
        """
        argument = inspect.signature(estimator).parameters.get(self.parameter)
        if argument is None or not isinstance(argument.default, (int, float)):
            raise ValueError(
                f"the bias is declared as {self}, but the estimator has no keyword argument "
                f"{self.parameter!r} with a number as default; expected the name of the argument "
                "with which the bias vanishes. Declare another bias, or rename the argument."
            )
        return float(argument.default)


UNBIASED = Bias(math.inf)
"""The mean of the estimate is the gradient."""

UNKNOWN = Bias(0)
"""A bias that nothing is said about, as of a relaxation at a fixed temperature."""
