"""The check of the exercise about the loss of the lecture's VAE."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import DX, D, N
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.logs import LOG_2PI
from bbvi.types import Array


@without_frames
def check_lecture_loss(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``loss(x, mean_x, log_scale_x, z, mean_z, log_scale_z)``: one number per image, (N,).

    J = -log p(x | z) - log p(z) + log q(z | x) without the constants in 2 pi.  x and mean_x are
    (N, Dx); log_scale_x (N, 1), one for all pixels of an image; z, mean_z, log_scale_z (N, D).

    Notes
    -----
    Swaney lecture, ``loss``, where it is summed over the images.
    """
    x, mean_x = rng.random((2, N, DX))
    log_scale_x = -0.5 - rng.random((N, 1))
    z, mean_z, log_scale_z = rng.standard_normal((3, N, D))
    arguments = {
        "x": x,
        "mean_x": mean_x,
        "log_scale_x": log_scale_x,
        "z": z,
        "mean_z": mean_z,
        "log_scale_z": log_scale_z,
    }
    terms = _terms(**arguments)
    suspects = [*_mistakes_in_x(terms, **arguments), *_mistakes_in_z(terms, **arguments)]
    check_formula(answer, arguments, _loss, suspects, also=[_loss_by_steps], terms=terms)


def _loss(
    x: Array, mean_x: Array, log_scale_x: Array, z: Array, mean_z: Array, log_scale_z: Array
) -> Array:
    sigma_x, sigma_z = np.exp(log_scale_x), np.exp(log_scale_z)
    nll = np.sum(log_scale_x + 0.5 * ((x - mean_x) / sigma_x) ** 2, axis=1)
    nlp = np.sum(0.5 * z**2, axis=1)
    nlq = np.sum(log_scale_z + 0.5 * ((z - mean_z) / sigma_z) ** 2, axis=1)
    return nll + nlp - nlq


def _loss_by_steps(
    x: Array, mean_x: Array, log_scale_x: Array, z: Array, mean_z: Array, log_scale_z: Array
) -> Array:
    squares = np.sum(((x - mean_x) * np.exp(-log_scale_x)) ** 2, axis=1)
    nll = x.shape[1] * log_scale_x[:, 0] + 0.5 * squares
    nlp = 0.5 * np.sum(z**2, axis=1)
    nlq = np.sum(log_scale_z + 0.5 * ((z - mean_z) * np.exp(-log_scale_z)) ** 2, axis=1)
    return nll + nlp - nlq


def _terms(
    x: Array, mean_x: Array, log_scale_x: Array, z: Array, mean_z: Array, log_scale_z: Array
) -> dict[str, Array]:
    square_x = 0.5 * (((x - mean_x) / np.exp(log_scale_x)) ** 2).sum(axis=1)
    square_q = 0.5 * (((z - mean_z) / np.exp(log_scale_z)) ** 2).sum(axis=1)
    log_det_x, log_det_q = DX * log_scale_x[:, 0], log_scale_z.sum(axis=1)
    return {
        "Dx log sigma_x": log_det_x,
        "the squared error of the pixels": square_x,
        "the prior's z^2 / 2": 0.5 * (z**2).sum(axis=1),
        "log sigma_z of log q": -log_det_q,
        "the square of log q": -square_q,
        "log q": -log_det_q - square_q,
        "-log p(x | z)": log_det_x + square_x,
    }


