"""The checks of the exercises about binary pixels: all of them, and the observed ones alone."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, call, check_formula, name_of
from bbvi.checks.exercises.sizes import DX, N, S
from bbvi.checks.mistakes import Suspect, fail, without_frames
from bbvi.types import Array


@without_frames
def check_bernoulli_log_likelihood(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_likelihood(x, logits)``: sum_j log Bernoulli(x_j; sigmoid(l_j)), (S, N), nats.

    x (N, Dx) in {0, 1}; logits (S, N, Dx), which may be as large as 1000.
    """
    x = rng.integers(0, 2, (N, DX)).astype(float)
    logits = 2 * rng.standard_normal((S, N, DX))
    everywhere = np.ones_like(x)
    suspects = [
        Suspect("a mean over the pixels: log p(x | z) is their sum", _log_lik(x, logits) / DX),
        *_mistakes_in_a_pixel(x, logits, everywhere),
    ]
    terms = _terms(x, logits, everywhere)
    check_formula(answer, {"x": x, "logits": logits}, _log_lik, suspects, terms=terms)
    with np.errstate(all="ignore"):
        value = np.asarray(call(answer, {"x": x, "logits": 500 * logits}), dtype=float)
    if not np.isfinite(value).all() or not np.allclose(value, _log_lik(x, 500 * logits)):
        fail(
            f"{name_of(answer)} is wrong for logits near 1000.",
            "log of a probability that rounds to 0 or 1: work with "
            "log p = x l - softplus(l), softplus(l) = max(l, 0) + log1p(exp(-|l|))",
        )


def _log_lik(x: Array, logits: Array) -> Array:
    softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
    return np.sum(x * logits - softplus, axis=-1)


def _terms(x: Array, logits: Array, seen: Array) -> dict[str, Array]:
    return {
        "x l": (seen * x * logits).sum(axis=-1),
        "-softplus(l)": -(seen * np.logaddexp(0, logits)).sum(axis=-1),
    }


def _mistakes_in_a_pixel(x: Array, logits: Array, seen: Array) -> list[Suspect]:
    """The log-likelihood of the pixels in ``seen``, by one slip in a pixel's term."""
    p, softplus = 1 / (1 + np.exp(-logits)), np.logaddexp(0, logits)
    right, small = x * logits - softplus, np.log1p(np.exp(-np.abs(logits)))
    absolute = "|l| where max(l, 0) is meant, or log1p(exp(-l)) without |l|"
    squared = "the squared error: that is a Gaussian likelihood"
    tanh = np.abs(np.tanh(logits))
    table = [
        ("x and 1 - x are exchanged", (1 - x) * logits - softplus),
        ("only the pixels with ink count: (1 - x) log(1 - p) is missing", x * right),
        ("only the paper counts: x log p is missing", (1 - x) * right),
        (
            "probabilities where logits are meant: the sigmoid was applied twice",
            x * p - np.logaddexp(0, p),
        ),
        ("softplus(-l) where softplus(l) is meant", x * logits - np.logaddexp(0, -logits)),
        ("the sign is wrong: that is a cross entropy, the negative of log p", -right),
        ("p where log p is meant", x * p + (1 - x) * (1 - p)),
        ("the sign of (1 - x) log(1 - p)", x * np.log(p) - (1 - x) * np.log1p(-p)),
        ("log p of every pixel: x is not used", np.log(p)),
        ("the softplus counts for the pixels with ink only", x * (logits - softplus)),
        ("the logit where log p is meant: softplus is missing", x * logits),
        ("softplus is missing its 1: log(exp(l)) is l", x * logits - logits),
        (
            "max(l, 0) where softplus is meant: log1p(exp(-|l|)) is missing",
            x * logits - np.maximum(logits, 0),
        ),
        ("max(l, 0) is missing in the softplus", x * logits - small),
        ("x - 1 where x is meant", (x - 1) * logits - softplus),
        (
            "l or -l minus softplus(l): for x = 0 log(1 - p) is -softplus(l) alone",
            np.where(x == 1, logits, -logits) - softplus,
        ),
        (absolute, x * logits - np.abs(logits) - small),
        (absolute, x * logits - np.maximum(logits, 0) - np.logaddexp(0, -logits)),
        ("the softplus has the wrong sign", x * logits + softplus),
        ("a sigmoid where the softplus is meant", x * logits - p),
        ("x times a probability, where the logit is meant", x * p - softplus),
        (squared, -((x - p) ** 2)),
        (squared, -0.5 * (x - p) ** 2),
        ("the derivative x - p, where log p is meant", x - p),
        ("log base 2: natural logarithms are meant", right / np.log(2)),
        ("log base 10: natural logarithms are meant", right / np.log(10)),
        (
            "log(p) of 1 - p: the sign of the logit is wrong",
            -x * logits - np.logaddexp(0, -logits),
        ),
        (
            "x log p + (1 - x)(1 - log p): log(1 - p) is not 1 - log p",
            x * np.log(p) + (1 - x) * (1 - np.log(p)),
        ),
        (
            "tanh, where the sigmoid is meant",
            x * np.log(tanh) + (1 - x) * np.log(np.abs(1 - np.tanh(logits))),
        ),
        ("(1 + x) where 1 - x is meant", x * np.log(p) + (1 + x) * np.log1p(-p)),
    ]
    return [Suspect(mistake, (seen * entry).sum(axis=-1)) for mistake, entry in table]


