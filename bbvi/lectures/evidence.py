"""The evidence of held-out images by importance sampling, its smoothing, and AIS."""

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
from bbvi.evaluation.grid_sums import moments_of
from bbvi.evaluation.psis_evidence import PsisEvidence
from bbvi.families import FullCovarianceGaussian
from bbvi.inference import by_course, step_1
from bbvi.lectures.networks import Network
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array, Target, Theta

Row = dict[str, Any]


class EvidenceReport(NamedTuple):
    """What was found.

    Attributes
    ----------
    rows : list of dict
        method, proposal, images, samples per image, mean log p(x) in nats, its standard error
        from sampling z, share of images whose k-hat is above the threshold, and seconds.
    bounds : list of dict
        The importance-weighted bounds with the encoder's posterior, of the images AIS saw.
    psis : PsisEvidence
        Of every image, with k-hat.
    """

    rows: list[Row]
    bounds: list[Row]
    psis: PsisEvidence


def tight_proposal(
    network: Network,
    theta: Theta,
    lam: Array,
    x: Array,
    rng: np.random.Generator,
    *,
    num_steps: int = 150,
    num_samples: int = 8,
    inflation: float = 1.15,
    block: int = 500,
) -> tuple[FullCovarianceGaussian, Array]:
    """A proposal for importance sampling: Step 1 from the encoder's lam, then with all covariances.

    An encoder's posterior is too narrow for new images, and a diagonal one for a correlated
    posterior: both give heavy-tailed weights.  At last every standard deviation is multiplied by
    ``inflation``, so that the proposal is a little wider than the posterior.

    Parameters
    ----------
    network, theta
        An autoencoder and its model's parameters.
    lam : ndarray (N, P)
        The encoder's answer for x.
    x : ndarray (N, Dx)
    rng : numpy Generator
        For the samples.
    num_steps, num_samples : int
        Of Step 1, each time.
    inflation : float
        At least 1.
    block : int
        Images at a time.

    Returns
    -------
    family : FullCovarianceGaussian
    lam : ndarray (N, P of that family)
    """
    full = FullCovarianceGaussian(network.model.latent_dim)
    inflated = []
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        given = network.model, network.family, theta, x[rows], rng
        diagonal = step_1(
            *given,
            lam=lam[rows],
            num_samples=num_samples,
            num_steps=num_steps,
            progress=False,
            judge=by_course,
        ).lam
        moments = moments_of(network.family, diagonal)
        refined = step_1(
            network.model,
            full,
            theta,
            x[rows],
            rng,
            lam=full.from_moments(*moments).astype(x.dtype),
            num_samples=num_samples,
            num_steps=num_steps,
            optimizer=adam(cosine_decay(0.02, num_steps)),
            progress=False,
            judge=by_course,
        ).lam
        mean, covariance = full.moments(refined.astype(np.float64))
        inflated.append(full.from_moments(mean, inflation**2 * covariance).astype(x.dtype))
    return full, np.concatenate(inflated)


def evidence_report(
    network: Network,
    theta: Theta,
    phi: Theta,
    x: Array,
    rng: np.random.Generator,
    *,
    num_samples: int = 5000,
    refine_steps: int = 150,
    num_second_opinion: int = 100,
    num_chains: int = 16,
    num_temperatures: int = 500,
) -> EvidenceReport:
    """log p(x) of images (N, Dx) by importance sampling from `tight_proposal`, and by AIS.

    AIS starts from the encoder's posterior, on a random subset of the images; there, importance
    sampling from the encoder's posterior is shown too.

    Parameters
    ----------
    network, theta, phi
        An autoencoder and its parameters.
    x : ndarray (N, Dx)
        Held-out images.
    rng : numpy Generator
        For samples, chains and the subset.
    num_samples, refine_steps : int
        S of importance sampling; steps of Step 1 for its proposal.
    num_second_opinion, num_chains, num_temperatures : int
        Images for AIS, and its chains and temperatures.

    Notes
    -----
    Burda, Grosse and Salakhutdinov (2016), section 5; Wu et al. (2017).
    """
    lam, _ = backends.encode(network.encoder, phi, x)
    start = time.perf_counter()
    full, tight = tight_proposal(network, theta, lam, x, rng, num_steps=refine_steps)
    psis = quiet_psis(full, backends.target(network.model, theta, x), tight, rng, num_samples)
    seconds = time.perf_counter() - start

    few = np.sort(rng.permutation(len(x))[:num_second_opinion])
    target = backends.target(network.model, theta, x[few])
    start = time.perf_counter()
    loose = quiet_psis(network.family, target, lam[few], rng, num_samples)
    loose_seconds = time.perf_counter() - start
    start = time.perf_counter()
    ais = log_evidence_ais(
        network.family,
        target,
        lam[few],
        rng,
        num_chains=num_chains,
        num_temperatures=num_temperatures,
    )
    ais_seconds = time.perf_counter() - start
    by_samples = importance_bounds(network.family, target, lam[few], rng, (1, 5, 50, 500))
    bounds = [
        {"K": int(K), "bound": float(value.mean()), "standard_error": error_of_mean(error)}
        for K, value, error in zip(*by_samples)
    ]
    same = psis._replace(
        **{name: part[few] for name, part in psis._asdict().items() if name != "threshold"}
    )
    rows = [
        *_rows("tight", psis, num_samples, seconds),
        *_rows("tight", same, num_samples, seconds * len(few) / len(x)),
        *_rows("encoder", loose, num_samples, loose_seconds),
        {
            **_row("AIS", "encoder", ais.value, ais.standard_error, num_chains),
            "seconds": ais_seconds,
        },
    ]
    return EvidenceReport(rows, bounds, psis)


def quiet_psis(
    family: Any, target: Target, lam: Array, rng: np.random.Generator, num_samples: int
) -> PsisEvidence:
    """`log_evidence_psis` without its warning: the share of images to distrust is reported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreliableWarning)
        return log_evidence_psis(family, target, lam, rng, num_samples)


def _rows(proposal: str, psis: PsisEvidence, num_samples: int, seconds: float) -> list[Row]:
    untrusted = float((psis.khat > psis.threshold).mean())
    both = (
        ("IS", psis.raw, psis.raw_standard_error),
        ("PSIS", psis.value, psis.standard_error),
    )
    return [
        {
            **_row(method, proposal, value, error, num_samples),
            "untrusted": untrusted,
            "seconds": seconds,
        }
        for method, value, error in both
    ]


def _row(method: str, proposal: str, value: Array, error: Array, num_samples: int) -> Row:
    return {
        "method": method,
        "proposal": proposal,
        "images": len(value),
        "samples": num_samples,
        "log_evidence": float(value.mean()),
        "standard_error": error_of_mean(error),
    }


def error_of_mean(error: Array) -> float:
    """Standard error of the mean over images of independent estimates."""
    return float(np.sqrt(np.sum(error**2)) / len(error))
