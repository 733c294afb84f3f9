"""What latent variables are good for, on one model: representation and restoration."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets import Dataset
from bbvi.datasets import binarize as to_binary
from bbvi.estimators import reparameterized_kl
from bbvi.experiments.feasibility import check_network, check_training
from bbvi.experiments.identity import cell_rng
from bbvi.inference import Fit, fit_amortized, fixed_budget
from bbvi.lectures.images import Images
from bbvi.lectures.latent_space import posterior_means
from bbvi.lectures.networks import Network, bernoulli_network
from bbvi.lectures.partly_observed import denoising, inpainting, super_resolution
from bbvi.lectures.representation import compare_representations
from bbvi.lectures.restoration import Budget, Restored, Row, marginal_inference
from bbvi.limits import DAY
from bbvi.nets import astype
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array
from bbvi.validation import as_count


class Uses(NamedTuple):
    """Tidy rows of both uses, pictures of the restored images, and the model that was learnt."""

    representation: list[Row]
    restoration: list[Row]
    restored: list[Restored]
    network: Network
    fit: Fit


@fixed_budget()
def learn_binary(
    x: Any,
    rng: np.random.Generator,
    *,
    latent_dim: int,
    hidden: int = 200,
    num_steps: int = 3000,
    batch_size: int = 100,
    progress: bool | None = None,
) -> tuple[Network, Fit]:
    """A Bernoulli autoencoder of binary images (N, pixels), by amortized VI with a falling step.

    Notes
    -----
    Kingma and Welling (2014), Algorithm 1 with estimator B.
    """
    network = bernoulli_network(x.shape[1], hidden, latent_dim)
    fit = fit_amortized(
        network.model,
        network.family,
        x,
        rng,
        encoder=network.encoder,
        estimator=reparameterized_kl,
        num_samples=1,
        num_steps=num_steps,
        batch_size=batch_size,
        optimizer=adam(cosine_decay(0.003, num_steps)),
        progress=progress,
    )
    return network, fit


def uses(
    images: Images,
    rng: np.random.Generator,
    *,
    latent_dim: int,
    hidden: int = 200,
    num_steps: int = 3000,
    num_restored: int = 200,
    budget: Budget | None = None,
    progress: bool | None = None,
    max_seconds: float = DAY,
) -> Uses:
    """Learn from binarized training images, then classify and restore test images.

    Parameters
    ----------
    images : Images
        Labelled grey images, which are binarized at one half.
    rng : numpy Generator
        The run's only source of randomness.
    latent_dim, hidden, num_steps : int
        Of the autoencoder.
    num_restored : int
        Test images to restore, a random subset.
    budget : Budget, optional
        Of the inference from partial images.
    progress : bool, optional
        Show progress bars; by default only on a terminal.
    max_seconds : float
        Longer learning is refused.

    Raises
    ------
    ValueError
        If a count is too small, or too large for memory or ``max_seconds``; if more images are to
        be restored than there are test images, or there are as many latent dimensions as pixels;
        before anything is learnt.
    """
    num_restored = as_count("num_restored", num_restored, minimum=2)
    num_test, pixels = images.test.x.shape
    if num_restored > num_test:
        raise ValueError(
            f"num_restored is {num_restored}, but there are {num_test} test images; expected at "
            "most that many."
        )
    if as_count("latent_dim", latent_dim) >= pixels:
        raise ValueError(
            f"latent_dim is {latent_dim}, but the images have {pixels} pixels; expected fewer "
            "dimensions than pixels, so that there are as many principal components to compare."
        )
    train = Dataset(to_binary(images.train.x), images.train.labels)
    test = Dataset(to_binary(images.test.x), images.test.labels)
    learn_rng, choice_rng, task_rng = rng.spawn(3)
    _check_size(train.x, latent_dim, hidden, num_steps, max_seconds)
    network, fit = learn_binary(
        train.x,
        learn_rng,
        latent_dim=latent_dim,
        hidden=hidden,
        num_steps=num_steps,
        progress=progress,
    )
    assert fit.phi is not None
    means = (
        posterior_means(network, fit.phi, train.x),
        posterior_means(network, fit.phi, test.x),
    )
    side = round(float(np.sqrt(train.x.shape[1])))
    chosen = choice_rng.permutation(len(test.x))[:num_restored]
    restoration, restored = marginal_inference(
        network.model,
        fit.theta,
        train.x,
        test.x[chosen],
        [inpainting(side), denoising(side), super_resolution(side)],
        task_rng,
        budget=budget,
        progress=progress,
    )
    representation = compare_representations(train, test, means)
    return Uses(representation, restoration, restored, network, fit)


def _check_size(
    x: Array, latent_dim: int, hidden: int, num_steps: int, max_seconds: float, batch: int = 100
) -> None:
    """Raise TooMuchError unless memory and time suffice for `learn_binary`."""
    network = bernoulli_network(x.shape[1], as_count("hidden", hidden), latent_dim)
    check_network(f"hidden is {hidden}", [network.encoder, network.model.decoder], x.dtype)
    theta = astype(network.model.init(cell_rng(0, {"try": 0})), x.dtype)
    evaluations = as_count("num_steps", num_steps) * batch
    told = f"num_steps is {num_steps}, hidden {hidden}"
    check_training(network.model, network.family, theta, x[:batch], told, evaluations, max_seconds)
