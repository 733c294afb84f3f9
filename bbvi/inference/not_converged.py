"""The warning that an optimum was not reached, given where the user's own code can be read."""

import sys
import warnings

import numpy as np

from bbvi.inference.verdict import Verdict


class NotConvergedWarning(UserWarning):
    """The result claims an optimum that has not been reached everywhere."""


def warn_not_converged(text: str) -> None:
    """A `NotConvergedWarning` at the line outside this package that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _is_ours(frame.f_globals):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, NotConvergedWarning, stacklevel=level)


def warn_unless_converged(verdict: Verdict) -> None:
    """A NotConvergedWarning with what to do, where some row has not converged."""
    if not verdict.all_converged:
        warn_not_converged(f"{verdict} {_advice(verdict)}")


def _advice(verdict: Verdict) -> str:
    """What to do about rows that have not converged."""
    if verdict.several_modes.any():
        return (
            "Start at each mode (lam=...) and compare the ELBOs, or take a family of several modes."
        )
    if not np.isfinite(verdict.elbo).all():
        return (
            "log p is not finite somewhere under q: check log_joint, and give constrained "
            "parameters a transform (bbvi.models.transforms)."
        )
    return (
        "Give it more steps or samples (solver=natural_gradient(max_steps=...), "
        "solver=stochastic(num_steps=..., num_samples=...)), or another start (start=laplace()). "
        "Where the ELBO grows without end, log_joint is no proper density. .verdict has the rows."
    )


def _is_ours(names: dict[str, object]) -> bool:
    """Whether a frame's module is of this package."""
    return str(names.get("__name__")).partition(".")[0] == "bbvi"