def _mistakes_in_x(
    terms: dict[str, Array],
    x: Array,
    mean_x: Array,
    log_scale_x: Array,
    z: Array,
    mean_z: Array,
    log_scale_z: Array,
) -> list[Suspect]:
    """Slips in the likelihood's term, and in the whole."""
    once, half = log_scale_x[:, 0], terms["the squared error of the pixels"]
    nll, log_q = terms["-log p(x | z)"], terms["log q"]
    rest = terms["the prior's z^2 / 2"] + log_q
    right, sigma_x = nll + rest, np.exp(once)
    error = 0.5 * ((x - mean_x) ** 2).sum(axis=1)
    absolute = np.abs((x - mean_x) / np.exp(log_scale_x)).sum(axis=1)
    one_each = "summed over the images: one number for each is asked for"
    left_out = "the terms in 2 pi were to be left out"
    table = [
        ("log sigma counts once per pixel: Dx times", right - (DX - 1) * once),
        ("Dx is x.shape[1]: len(x) counts the images", right - (DX - N) * once),
        ("D, where Dx is meant: log sigma_x counts once per pixel", right - (DX - D) * once),
        ("the factor of log sigma_x: it is Dx, not Dx / 2", right - DX * once / 2),
        ("log sigma_x^2 / 2 is log sigma_x: a factor 2 too many", right + DX * once),
        ("log sigma_x is missing", right - DX * once),
        ("the factor 1/2 of the squared error is missing", right + half),
        ("the squared error is not divided by sigma_x^2", right - half + error),
        ("divided by sigma_x, where sigma_x^2 is meant", right - half + error / sigma_x),
        ("multiplied by sigma_x^2, where it is divided", right - half + error * sigma_x**2),
        ("multiplied by sigma_x, where it is divided", right - half + error * sigma_x),
        ("the absolute error, where the square is meant", right - half + absolute),
        (
            "sigma for log sigma: np.exp(log_scale_x) is missing",
            right - half + error / once**2,
        ),
        ("the squared error is divided by N or Dx: it is a sum", right - half + half / DX),
        ("sigma_x where its log is meant", right + DX * (sigma_x - once)),
        ("a mean over the pixels, where their sum is meant", nll / DX + rest),
        ("log q has the wrong sign: the entropy would be punished", right - 2 * log_q),
        ("the posterior's term is missing", right - log_q),
        ("the prior's term is missing", nll + log_q),
        ("the likelihood's term is missing", rest),
        ("the likelihood's term alone", nll),
        ("the likelihood has the wrong sign", rest - nll),
        ("that is the ELBO: a loss has the opposite sign", -right),
        (one_each, right.sum()),
        ("the sums run over all images: one number for each is asked for", np.full(N, right.sum())),
        ("averaged over the images: one for each is asked for", right.mean()),
        ("the sum of the squares runs over all images", right - half + half.sum()),
        *((left_out, right + 0.5 * k * LOG_2PI) for k in (DX, D, -D, DX + D, DX - D)),
        (
            "an (N, 1) and an (N,) array make (N, N): take the column, as in a[:, 0]",
            DX * log_scale_x + half + rest,
        ),
    ]
    return [Suspect(*row) for row in table]


def _mistakes_in_z(
    terms: dict[str, Array],
    x: Array,
    mean_x: Array,
    log_scale_x: Array,
    z: Array,
    mean_z: Array,
    log_scale_z: Array,
) -> list[Suspect]:
    """Slips in the terms of the prior and of q."""
    nll, nlp, nlq = terms["-log p(x | z)"], terms["the prior's z^2 / 2"], -terms["log q"]
    right, square = nll + nlp - nlq, -terms["the square of log q"]
    sigma, gap = np.exp(log_scale_z), 0.5 * (z - mean_z) ** 2
    log_det = log_scale_z.sum(axis=1)
    variance_kl = (0.5 * (mean_z**2 + sigma**2 - 1) - log_scale_z).sum(axis=1)
    mean_over = "a mean over the latent dimensions, where their sum is meant"
    table = [
        ("the factor 1/2 of z^2 is missing", right + nlp),
        ("the prior has the wrong sign: -log p(z) is + z^2 / 2", right - 2 * nlp),
        ("mean_z where z is meant, in the prior", right - nlp + 0.5 * (mean_z**2).sum(axis=1)),
        ("log sigma_z is missing in log q", right + log_det),
        ("log sigma_z has the wrong sign in log q", right + 2 * log_det),
        ("sigma_z where its log is meant", right - (sigma - log_scale_z).sum(axis=1)),
        ("the factor 1/2 in q is missing", right - square),
        ("the square of q is missing: z was drawn, and enters", right + square),
        ("the square of q has the wrong sign", right + 2 * square),
        (
            "divided by sigma_z, where sigma_z^2 is meant",
            right + square - (gap / sigma).sum(axis=1),
        ),
        (
            "multiplied by sigma_z, where it is divided",
            right + square - (gap * sigma**2).sum(axis=1),
        ),
        ("the square of q is not divided by sigma_z^2", right + square - gap.sum(axis=1)),
        (
            "sigma for log sigma: np.exp(log_scale_z) is missing",
            right + square - (gap / log_scale_z**2).sum(axis=1),
        ),
        (
            "z where z - mean_z is meant",
            right + square - (0.5 * (z / sigma) ** 2).sum(axis=1),
        ),
        *(
            (mean_over, value)
            for value in (nll + (nlp - nlq) / D, nll + nlp / D - nlq, nll + nlp - nlq / D)
        ),
        ("the closed-form KL, where the sample z is meant", nll + variance_kl),
        (
            "the entropy in closed form, where log q at z is meant",
            nll + nlp - log_det - 0.5 * D,
        ),
    ]
    return [Suspect(*row) for row in table]
