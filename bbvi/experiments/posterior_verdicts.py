"""Moments held against moments, and what there is to complain of."""

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bbvi.evaluation import UnreliableWarning
from bbvi.types import Array

KHAT = 0.7
"""Up to this weights can be trusted (Vehtari et al. 2024)."""
MEAN_OFF, SD_OFF = 0.1, 0.1
"""An error of a mean, in standard deviations, and of a ratio of two, that count."""
BELOW = 3.0
"""Nats by which linear response's ELBO may be below full covariance's, beyond noise."""
DISAGREE = 0.5
"""The same of two weighted moments, beyond what noise does to them."""
CAUTION = 0.7
"""A complaint comes from this part of them on: what it is held against has noise of its own."""


class ReportedMoments(NamedTuple):
    """Mean and standard deviation (R,) of what a posterior reports, and k-hat of the weights."""

    mean: Array
    sd: Array
    khat: float


def largest_errors(
    moments: ReportedMoments, truth: ReportedMoments, names: tuple[str, ...]
) -> dict[str, Any]:
    """The largest errors, and whose they are.

    Returns
    -------
    dict
        ``mean_error`` and ``mean_error_of``: max |mean - true mean| / true sd; ``sd_ratio_min``,
        ``sd_ratio_max`` and whose; ``off``: whether one of them counts.
    """
    error = np.abs(moments.mean - truth.mean) / truth.sd
    ratio = moments.sd / truth.sd
    worst, low, high = int(error.argmax()), int(ratio.argmin()), int(ratio.argmax())
    off = error[worst] >= MEAN_OFF or ratio[low] < 1 - SD_OFF or ratio[high] > 1 + SD_OFF
    return {
        "mean_error": float(error[worst]),
        "mean_error_of": names[worst],
        "sd_ratio_min": float(ratio[low]),
        "sd_ratio_min_of": names[low],
        "sd_ratio_max": float(ratio[high]),
        "sd_ratio_max_of": names[high],
        "off": bool(off),
    }


def several_modes(weighted: Sequence[ReportedMoments], names: tuple[str, ...]) -> str:
    """A complaint where weights that look trustworthy disagree: they have seen different modes.

    k-hat cannot know of a mode that no draw has come near.
    """
    sound = [moments for moments in weighted if moments.khat <= KHAT]
    for one, other in pairwise(sound):
        worst = largest_errors(one, other, names)
        low, high = 1 - worst["sd_ratio_min"], worst["sd_ratio_max"] - 1
        if max(worst["mean_error"], low, high) > DISAGREE:
            return f"weighted draws disagree on {worst['mean_error_of']}: several modes"
    return ""


def far_below(log_w: Array, log_w_full: Array) -> str:
    """A complaint where an ELBO, the mean of log p - log q (S,), is far below full covariance's.

    Both are Gaussians: what the better one gains the other loses where log p is low, and neither
    its moments nor weights of its draws say what is there.
    """
    gap = log_w_full.mean() - log_w.mean()
    error = np.sqrt(log_w.var() / len(log_w) + log_w_full.var() / len(log_w_full))
    return f"ELBO {gap:.0f} nats below full covariance's" if gap - 2 * error > BELOW else ""


def complaint(
    moments: ReportedMoments, names: tuple[str, ...], said: str, truth: ReportedMoments | None
) -> str:
    """What is wrong with an approximation, in words; empty where nothing is.

    Parameters
    ----------
    moments : ReportedMoments
        Its own.
    names : tuple of str
        Of the R numbers.
    said : str
        Warnings of the fit.
    truth : ReportedMoments or None
        Better ones: weighted ones that can be trusted, or for mean field linear response's.
    """
    parts = [said] if said else []
    if not moments.khat <= KHAT:
        parts.append(f"k-hat {moments.khat:.2f}")
    if truth is not None:
        worst = largest_errors(moments, truth, names)
        for end, sign in (("min", -1), ("max", 1)):
            ratio = worst[f"sd_ratio_{end}"]
            if sign * (ratio - 1) > CAUTION * SD_OFF:
                parts.append(
                    f"sd of {worst[f'sd_ratio_{end}_of']} is {ratio:.2f} of what it should be"
                )
        if worst["mean_error"] >= CAUTION * MEAN_OFF:
            parts.append(f"mean of {worst['mean_error_of']} is {worst['mean_error']:.2f} sd off")
    return ", ".join(parts)


def verdict_line(parts: Sequence[tuple[str, ReportedMoments, str]], without_response: str) -> str:
    """The complaints of (method, moments, complaint) in one line, and what to use instead.

    ``without_response`` says why there is no linear response, where there is none.
    """
    said = {method: why for method, _, why in parts}
    line = [f"{name}: {why or 'good'}" for name, why in said.items() if "weighted" not in name]
    if "linear response" not in said:
        line.append(f"linear response: none ({without_response})")
    if said["full covariance"]:
        sound = [
            ("weighted" in method, moments.khat, method)
            for method, moments, why in parts
            if not why and method != "mean field"
        ]
        line.append(f"use {min(sound)[2]}" if sound else "trust none of these")
    return "; ".join(line)


def value_and_distrust(function: Callable[[], Any]) -> tuple[Any, bool]:
    """The function's value, and whether it warned that it is not to be trusted.

    Warnings become part of the verdict; of overflow on the way only the end counts.
    """
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        value = function()
    return value, any(issubclass(warning.category, UnreliableWarning) for warning in caught)
