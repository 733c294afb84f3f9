"""Tables of mistakes for the checks of `likelihoods`, continued."""

from typing import Any

from bbvi.checks.mistakes import Suspect


def lecture_loss_more(
    closed_kl: Any,
    D: Any,
    DX: Any,
    entries: Any,
    forgotten: Any,
    gap: Any,
    half: Any,
    LOG_2PI: Any,
    log_scale_x: Any,
    log_scale_z: Any,
    mean_z: Any,
    nll: Any,
    nlp: Any,
    nlq: Any,
    right: Any,
    share: Any,
    sigma_z: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of lecture loss, part 3."""
    return [
        Suspect(
            "multiplied by sigma_z, where it is divided",
            right + share["q"] - (gap * sigma_z**2).sum(1),
        ),
        Suspect(
            "the square of q is not divided by sigma_z^2", right + share["q"] - gap.sum(axis=1)
        ),
        Suspect(forgotten, right + share["q"] - (gap / log_scale_z**2).sum(axis=1)),
        Suspect("sigma_z where its log is meant", right - (sigma_z - log_scale_z).sum(axis=1)),
        Suspect(
            "mean_z where z is meant, in the prior", right - nlp + 0.5 * (mean_z**2).sum(axis=1)
        ),
        Suspect(
            "z where z - mean_z is meant", right + share["q"] - (entries["z"] / sigma_z**2).sum(1)
        ),
        Suspect(
            "a mean over the latent dimensions, where their sum is meant", nll + (nlp - nlq) / D
        ),
        Suspect("a mean over the latent dimensions, where their sum is meant", nll + nlp / D - nlq),
        Suspect("a mean over the latent dimensions, where their sum is meant", nll + nlp - nlq / D),
        Suspect("the terms in 2 pi were to be left out", right + 0.5 * D * LOG_2PI),
        Suspect("the terms in 2 pi were to be left out", right - 0.5 * D * LOG_2PI),
        Suspect("the terms in 2 pi were to be left out", right + 0.5 * (DX + D) * LOG_2PI),
        Suspect("the likelihood's term alone", nll),
        Suspect("the likelihood's term is missing", nlp - nlq),
        Suspect(
            "the closed-form KL, where the sample z is meant", nll + closed_kl(mean_z, log_scale_z)
        ),
        Suspect(
            "the entropy in closed form, where log q at z is meant",
            nll + nlp - log_scale_z.sum(1) - D / 2,
        ),
        Suspect(
            "an (N, 1) and an (N,) array make (N, N): take the column, as in a[:, 0]",
            (DX * log_scale_x + half) + nlp - nlq,
        ),
    ]
