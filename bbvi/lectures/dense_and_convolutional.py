"""The lecture's network beside a convolutional one: equal parameters, equal seconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bbvi import backends
from bbvi.datasets import Dataset
from bbvi.experiments.feasibility import check_network, seconds_per_evaluation_of
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
from bbvi.limits import DAY, check_time, product
from bbvi.nets import astype
from bbvi.validation import as_count

Row = dict[str, Any]
RUNS = (("dense", "epochs"), ("conv", "seconds"), ("conv", "epochs"))
"""Of each seed, in this order: the second needs the first one's seconds."""
STEP_1_SAMPLES = 8
FEWEST_SAMPLES = 25
"""That `bbvi.evaluation.log_evidence_psis` takes."""


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
    finished: Sequence[Row] = (),
    allowed_seconds: float = DAY,
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
        Called with each new row.
    finished : sequence of dict
        Rows of an earlier call with the same arguments: they are not computed again.
    allowed_seconds : float
        If all rows that are left would take longer, nothing is begun.

    Returns
    -------
    list of dict
        seed, network, budget, parameters, epochs, seconds, and in nats: train_elbo, held_out_elbo
        of all held-out images; log_evidence of the chosen ones by PSIS, its standard_error from
        the samples of z, and ``untrusted``, the share of them whose k-hat is above the threshold.

    Raises
    ------
    TypeError, ValueError
        If a count is not a whole number of at least 1, or num_samples is below 25, or
        ``allowed_seconds`` are too little (`bbvi.limits.TooMuchError`).
    """
    as_count("epochs", epochs)
    num_images = min(as_count("num_images", num_images), len(images.test.x))
    evidence = (
        num_images,
        as_count("num_samples", num_samples, FEWEST_SAMPLES),
        as_count("refine_steps", refine_steps),
    )
    width = images.train.x.shape[1]
    dense = lecture_network(width, latent_dim=latent_dim)
    told = f"latent_dim is {latent_dim}"
    check_network(told, [dense.encoder, dense.model.decoder], images.train.x.dtype)
    convolutional = convolutional_network(width, latent_dim=latent_dim)
    known = {(row["seed"], row["network"], row["budget"]): row for row in finished}
    networks = {"dense": dense, "conv": convolutional}
    _check_time(networks, images, len(seeds), known, epochs, *evidence, allowed_seconds)
    rows: list[Row] = []
    for seed in seeds:
        for name, budget in RUNS:
            row = known.get((seed, name, budget))
            if row is None:
                timed = budget == "seconds"
                # Judged above, as a whole.
                trained = train_vae(
                    networks[name],
                    images.train.x,
                    rng_of(seed),
                    epochs=1000 if timed else epochs,
                    batch_size=images.batch_size,
                    tolerance=np.inf,
                    max_seconds=rows[-1]["seconds"] if timed else np.inf,
                    progress=False,
                    allowed_seconds=np.inf,
                )
                numbers = _evaluated(trained, images.test, rng_of(seed).spawn(1)[0], *evidence)
                row = {"seed": seed, "network": name, "budget": budget} | numbers
                if report is not None:
                    report(row)
            rows.append(row)
    return rows


def _check_time(
    networks: Mapping[str, Network],
    images: Images,
    num_seeds: int,
    known: Mapping[tuple[int, str, str], Row],
    epochs: int,
    num_images: int,
    num_samples: int,
    refine_steps: int,
    allowed_seconds: float,
) -> None:
    """Raise TooMuchError if training and log p(x) of the rows that are left do not fit the time.

    An evaluation's gradient is not counted, nor is the training of equal seconds.
    """
    x, seconds = images.train.x, 0.0
    # Step 1 of the proposal, diagonal and full, and then the samples of z.
    evidence = num_images * (2 * refine_steps * STEP_1_SAMPLES + num_samples)
    rates = {}
    for name, (model, family, _) in networks.items():
        # The rate is that of any numbers.
        theta = astype(model.init(np.random.Generator(np.random.PCG64(0))), x.dtype)
        rates[name] = seconds_per_evaluation_of(model, family, theta, x[:512], num_samples)
    for run in RUNS:
        left = num_seeds - sum(key[1:] == run for key in known)
        training = epochs * len(x) if run[1] == "epochs" else 0
        seconds += product(left, training + evidence, rates[run[0]])
    left = len(RUNS) * num_seeds - len(known)
    what = f"epochs is {epochs}, images {num_images}, samples {num_samples}, in {left} runs"
    check_time(what, seconds, allowed_seconds)


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
    full, tight = tight_proposal(
        network, theta, lam, chosen, rng, num_steps=refine_steps, num_samples=STEP_1_SAMPLES
    )
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
