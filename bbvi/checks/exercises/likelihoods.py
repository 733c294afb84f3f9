"""Checks of exercises about likelihoods of images, and the loss made of them (floor 5)."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, call, check_answer, name_of
from bbvi.checks.exercises.densities import DX, LOG_2PI, D, N, S
from bbvi.checks.verdicts import Suspect, fail, without_frames
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
    check_answer(answer, {"x": x, "logits": logits}, right.sum(axis=-1), suspects)
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
    arguments = {"x": x, "observed": observed, "logits": logits}
    check_answer(answer, arguments, (right * observed).sum(axis=-1), suspects)


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
    arguments = {
        "x": x,
        "mean_x": mean_x,
        "log_scale_x": log_scale_x,
        "z": z,
        "mean_z": mean_z,
        "log_scale_z": log_scale_z,
    }
    check_answer(answer, arguments, nll + nlp - nlq, suspects)
