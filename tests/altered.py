"""Targets that are wrong, or watched, in one of their four questions only."""

from bbvi.targets import of_functions

QUESTIONS = ("value", "value_and_dz", "value_and_dtheta", "value_and_grads")


def with_functions(target, **functions):
    """The target with some of its questions answered by other functions."""
    answers = {name: functions.get(name, getattr(target, name)) for name in QUESTIONS}
    facts = {name: value for name, value in target._asdict().items() if name != "evaluate"}
    return of_functions(**answers, **facts)
