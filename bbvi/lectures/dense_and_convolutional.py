"""The lecture's network beside a convolutional one: equal parameters, equal seconds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.datasets import Dataset
from bbvi.lectures.evidence import error_of_mean, quiet_psis, tight_proposal
from bbvi.lectures.images import Images
from bbvi.lectures.networks import (
    Network,
    convolutional_network,
    lecture_network,
    lecture_objective,
    num_parameters,
)
from bbvi.lectures.vae import VaeRun, evaluate_encoder, train_vae
from bbvi.validation import as_count

Row = dict[str, Any]


def dense_and_convolutional(
    images: Images,
    seeds: Sequence[int],
    rng_of: Callable[[int], np.random.Generator],
    *,
    latent_dim: int = 2,
    epochs: int = 10,
    num_images: int = 500,
    num_samples: int = 1000,
    refine_steps: int = 100,
    report: Callable[[Row], Any] | None = None,
) -> list[Row]:
    """Train both networks, of equally many parameters, and evaluate them on held-out images.

    The dense network trains for ``epochs``.  The convolutional one trains for as many seconds of
    the wall clock, or less by a part of an epoch (budget "seconds"), and for as many epochs (budget
    "epochs").

    Parameters
    ----------
    images : Images
        E.g. of `bbvi.lectures.images.load_images`.
    seeds : sequence of int
        Each gives one run of each network.
    rng_of : callable
        seed -> numpy Generator.  Both networks begin with the same one, and see the same held-out
        images.
    latent_dim, epochs : int
        D; the dense network's epochs.
    num_images, num_samples, refine_steps : int
        Held-out images for log p(x), samples for each, and steps of Step 1 for the proposal
        (`bbvi.lectures.evidence.tight_proposal`).
    report : callable, optional
        Called with each row.

    Returns
    -------
    list of dict
        seed, network, budget, parameters, epochs, seconds, and in nats: train_elbo, held_out_elbo
        of all held-out images; log_evidence of the chosen ones by PSIS, its standard_error from
        the samples of z, and ``untrusted``, the share of them whose k-hat is above the threshold.

    Raises
    ------
    TypeError, ValueError
        If a count is not a whole number of at least 1.
    """
    as_count("epochs", epochs)
    num_images = min(as_count("num_images", num_images), len(images.test.x))
    width = images.train.x.shape[1]
    dense = lecture_network(width, latent_dim=latent_dim)
    convolutional = convolutional_network(width, latent_dim=latent_dim)
    rows: list[Row] = []
    for seed in seeds:
        seconds = np.inf
        for name, network, budget in (
            ("dense", dense, "epochs"),
            ("conv", convolutional, "seconds"),
            ("conv", convolutional, "epochs"),
        ):
            few = budget == "epochs"
            trained = train_vae(
                network,
                images.train.x,
                rng_of(seed),
                epochs=epochs if few else 1000,
                batch_size=images.batch_size,
                tolerance=np.inf,
                max_seconds=np.inf if few else seconds,
                progress=False,
            )
            if name == "dense":
                seconds = trained.epochs[-1]["seconds"]
            row = {"seed": seed, "network": name, "budget": budget} | _evaluated(
                trained,
                images.test,
                rng_of(seed).spawn(1)[0],
                num_images,
                num_samples,
                refine_steps,
            )
            rows.append(row)
            if report is not None:
                report(row)
    return rows


def _evaluated(
    trained: VaeRun,
    test: Dataset,
    rng: np.random.Generator,
    num_images: int,
    num_samples: int,
    refine_steps: int,
) -> Row:
    """One run's numbers."""
    network, theta, phi = trained.network, trained.theta, trained.phi
    chosen = test.x[np.sort(rng.permutation(len(test.x))[:num_images])]
    held_out = evaluate_encoder(network, theta, phi, test.x, rng, num_samples=4)
    lam, _ = backends.encode(network.encoder, phi, chosen)
    full, tight = tight_proposal(network, theta, lam, chosen, rng, num_steps=refine_steps)
    target = backends.target(network.model, theta, chosen)
    psis = quiet_psis(full, target, tight, rng, num_samples)
    last = trained.epochs[-1]
    return {
        "parameters": num_parameters(network),
        "epochs": last["epoch"],
        "seconds": last["seconds"],
        "train_elbo": _elbo(network, last["objective"]),
        "held_out_elbo": _elbo(network, held_out),
        "images": num_images,
        "log_evidence": float(psis.value.mean()),
        "standard_error": error_of_mean(psis.standard_error),
        "untrusted": float((psis.khat > psis.threshold).mean()),
    }


def _elbo(network: Network, objective: float) -> float:
    """The ELBO of the lecture's objective J = -ELBO - constant."""
    return -objective + lecture_objective(network, 0.0)
