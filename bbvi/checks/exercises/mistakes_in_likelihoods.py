"""Tables of mistakes for the checks of `likelihoods`."""

from typing import Any

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.mistakes import Suspect
from bbvi.types import Array


def bernoulli_first(
    logits: Any,
    p: Any,
    softplus: Any,
    x: Any,
) -> list[tuple[str, Array]]:
    """Mistakes in the exercise of bernoulli, part 1."""
    return [
        (
            "the sign is wrong: that is a cross entropy, the negative of log p",
            softplus - x * logits,
        ),
        ("p where log p is meant", x * p + (1 - x) * (1 - p)),
        ("only the paper counts: x log p is missing", (1 - x) * np.log1p(-p)),
        ("the sign of (1 - x) log(1 - p)", x * np.log(p) - (1 - x) * np.log1p(-p)),
        ("log p of every pixel: x is not used", np.log(p)),
        ("the softplus counts for the pixels with ink only", x * (logits - softplus)),
        ("the logit where log p is meant: softplus is missing", x * logits),
        ("softplus is missing its 1: log(exp(l)) is l", x * logits - logits),
        (
            "max(l, 0) where softplus is meant: log1p(exp(-|l|)) is missing",
            x * logits - np.maximum(logits, 0),
        ),
        ("max(l, 0) is missing in the softplus", x * logits - np.log1p(np.exp(-np.abs(logits)))),
        (
            "log1p(exp(|l|)): the sign of |l| is wrong",
            x * logits - np.maximum(logits, 0) - np.log1p(np.exp(np.abs(logits))),
        ),
        (
            "|l| where max(l, 0) is meant, or log1p(exp(-l)) without |l|",
            x * logits - np.maximum(logits, 0) - np.log1p(np.exp(-logits)),
        ),
        (
            "log1p has the wrong sign",
            x * logits - np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))),
        ),
        (
            "|l| where max(l, 0) is meant, or log1p(exp(-l)) without |l|",
            x * logits - np.abs(logits) - np.log1p(np.exp(-np.abs(logits))),
        ),
        (
            "min(l, 0) where max(l, 0) is meant",
            x * logits - np.minimum(logits, 0) - np.log1p(np.exp(-np.abs(logits))),
        ),
        ("log(exp(-|l|)): the 1 is missing", x * logits - np.maximum(logits, 0) + np.abs(logits)),
        ("the softplus has the wrong sign", x * logits + softplus),
    ]


def bernoulli_further(
    logits: Any,
    p: Any,
    softplus: Any,
    x: Any,
) -> list[tuple[str, Array]]:
    """Mistakes in the exercise of bernoulli, part 2."""
    return [
        ("a sigmoid where the softplus is meant", x * logits - p),
        ("x times a probability, where the logit is meant", x * p - softplus),
        ("the squared error: that is a Gaussian likelihood", -((x - p) ** 2)),
        ("the squared error: that is a Gaussian likelihood", -0.5 * ((x - p) ** 2)),
        ("the derivative x - p, where log p is meant", x - p),
        ("log base 2: natural logarithms are meant", (x * logits - softplus) / np.log(2)),
        ("log base 10: natural logarithms are meant", (x * logits - softplus) / np.log(10)),
        ("log(p) of 1 - p: the sign of the logit is wrong", x * -logits - np.logaddexp(0, -logits)),
        ("x log p + (1 - x) log p: the second needs 1 - p", np.log(p)),
        (
            "x log p + (1 - x)(1 - log p): log(1 - p) is not 1 - log p",
            x * np.log(p) + (1 - x) * (1 - np.log(p)),
        ),
        (
            "tanh, where the sigmoid is meant",
            x * np.log(np.abs(np.tanh(logits))) + (1 - x) * np.log(np.abs(1 - np.tanh(logits))),
        ),
        ("(1 + x) where 1 - x is meant", x * np.log(p) + (1 + x) * np.log1p(-p)),
    ]


