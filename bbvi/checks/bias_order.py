"""Does a bias vanish as fast as it is declared to?

With b(h) = C h^r + ... the difference of the means at h and h / 2 is C (1 - 2^-r) h^r, and the next
one, at h / 2 and h / 4, is 2^-r of it.  The same noise at all three leaves little variance in the
differences.  An order is refuted where the second difference is nearer to what the next lower
order would leave, 2^-(r - 1), than to 2^-r.
"""

import copy
from functools import partial
from typing import Any

import numpy as np

from bbvi.checks.mistakes import fail
from bbvi.checks.replicates import BLOCKS, Rows
from bbvi.checks.statistics import LIMIT, mean_of
from bbvi.estimators.bias import Bias
from bbvi.types import Array

REPLICATES = 2**14
SAFETY = 2.0
"""Terms of higher order may add to the leading one."""


def check_order(
    rows: Rows, rng: np.random.Generator, bias: Bias, max_rows: int
) -> dict[str, Array]:
    """Raise unless the biases at h, h / 2 and h / 4 fall as declared.

    Returns
    -------
    dict
        Name of an array -> the bias that the declaration leaves it at the estimator's own h.

    Raises
    ------
    AssertionError
        Naming the array, and how fast its bias fell.
    """
    h = bias.value(rows.estimator)
    R = max(1, min(REPLICATES, max_rows) // (BLOCKS * len(rows.lam)))
    steps = [bias.coarse / divisor for divisor in (1, 2, 4)]
    means = []
    for step in steps:
        at_step: Any = partial(rows.estimator, **{bias.parameter: step})  # type: ignore[arg-type]
        means.append(rows._replace(estimator=at_step).replicate(copy.deepcopy(rng), R))
    allowed = {}
    for name in means[0]:
        wide, narrow = (mean_of(means[i][name] - means[i + 1][name]) for i in (0, 1))
        size = np.abs(wide.value)
        falls = 2.0 ** -(bias.order - 0.5)
        limit = falls * size + LIMIT * (narrow.error + falls * wide.error)
        rounding = 1e-9 * (1 + np.abs(means[0][name]).max()) / bias.coarse
        excess = np.abs(narrow.value) - limit - rounding
        if (excess > 0).any():
            worst = np.unravel_index(np.argmax(excess), excess.shape)
            fail(
                f"{name} has a bias that does not vanish as {bias} (S = {rows.S}): the mean moves "
                f"by {size[worst]:.3g} from {bias.parameter} = {steps[0]:g} to {steps[1]:g}, and "
                f"by {np.abs(narrow.value)[worst]:.3g} from there to {steps[2]:g}; expected "
                f"{2.0**-bias.order:.3g} of the former.",
                "a one-sided difference, whose bias is O(h), or different noise on the two sides",
            )
        leading = size / (1 - 2.0**-bias.order)
        allowed[name] = SAFETY * leading * (h / bias.coarse) ** bias.order
    return allowed
