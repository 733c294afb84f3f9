"""The evidence of held-out images by importance sampling, its smoothing, and AIS (floor 6)."""

import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.evaluation import (
    UnreliableWarning,
    importance_bounds,
    log_evidence_ais,
    log_evidence_psis,
)
from bbvi.evaluation.psis import PsisEvidence
from bbvi.experiments.networks import Network
from bbvi.types import Array, Theta

Row = dict[str, Any]


class EvidenceReport(NamedTuple):
    """What was found.

    Attributes
    ----------
    rows : list of dict
        method, images, samples per image, mean log p(x) in nats, its standard error from sampling
        z, and seconds.  IS and PSIS are given for all images and for those that AIS saw.
    bounds : list of dict
        The importance-weighted bounds of the images that AIS saw.
    psis : PsisEvidence
        Of every image, with k-hat.
    untrusted : float
        Share of all images whose k-hat is above the threshold.
    """

    rows: list[Row]
    bounds: list[Row]
    psis: PsisEvidence
    untrusted: float


def evidence_report(
    network: Network,
    theta: Theta,
    phi: Theta,
    x: Array,
    rng: np.random.Generator,
    *,
    num_samples: int = 5000,
    num_second_opinion: int = 100,
    num_chains: int = 16,
    num_temperatures: int = 500,
) -> EvidenceReport:
    """log p(x) of images (N, Dx), with the encoder's posterior as the proposal.

    AIS starts from the same posterior, on a random subset of the images.

    Parameters
    ----------
    network, theta, phi
        An autoencoder and its parameters.
    x : ndarray (N, Dx)
        Held-out images.
    rng : numpy Generator
        For samples, chains and the subset.
    num_samples : int
        S of importance sampling.
    num_second_opinion, num_chains, num_temperatures : int
        Images for AIS, and its chains and temperatures.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), section 5; Wu et al. (2017).
    """
    chosen_backend = backends.resolve("auto", network.model)
    lam, _ = chosen_backend.encode(network.encoder, phi, x)
    target = chosen_backend.target(network.model, theta, x)
    with warnings.catch_warnings():
        # The share of images to distrust is part of the report.
        warnings.simplefilter("ignore", UnreliableWarning)
        start = time.perf_counter()
        psis = log_evidence_psis(network.family, target, lam, rng, num_samples)
        seconds = time.perf_counter() - start
    few = np.sort(rng.permutation(len(x))[:num_second_opinion])
    few_target = chosen_backend.target(network.model, theta, x[few])
    start = time.perf_counter()
    ais = log_evidence_ais(
        network.family,
        few_target,
        lam[few],
        rng,
        num_chains=num_chains,
        num_temperatures=num_temperatures,
    )
    ais_seconds = time.perf_counter() - start
    found = importance_bounds(network.family, few_target, lam[few], rng, (1, 5, 50, 500))

    rows = []
    for which, images in (("all", slice(None)), ("same as AIS", few)):
        for method, value, error in (
            ("IS", psis.raw, psis.raw_standard_error),
            ("PSIS", psis.value, psis.standard_error),
        ):
            rows.append(_row(method, which, num_samples, value[images], error[images], seconds))
    rows.append(_row("AIS", "same as AIS", num_chains, ais.value, ais.standard_error, ais_seconds))
    bounds = [
        {"K": int(K), "bound": float(value.mean()), "standard_error": _total(error)}
        for K, value, error in zip(*found)
    ]
    return EvidenceReport(rows, bounds, psis, float((psis.khat > psis.threshold).mean()))


def _row(method: str, which: str, samples: int, value: Array, error: Array, seconds: float) -> Row:
    return {
        "method": method,
        "which": which,
        "images": len(value),
        "samples": samples,
        "log_evidence": float(value.mean()),
        "standard_error": _total(error),
        "seconds": seconds,
    }


def _total(error: Array) -> float:
    """Standard error of the mean over images of independent estimates."""
    return float(np.sqrt(np.sum(error**2)) / len(error))