def masked_log_likelihood_first(
    log_bernoulli: Any,
    logits: Any,
    observed: Any,
    right: Any,
    seen: Any,
    x: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of masked log likelihood, part 1."""
    return [
        Suspect(
            "the mask is upside down, and x too", log_bernoulli(1 - x, logits * ~observed).sum(-1)
        ),
        Suspect(
            "hidden pixels count as black: mask the log-likelihood",
            log_bernoulli(np.where(observed, x, 1), logits).sum(-1),
        ),
        Suspect(
            "hidden pixels count as grey: mask the log-likelihood",
            log_bernoulli(np.where(observed, x, 0.5), logits).sum(-1),
        ),
        Suspect(
            "the mask holds for the softplus too: log p = x l - softplus(l)",
            (seen * x * logits - np.logaddexp(0, logits)).sum(-1),
        ),
        Suspect(
            "the mask holds for x l too: log p = x l - softplus(l)",
            (x * logits - seen * np.logaddexp(0, logits)).sum(-1),
        ),
        Suspect(
            "divided by the share of observed pixels: nothing is scaled up",
            (right * seen).sum(-1) / seen.mean(axis=-1),
        ),
        Suspect("one mask for all datapoints: each has its own", (right * seen[0]).sum(axis=-1)),
        Suspect(
            "only pixels that all datapoints have: each has its own mask",
            (right * seen.all(axis=0)).sum(axis=-1),
        ),
        Suspect("the mask is added, where it multiplies", (right + seen).sum(axis=-1)),
        Suspect("the mask is subtracted, where it multiplies", (right - seen).sum(axis=-1)),
        Suspect(
            "the observed pixels are subtracted from the others",
            (right * (2 * seen - 1)).sum(axis=-1),
        ),
        Suspect(
            "only observed pixels with ink count: (1 - x) log(1 - p) is missing",
            (seen * x * right).sum(-1),
        ),
    ]


def masked_log_likelihood_further(
    bernoulli_slips: Any,
    logits: Any,
    right: Any,
    seen: Any,
    x: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of masked log likelihood, part 2."""
    return [
        Suspect(
            "divided by the number of datapoints or pixels", (right * seen).sum(-1) / seen.sum()
        ),
        *bernoulli_slips(x, logits, seen),
        *reductions(right * seen, -1, "sum"),
    ]


def lecture_loss_first(
    DX: Any,
    half: Any,
    LOG_2PI: Any,
    N: Any,
    nll: Any,
    nlp: Any,
    nlq: Any,
    once: Any,
    rest: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of lecture loss, part 1."""
    return [
        Suspect("log sigma counts once per pixel: Dx times", once + half + rest),
        Suspect("Dx is x.shape[1]: len(x) counts the images", N * once + half + rest),
        Suspect("the factor 1/2 of the squared error is missing", nll + half + rest),
        Suspect("a mean over the pixels, where their sum is meant", nll / DX + rest),
        Suspect(
            "sigma for log sigma: np.exp(log_scale_x) is missing",
            DX * once + half * np.exp(2 * once) / once**2 + rest,
        ),
        Suspect("the terms in 2 pi were to be left out", nll + rest + 0.5 * DX * LOG_2PI),
        Suspect("log q has the wrong sign: the entropy would be punished", nll + nlp + nlq),
        Suspect("the posterior's term is missing", nll + nlp),
        Suspect("the prior's term is missing", nll - nlq),
        Suspect("that is the ELBO: a loss has the opposite sign", -(nll + nlp - nlq)),
        Suspect(
            "summed over the images: one number for each is asked for", (nll + nlp - nlq).sum()
        ),
        Suspect("averaged over the images: one for each is asked for", (nll + nlp - nlq).mean()),
    ]


def lecture_loss_further(
    D: Any,
    DX: Any,
    error: Any,
    gap: Any,
    half: Any,
    log_scale_x: Any,
    log_scale_z: Any,
    mean_x: Any,
    N: Any,
    nll: Any,
    nlp: Any,
    once: Any,
    plain: Any,
    right: Any,
    share: Any,
    sigma_z: Any,
    x: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of lecture loss, part 2."""
    return [
        Suspect(
            "the sums run over all images: one number for each is asked for",
            np.full(N, right.sum()),
        ),
        Suspect("the sum of the squares runs over all images", right - half + half.sum()),
        Suspect("the squared error is divided by N or Dx: it is a sum", right - half + half / DX),
        Suspect("the squared error is not divided by sigma_x^2", right - half + error),
        Suspect(
            "divided by sigma_x, where sigma_x^2 is meant", right - half + error * np.exp(-once)
        ),
        Suspect(
            "multiplied by sigma_x^2, where it is divided", right - half + error * np.exp(2 * once)
        ),
        Suspect("multiplied by sigma_x, where it is divided", right - half + error * np.exp(once)),
        Suspect(
            "the absolute error, where the square is meant",
            right - half + np.abs((x - mean_x) * np.exp(-log_scale_x)).sum(1),
        ),
        Suspect("the square is missing in the error", right - half + 0.5 * plain * np.exp(-once)),
        Suspect("sigma_x where its log is meant", right + DX * (np.exp(once) - once)),
        Suspect("D, where Dx is meant: log sigma_x counts once per pixel", right + (D - DX) * once),
        Suspect("the factor of log sigma_x: it is Dx, not Dx / 2", right - DX * once / 2),
        Suspect("log sigma_x^2 / 2 is log sigma_x: a factor 2 too many", right + DX * once),
        Suspect("log sigma_x has the wrong sign", right - 2 * DX * once),
        Suspect("log sigma_x is missing", right - DX * once),
        Suspect("the factor 1/2 of z^2 is missing", right + nlp),
        Suspect("the prior has the wrong sign: -log p(z) is + z^2 / 2", right - 2 * nlp),
        Suspect("the likelihood has the wrong sign", right - 2 * nll),
        Suspect("the factor 1/2 in q is missing", right - share["q"]),
        Suspect("log sigma_z is missing in log q", right + log_scale_z.sum(axis=1)),
        Suspect("log sigma_z has the wrong sign in log q", right + 2 * log_scale_z.sum(axis=1)),
        Suspect("the square of q has the wrong sign", right + 2 * share["q"]),
        Suspect("the square of q is missing: z was drawn, and enters", right + share["q"]),
        Suspect(
            "divided by sigma_z, where sigma_z^2 is meant",
            right + share["q"] - (gap / sigma_z).sum(1),
        ),
    ]
