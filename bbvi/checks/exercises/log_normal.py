"""The check of the exercise about the log-density of a diagonal Gaussian."""

import numpy as np

from bbvi.checks.exercises.answers import Answer, check_formula
from bbvi.checks.exercises.sizes import D, N, S
from bbvi.checks.mistakes import Suspect, without_frames
from bbvi.logs import LOG_2PI
from bbvi.types import Array


@without_frames
def check_log_normal(answer: Answer, rng: np.random.Generator) -> None:
    """Check ``log_normal(z, mean, log_scale)``: log N(z; mean, diag(sigma^2)), (S, N), nats.

    z (S, N, D); mean and log_scale = log sigma (N, D).
    """
    arguments = {
        "z": rng.standard_normal((S, N, D)),
        "mean": rng.standard_normal((N, D)),
        "log_scale": rng.uniform(0.3, 0.9, (N, D)),
    }
    square, log_det = _pieces(**arguments)
    terms = {
        "the square -0.5 ((z - mean) / sigma)^2": -0.5 * square.sum(axis=-1),
        "the normalizer -log sigma": np.tile(-log_det.sum(axis=-1), (S, 1)),
        "the constant -0.5 D log(2 pi)": np.full((S, N), -0.5 * D * LOG_2PI),
    }
    suspects = _mistakes(**arguments)
    check_formula(answer, arguments, _log_normal, suspects, also=[_by_steps], terms=terms)


def _log_normal(z: Array, mean: Array, log_scale: Array) -> Array:
    sigma = np.exp(log_scale)
    log_p = -0.5 * ((z - mean) / sigma) ** 2 - log_scale - 0.5 * np.log(2 * np.pi)
    return np.sum(log_p, axis=-1)


def _by_steps(z: Array, mean: Array, log_scale: Array) -> Array:
    standardized = (z - mean) * np.exp(-log_scale)
    return np.sum(-0.5 * standardized**2 - 0.5 * np.log(2 * np.pi) - log_scale, axis=-1)


def _pieces(z: Array, mean: Array, log_scale: Array) -> tuple[Array, Array]:
    return ((z - mean) / np.exp(log_scale)) ** 2, log_scale


def _mistakes(z: Array, mean: Array, log_scale: Array) -> list[Suspect]:
    (square, _), sigma = _pieces(z, mean, log_scale), np.exp(log_scale)
    total = _log_normal(z, mean, log_scale)
    without_square = total + 0.5 * square.sum(axis=-1)
    dimensions = log_scale.sum(axis=-1)

    def by_entry(square: Array, log_det: Array = log_scale, constant: float = LOG_2PI) -> Array:
        return (-0.5 * square - log_det - 0.5 * constant).sum(axis=-1)

    entries = -0.5 * (square + LOG_2PI) - log_scale
    forgotten = "sigma for log sigma: np.exp(log_scale) is missing"
    return [
        Suspect(forgotten, by_entry(((z - mean) / log_scale) ** 2)),
        Suspect(forgotten, by_entry(((z - mean) / log_scale) ** 2, np.log(log_scale))),
        Suspect(
            "log(2 pi sigma) / 2 should be log(2 pi sigma^2) / 2: the variance is sigma squared",
            total + 0.5 * dimensions,
        ),
        Suspect(
            "the square has the wrong sign: the density falls away from the mean",
            total + square.sum(axis=-1),
        ),
        Suspect("sigma where sigma squared is meant", by_entry((z - mean) ** 2 / sigma)),
        Suspect(
            "log sigma was taken for log sigma squared",
            by_entry((z - mean) ** 2 / sigma, log_scale / 2),
        ),
        Suspect("the constant -0.5 log(2 pi) per dimension is missing", total + 0.5 * D * LOG_2PI),
        Suspect(
            "the constant -0.5 log(2 pi) belongs to every dimension, not once",
            total + 0.5 * (D - 1) * LOG_2PI,
        ),
        Suspect("the constant is log(2 pi), not log(pi)", total + 0.5 * D * np.log(2)),
        Suspect("2 pi itself, where its log is meant", total + 0.5 * D * (LOG_2PI - 2 * np.pi)),
        Suspect("the normalizer -log sigma is missing", total + dimensions),
        Suspect("log sigma has the wrong sign", total + 2 * dimensions),
        Suspect("sigma where its log is meant, in the normalizer", by_entry(square, sigma)),
        Suspect(
            "log sigma was summed over the datapoints too: sum over axis=-1",
            total + dimensions - log_scale.sum(),
        ),
        Suspect("multiplied by sigma, where it is divided", by_entry(((z - mean) * sigma) ** 2)),
        Suspect("z + mean where z - mean is meant", by_entry(((z + mean) / sigma) ** 2)),
        Suspect("the factor 1/2 of the square is missing", total - 0.5 * square.sum(axis=-1)),
        Suspect(
            "the square of the sum, where the sum of the squares is meant",
            without_square - 0.5 * ((z - mean) / sigma).sum(axis=-1) ** 2,
        ),
        Suspect(
            "the length of the vector, where its square is meant: np.linalg.norm takes a root",
            without_square - 0.5 * np.sqrt(square.sum(axis=-1)),
        ),
        Suspect(
            "a mean over the latent dimensions: a product of densities is a sum of logs", total / D
        ),
        *_densities_for_logs(total, square, entries),
        Suspect("a sum over the wrong axis: sum over the dimensions, axis=-1", entries.sum(axis=0)),
    ]


def _densities_for_logs(total: Array, square: Array, entries: Array) -> list[Suspect]:
    exponential = (np.exp(-0.5 * square) + 0.5 * square).sum(axis=-1)
    return [
        Suspect("a density, where its log is meant", np.exp(total)),
        Suspect(
            "the densities of the dimensions are added: they multiply, and their logs are added",
            np.log(np.exp(entries).sum(axis=-1)),
        ),
        Suspect("exp of the square, where its log is meant", total + exponential),
    ]