@without_frames
def check_masked_log_likelihood(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_likelihood(x, observed, logits)`` over the observed pixels only: (S, N), nats.

    x (N, Dx) in {0, 1}; observed (N, Dx) True where the pixel was seen; logits (S, N, Dx).
    """
    x = rng.integers(0, 2, (N, DX)).astype(float)
    observed = rng.permuted(np.arange(N * DX) % 3 > 0).reshape(N, DX)
    logits = 2 * rng.standard_normal((S, N, DX))
    arguments = {"x": x, "observed": observed, "logits": logits}
    suspects = _mistakes_in_the_mask(x, observed, logits)
    terms = _terms(x, logits, observed.astype(float))
    check_formula(answer, arguments, _masked_log_lik, suspects, terms=terms)


def _masked_log_lik(x: Array, observed: Array, logits: Array) -> Array:
    softplus = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))
    return np.sum(observed * (x * logits - softplus), axis=-1)


def _mistakes_in_the_mask(x: Array, observed: Array, logits: Array) -> list[Suspect]:
    seen, softplus = observed.astype(float), np.logaddexp(0, logits)
    pixels, right = x * logits - softplus, _masked_log_lik(x, observed, logits)
    table = [
        ("the mask is upside down: True means observed", _masked_log_lik(x, ~observed, logits)),
        ("the mask is not used", pixels.sum(axis=-1)),
        (
            "hidden pixels count as white: mask the log-likelihood, not x",
            _log_lik(x * seen, logits),
        ),
        (
            "a logit of 0 is no missing pixel, it costs log 2: mask the terms of the sum",
            _log_lik(x, logits * seen),
        ),
        ("a mean over the pixels: log p(x | z) is a sum", right / DX),
        (
            "a mean over the observed pixels: log p(x | z) is a sum",
            right / seen.sum(axis=-1),
        ),
        (
            "hidden pixels count as black: mask the log-likelihood",
            _log_lik(np.where(observed, x, 1), logits),
        ),
        (
            "hidden pixels count as grey: mask the log-likelihood",
            _log_lik(np.where(observed, x, 0.5), logits),
        ),
        (
            "the mask holds for x l too: log p = x l - softplus(l)",
            (x * logits - seen * softplus).sum(axis=-1),
        ),
        (
            "divided by the share of observed pixels: nothing is scaled up",
            right / seen.mean(axis=-1),
        ),
        ("one mask for all datapoints: each has its own", (pixels * seen[0]).sum(axis=-1)),
        (
            "only pixels that all datapoints have: each has its own mask",
            (pixels * seen.all(axis=0)).sum(axis=-1),
        ),
        ("the mask is added, where it multiplies", (pixels + seen).sum(axis=-1)),
        ("the mask is subtracted, where it multiplies", (pixels - seen).sum(axis=-1)),
        (
            "the observed pixels are subtracted from the others",
            (pixels * (2 * seen - 1)).sum(axis=-1),
        ),
        ("divided by the number of datapoints or pixels", right / seen.sum()),
    ]
    return [*(Suspect(*row) for row in table), *_mistakes_in_a_pixel(x, logits, seen)]
