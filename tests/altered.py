"""Targets of four functions; targets that are wrong, or watched, in one of their questions only."""

import numpy as np

from bbvi.types import Evaluation, Target

QUESTIONS = ("value", "value_and_dz", "value_and_dtheta", "value_and_grads")


def of_functions(
    value,
    value_and_dz,
    value_and_dtheta,
    value_and_grads,
    num_data,
    latent_dim,
    dtype,
    standard_normal_prior=False,
    blankets=None,
):
    """A target whose questions are functions of z, the last two of (z, weights)."""

    def evaluate(z, dz=False, dtheta=False, weights=None):
        if dz and dtheta:
            return Evaluation(*value_and_grads(z, weights))
        if dz:
            return Evaluation(*value_and_dz(z), None)
        if dtheta:
            log_p, gradient = value_and_dtheta(z, weights)
            return Evaluation(log_p, None, gradient)
        return Evaluation(value(z), None, None)

    return Target(evaluate, num_data, latent_dim, np.dtype(dtype), standard_normal_prior, blankets)


def with_functions(target, **functions):
    """The target with some of its questions answered by other functions."""
    answers = {name: functions.get(name, getattr(target, name)) for name in QUESTIONS}
    facts = {name: value for name, value in target._asdict().items() if name != "evaluate"}
    return of_functions(**answers, **facts)
