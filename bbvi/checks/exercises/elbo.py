"""The checks of the exercises about the ELBO and the two gaps below log p(x)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.logs import log_mean_exp
from bbvi.types import Array


@without_frames
def check_elbo(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``elbo(log_joint, log_q)``: mean over samples of log p(x, z_s) - log q(z_s), (N,).

    Both arguments are (S, N), nats.
    """
    log_joint, log_q = -8 + rng.standard_normal((S, N)), -2 + rng.standard_normal((S, N))
    terms = {
        "E[log p(x, z)]": log_joint.mean(axis=0),
        "the entropy -E[log q]": -log_q.mean(axis=0),
    }
    arguments = {"log_joint": log_joint, "log_q": log_q}
    check_formula(answer, arguments, _elbo, _mistakes_of_the_elbo(log_joint, log_q), terms=terms)


def _elbo(log_joint: Array, log_q: Array) -> Array:
    return np.mean(log_joint - log_q, axis=0)


def _mistakes_of_the_elbo(log_joint: Array, log_q: Array) -> list[Suspect]:
    log_w, q = log_joint - log_q, np.exp(log_q)
    again = "weighted by q once more: the samples come from q, a plain mean is its expectation"
    return [
        Suspect(again, (q * log_w).sum(axis=0)),
        Suspect(again, (q * log_w).mean(axis=0)),
        Suspect(again, (q * log_w).sum(axis=0) / q.sum(axis=0)),
        Suspect(again, log_joint.mean(axis=0) - (q * log_q).sum(axis=0)),
        Suspect(
            f"{again}; and the entropy has the wrong sign", (log_joint + q * log_q).mean(axis=0)
        ),
        Suspect(again, (q * log_joint).sum(axis=0) - log_q.mean(axis=0)),
        Suspect("the entropy is missing: subtract log q", log_joint.mean(axis=0)),
        Suspect("the entropy has the wrong sign: it is -E[log q]", (log_joint + log_q).mean(0)),
        Suspect("summed over the samples instead of averaged", log_w.sum(axis=0)),
        Suspect(
            "the log of the mean weight estimates log p(x): the ELBO is the mean of the logs",
            log_mean_exp(log_w),
        ),
        *(
            Suspect("the log of a mean, where the mean of the logs is meant", wrong)
            for wrong in (
                log_joint.mean(axis=0) - log_mean_exp(log_q),
                log_mean_exp(log_joint) - log_q.mean(axis=0),
                log_mean_exp(log_joint) - log_mean_exp(log_q),
            )
        ),
        Suspect("the mean over the wrong axis: samples are axis 0", log_w.mean(axis=1)),
        Suspect("the mean over everything: one ELBO per datapoint is asked for", log_w.mean()),
        Suspect(
            "the quotient of the logs, where their difference is meant", (log_joint / log_q).mean(0)
        ),
        Suspect("q where log q is meant", (log_joint - q).mean(axis=0)),
        Suspect("densities, where their logs are meant", (np.exp(log_joint) - q).mean(axis=0)),
        Suspect("the weights p / q, where their log is meant", np.exp(log_w).mean(axis=0)),
        Suspect(
            "the entropy is -E[log q]: its minus is inside already", (log_joint - q * log_q).mean(0)
        ),
    ]


@without_frames
def check_gap_split(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``split(log_evidence, elbo, elbo_optimum)`` -> (approximation, amortization) gaps.

    All are (N,), nats.

    Notes
    -----
    Cremer, Li and Duvenaud (2018), section 3.
    """
    log_evidence = -10 + rng.standard_normal(N)
    optimum = log_evidence - rng.uniform(0.2, 1, N)
    elbo = optimum - rng.uniform(0.2, 1, N)
    arguments = {"log_evidence": log_evidence, "elbo": elbo, "elbo_optimum": optimum}
    whole = log_evidence - elbo
    for part, gap in enumerate(_gap_split(log_evidence, elbo, optimum)):
        level = "that is an ELBO or the evidence itself, not a gap"
        quotient = "a quotient, where a difference is meant"
        suspects = [
            Suspect("the sign: a gap is what is lost, and not negative", -gap),
            Suspect("the two gaps are exchanged", whole - gap),
            Suspect("that is the whole gap, log p(x) - ELBO", whole),
            Suspect("the sign: that is ELBO - log p(x), the whole gap", -whole),
            Suspect("the sign, and the two gaps are exchanged", gap - whole),
            *(Suspect(level, value) for value in (elbo, optimum, log_evidence)),
            *(Suspect(quotient, value) for value in (log_evidence / optimum, optimum / elbo)),
            Suspect("a fraction of the whole gap: in nats, it is not divided", gap / whole),
            *(
                Suspect("a fraction of log p(x): in nats, it is not divided", gap / level)
                for level in (log_evidence, -log_evidence)
            ),
            *(
                Suspect("averaged over the datapoints: each has its own gap", value)
                for value in (gap.mean(), np.full(N, gap.mean()))
            ),
            Suspect("summed over the datapoints: each has its own gap", gap.sum()),
        ]
        check_formula(answer, arguments, _gap_split, suspects, part=part)


def _gap_split(log_evidence: Array, elbo: Array, elbo_optimum: Array) -> tuple[Array, Array]:
    return log_evidence - elbo_optimum, elbo_optimum - elbo
