"""Checks of exercises about likelihoods of images, and the loss made of them."""

import numpy as np

from bbvi.checks.exercises.alterations import reductions
from bbvi.checks.exercises.answers import Answer, call, check_answer, name_of
from bbvi.checks.exercises.densities import DX, LOG_2PI, SIZES, D, N, S
from bbvi.checks.exercises.mistakes_in_likelihoods import (
    bernoulli_first,
    bernoulli_further,
    lecture_loss_first,
    lecture_loss_further,
    masked_log_likelihood_first,
    masked_log_likelihood_further,
)
from bbvi.checks.exercises.mistakes_in_likelihoods_2 import lecture_loss_more
from bbvi.checks.mistakes import Suspect, fail, without_frames
from bbvi.types import Array


@without_frames
def check_bernoulli_log_likelihood(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_likelihood(x, logits)``: sum_j log Bernoulli(x_j; sigmoid(l_j)), (S, N), nats.

    x (N, Dx) in {0, 1}; logits (S, N, Dx), which may be as large as 1000.

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    x = rng.integers(0, 2, (N, DX)).astype(float)
    logits = 2 * rng.standard_normal((S, N, DX))
    right = _log_bernoulli(x, logits)
    probability = 1 / (1 + np.exp(-logits))
    suspects = [
        Suspect("a mean over the pixels: log p(x | z) is their sum", right.mean(axis=-1)),
        Suspect("x and 1 - x are exchanged", _log_bernoulli(1 - x, logits).sum(axis=-1)),
        Suspect("only the pixels with ink count: (1 - x) log(1 - p) is missing", _ink(x, logits)),
        Suspect(
            "probabilities where logits are meant: the sigmoid was applied twice",
            _log_bernoulli(x, probability).sum(axis=-1),
        ),
        Suspect(
            "softplus(-l) where softplus(l) is meant",
            (x * logits - np.logaddexp(0, -logits)).sum(axis=-1),
        ),
        Suspect("the sum over the wrong axis: pixels are axis=-1", right.sum(axis=0)),
        Suspect("no sum over the pixels: sum over axis=-1", right),
    ]
    check_answer(
        answer,
        {"x": x, "logits": logits},
        right.sum(axis=-1),
        [*suspects, *_bernoulli_slips(x, logits, np.ones_like(x)), *reductions(right, -1, "sum")],
        formula=lambda x, logits: _log_bernoulli(x, logits).sum(axis=-1),
        terms=_bernoulli_terms(x, logits, np.ones_like(x)),
        sizes=SIZES,
    )
    with np.errstate(all="ignore"):
        found = np.asarray(call(answer, {"x": x, "logits": 500 * logits}), dtype=float)
    expected = _log_bernoulli(x, 500 * logits).sum(axis=-1)
    if not np.isfinite(found).all() or not np.allclose(found, expected):
        fail(
            f"{name_of(answer)} is wrong for logits near 1000.",
            "log of a probability that rounds to 0 or 1: work with "
            "log p = x l - softplus(l), softplus(l) = max(l, 0) + log1p(exp(-|l|))",
        )


def _log_bernoulli(x: Array, logits: Array) -> Array:
    return x * logits - np.maximum(logits, 0) - np.log1p(np.exp(-np.abs(logits)))


def _bernoulli_slips(x: Array, logits: Array, seen: Array) -> list[Suspect]:
    """The log-likelihood of the pixels in ``seen``, by one slip in a pixel's term."""
    p = 1 / (1 + np.exp(-logits))
    softplus = np.logaddexp(0, logits)
    slips = [
        *bernoulli_first(logits, p, softplus, x),
        *bernoulli_further(logits, p, softplus, x),
    ]
    return [Suspect(mistake, (seen * entry).sum(axis=-1)) for mistake, entry in slips]


def _bernoulli_terms(x: Array, logits: Array, seen: Array) -> dict[str, Array]:
    return {
        "x l": (seen * x * logits).sum(axis=-1),
        "-softplus(l)": -(seen * np.logaddexp(0, logits)).sum(axis=-1),
    }


def _ink(x: Array, logits: Array) -> Array:
    return (x * _log_bernoulli(x, logits)).sum(axis=-1)


@without_frames
def check_masked_log_likelihood(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_likelihood(x, observed, logits)`` over the observed pixels only: (S, N), nats.

    x (N, Dx) in {0, 1}; observed (N, Dx) True where the pixel was seen; logits (S, N, Dx).

    Raises
    ------
    AssertionError
        With the likely mistake.
    """
    x = rng.integers(0, 2, (N, DX)).astype(float)
    observed = rng.permuted(np.arange(N * DX) % 3 > 0).reshape(N, DX)
    logits = 2 * rng.standard_normal((S, N, DX))
    right = _log_bernoulli(x, logits)
    hidden_as_white = _log_bernoulli(x * observed, logits)
    suspects = [
        Suspect("the mask is upside down: True means observed", (right * ~observed).sum(axis=-1)),
        Suspect("the mask is not used", right.sum(axis=-1)),
        Suspect(
            "hidden pixels count as white: mask the log-likelihood, not x",
            hidden_as_white.sum(axis=-1),
        ),
        Suspect(
            "a logit of 0 is no missing pixel, it costs log 2: mask the terms of the sum",
            _log_bernoulli(x, logits * observed).sum(axis=-1),
        ),
        Suspect("a mean over the pixels: log p(x | z) is a sum", (right * observed).mean(axis=-1)),
        Suspect(
            "a mean over the observed pixels: log p(x | z) is a sum",
            (right * observed).sum(axis=-1) / observed.sum(axis=-1),
        ),
    ]
    seen = observed.astype(float)
    suspects += [
        *masked_log_likelihood_first(_log_bernoulli, logits, observed, right, seen, x),
        *masked_log_likelihood_further(_bernoulli_slips, logits, right, seen, x),
    ]
    arguments = {"x": x, "observed": observed, "logits": logits}
    check_answer(
        answer,
        arguments,
        (right * observed).sum(axis=-1),
        suspects,
        formula=lambda x, seen, logits: (seen * _log_bernoulli(x, logits)).sum(axis=-1),
        terms=_bernoulli_terms(x, logits, seen),
        sizes=SIZES,
    )


@without_frames
def check_lecture_loss(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``loss(x, mean_x, log_scale_x, z, mean_z, log_scale_z)``: one number per image, (N,).

    J = -log p(x | z) - log p(z) + log q(z | x) without the constants in 2 pi.  x and mean_x are
    (N, Dx); log_scale_x (N, 1), one for all pixels of an image; z, mean_z, log_scale_z (N, D).

    Raises
    ------
    AssertionError
        With the likely mistake.

    Notes
    -----
    Swaney lecture, ``loss``, where it is summed over the images.
    """
    x, mean_x = rng.random((2, N, DX))
    log_scale_x = -0.5 - rng.random((N, 1))
    z, mean_z, log_scale_z = rng.standard_normal((3, N, D))
    squares = (((x - mean_x) * np.exp(-log_scale_x)) ** 2).sum(axis=1)
    half, once = 0.5 * squares, log_scale_x[:, 0]
    nll = DX * once + half
    nlp = 0.5 * (z**2).sum(axis=1)
    nlq = (log_scale_z + 0.5 * ((z - mean_z) * np.exp(-log_scale_z)) ** 2).sum(axis=1)
    rest = nlp - nlq
    suspects = [
        *lecture_loss_first(DX, half, LOG_2PI, N, nll, nlp, nlq, once, rest),
    ]
    arguments = {
        "x": x,
        "mean_x": mean_x,
        "log_scale_x": log_scale_x,
        "z": z,
        "mean_z": mean_z,
        "log_scale_z": log_scale_z,
    }
    right, square_q = nll + nlp - nlq, nlq - log_scale_z.sum(axis=1)
    suspects += _lecture_slips(x, mean_x, log_scale_x, z, mean_z, log_scale_z)
    terms = {
        "Dx log sigma_x": DX * once,
        "the squared error of the pixels": half,
        "the prior's z^2 / 2": nlp,
        "log sigma_z of log q": -log_scale_z.sum(axis=1),
        "the square of log q": -square_q,
        "log q": -nlq,
        "-log p(x | z)": nll,
    }
    check_answer(
        answer, arguments, right, suspects, formula=_lecture_loss, terms=terms, sizes=SIZES
    )


def _lecture_slips(
    x: Array, mean_x: Array, log_scale_x: Array, z: Array, mean_z: Array, log_scale_z: Array
) -> list[Suspect]:
    """The loss with a slip in one of its terms."""
    half, once = 0.5 * (((x - mean_x) * np.exp(-log_scale_x)) ** 2).sum(axis=1), log_scale_x[:, 0]
    nll, nlp = DX * once + half, 0.5 * (z**2).sum(axis=1)
    nlq = (log_scale_z + 0.5 * ((z - mean_z) * np.exp(-log_scale_z)) ** 2).sum(axis=1)
    entries = {
        "z": z**2 / 2,
        "q": ((z - mean_z) * np.exp(-log_scale_z)) ** 2 / 2,
        "x": ((x - mean_x) * np.exp(-log_scale_x)) ** 2 / 2,
    }
    right, share = nll + nlp - nlq, {key: value.sum(axis=1) for key, value in entries.items()}
    sigma_z, gap = np.exp(log_scale_z), (z - mean_z) ** 2 / 2
    error, plain = ((x - mean_x) ** 2 / 2).sum(axis=1), (x - mean_x).sum(axis=1)
    forgotten = "sigma for log sigma: np.exp(log_scale_z) is missing"
    return [
        *lecture_loss_further(
            D,
            DX,
            error,
            gap,
            half,
            log_scale_x,
            log_scale_z,
            mean_x,
            N,
            nll,
            nlp,
            once,
            plain,
            right,
            share,
            sigma_z,
            x,
        ),
        *lecture_loss_more(
            _closed_kl,
            D,
            DX,
            entries,
            forgotten,
            gap,
            half,
            LOG_2PI,
            log_scale_x,
            log_scale_z,
            mean_z,
            nll,
            nlp,
            nlq,
            right,
            share,
            sigma_z,
        ),
    ]


def _closed_kl(mean: Array, log_scale: Array) -> Array:
    return (0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale).sum(axis=1)


def _lecture_loss(
    x: Array, mean_x: Array, log_scale_x: Array, z: Array, mean_z: Array, log_scale_z: Array
) -> Array:
    pixels = log_scale_x + 0.5 * ((x - mean_x) * np.exp(-log_scale_x)) ** 2
    code = 0.5 * z**2 - log_scale_z - 0.5 * ((z - mean_z) * np.exp(-log_scale_z)) ** 2
    return pixels.sum(axis=1) + code.sum(axis=1)
