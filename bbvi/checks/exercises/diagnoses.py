"""The checks of diagnoses: which bug made which curve.

They name the first letter that is wrong, and how its curve would look otherwise.
"""

from collections.abc import Mapping

import numpy as np

from bbvi.checks.exercises.answers import Answer, call, name_of
from bbvi.checks.exercises.curves import AVERAGING, FIT, STEP_1, Bug, letters
from bbvi.checks.mistakes import fail, without_frames


@without_frames
def check_step_1_bugs(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``step_1_bugs()`` -> {"A": bug, ...} for `curves.step_1_runs`."""
    _check_diagnoses(answer, rng, STEP_1)


@without_frames
def check_fit_bugs(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``fit_bugs()`` -> {"A": bug, ...} for `curves.fit_runs`."""
    _check_diagnoses(answer, rng, FIT)


@without_frames
def check_averaging_bugs(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``averaging_bugs()`` -> {"A": bug, ...} for `curves.averaging_runs`."""
    _check_diagnoses(answer, rng, AVERAGING)


def _check_diagnoses(answer: Answer, rng: np.random.Generator, bugs: Mapping[str, Bug]) -> None:
    right, name, said = letters(rng, bugs), name_of(answer), call(answer, {})
    known = ", ".join(repr(bug) for bug in bugs)
    if not isinstance(said, dict) or not said:
        fail(f"{name} returned {said!r}.", 'it should return a dictionary, {"A": "none", ...}')
    for letter, bug in said.items():
        if letter not in right:
            fail(f"There is no run {letter!r}.", f"the runs are {', '.join(right)}")
        if bug not in bugs:
            fail(f"Run {letter}: {bug!r} is none of the bugs.", f"a slip of the pen; {known}")
    missing = [letter for letter in right if letter not in said]
    if missing:
        fail(f"{name} says nothing of run {', '.join(missing)}.", "each run has one entry")
    for letter, bug in said.items():
        if bug != right[letter]:
            hint = ", and one bug was named twice" if len(set(said.values())) < len(said) else ""
            fail(
                f"Run {letter} is not {bug!r} ({bugs[bug].wrong}){hint}.",
                f"with {bug!r} {bugs[bug].look}; what run {letter} shows is something else",
            )
