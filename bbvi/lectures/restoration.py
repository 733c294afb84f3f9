"""Marginal inference: partly observed images restored.

A model of whole images is learnt once.  For each task its likelihood is exchanged for that of the
observation (`bbvi.models.likelihoods.observed`), z is inferred from y by each procedure, and the
whole image is E[x | y].
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.evaluation import elbo
from bbvi.evaluation.paired import mean_over_data
from bbvi.families import DiagonalGaussian
from bbvi.inference import by_course, fit_amortized, fixed_budget, known_theta
from bbvi.inference import step_1 as climb
from bbvi.lectures.partly_observed import Task, restore_by_pca
from bbvi.models import DeepLatentModel, restored_mean
from bbvi.nets import MLP
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array, Theta
from bbvi.validation import as_count

Row = dict[str, Any]


class Restored(NamedTuple):
    """Pictures of one task: name -> images (M, pixels), in order."""

    task: str
    images: dict[str, Array]


class Budget(NamedTuple):
    """How long to infer: Step 1 from cold, from the encoder's answer, and learning the encoder."""

    cold_steps: int = 300
    refine_steps: int = 30
    encoder_steps: int = 3000
    hidden: int = 200
    num_samples: int = 4
    restore_samples: int = 32


def restore(
    model: DeepLatentModel,
    family: DiagonalGaussian,
    theta: Theta,
    lam: Array,
    y: Array,
    rng: np.random.Generator,
    num_samples: int,
) -> Array:
    """E_q[E[x | y, z]] (N, pixels): the whole image as far as q(z) knows it.

    Raises
    ------
    ValueError
        If y is no observation of this kind, e.g. a mask hides all of an image.
    TypeError
        If the likelihood has no mean.
    """
    model.check_data(y)
    total = np.zeros((len(y), model.decoder.sizes[-1]), y.dtype)
    for _ in range(as_count("num_samples", num_samples)):
        z = family.transform(lam, family.noise(rng, 1, len(y), y.dtype))
        total += restored_mean(model.likelihood, {}, y, model.decode(theta, z))[0]
    return total / num_samples


def marginal_inference(
    model: DeepLatentModel,
    theta: Theta,
    train: Array,
    test: Array,
    tasks: list[Task],
    rng: np.random.Generator,
    *,
    budget: Budget | None = None,
    drawn: int = 10,
    progress: bool | None = None,
) -> tuple[list[Row], list[Restored]]:
    """Restore test images by each procedure and by two baselines.

    Parameters
    ----------
    model, theta
        Learnt from whole binary images: BernoulliLikelihood.
    train, test : ndarray (N, pixels)
        Whole images: those the encoders and baselines learn from, and those to restore.
    tasks : list of Task
    rng : numpy Generator
        For observations and inference.
    budget : Budget, optional
    drawn : int
        Images to return for pictures.
    progress : bool, optional
        Show progress bars; by default only on a terminal.

    Returns
    -------
    rows : list of dict
        task, method, mean squared error over the scored pixels with its standard error over
        images, ELBO of log p(y), evaluations and seconds per image, seconds of learning.
    restored : list of Restored

    Notes
    -----
    The AEVB review, section 2.1, "marginal inference": denoising, inpainting, super-resolution.
    """
    budget = budget or Budget()
    rows: list[Row] = []
    restored = []
    for task, task_rng in zip(tasks, rng.spawn(len(tasks))):
        seen = DeepLatentModel(model.prior, model.decoder, task.likelihood)
        y = task.observe(test, task_rng)
        answers = _procedures(seen, theta, train, y, task, task_rng, budget, progress)
        pictures = {"truth": test[:drawn], "seen": task.shown(y[:drawn])}
        baselines = {
            "mean image": np.broadcast_to(train.mean(axis=0), test.shape),
            "PCA": restore_by_pca(task, train, y, model.latent_dim),
        }
        for name, images in baselines.items():
            rows.append({"task": task.name, "method": name, **_error(images, test, task.scored)})
        for name, (images, costs) in answers.items():
            error = _error(images, test, task.scored)
            rows.append({"task": task.name, "method": name, **error, **costs})
        for name, images in (("PCA", baselines["PCA"]), *((k, v[0]) for k, v in answers.items())):
            pictures[name] = images[:drawn]
        restored.append(Restored(task.name, pictures))
    return rows, restored


def _procedures(
    model: DeepLatentModel,
    theta: Theta,
    train: Array,
    y: Array,
    task: Task,
    rng: np.random.Generator,
    budget: Budget,
    progress: bool | None,
) -> dict[str, tuple[Array, Row]]:
    """Name -> restored images and costs, for the three procedures at fixed theta."""
    family = DiagonalGaussian(model.latent_dim)
    target = backends.target(model, theta, y)
    start = time.perf_counter()
    encode = _learn_encoder(model, theta, task.observe(train, rng), rng, budget, progress)
    learning = time.perf_counter() - start

    def step_1(lam: Array | None, num_steps: int) -> Array:
        return climb(
            model,
            family,
            theta,
            y,
            rng,
            lam=lam,
            num_samples=budget.num_samples,
            num_steps=num_steps,
            progress=progress,
            judge=by_course,
        ).lam

    cold, refine = budget.cold_steps, budget.refine_steps
    restored = {}
    for name, answer, steps, learning_seconds in (
        ("bbvi", lambda: step_1(None, cold), cold, 0.0),
        ("amortized", lambda: encode(y), 0, learning),
        ("semi-amortized", lambda: step_1(encode(y), refine), refine, learning),
    ):
        start = time.perf_counter()
        lam = answer()
        costs: Row = {
            "seconds_per_image": (time.perf_counter() - start) / len(y),
            "evaluations_per_image": steps * budget.num_samples,
            "learning_seconds": learning_seconds,
            "elbo": float(elbo(family, target, lam, rng, 32).value.mean()),
        }
        restored[name] = restore(model, family, theta, lam, y, rng, budget.restore_samples), costs
    return restored


@fixed_budget()
def _learn_encoder(
    model: DeepLatentModel,
    theta: Theta,
    observed: Array,
    rng: np.random.Generator,
    budget: Budget,
    progress: bool | None,
) -> Callable[[Array], Array]:
    """lam = f_phi(y), learnt at fixed theta from training images seen in the same way."""
    family = DiagonalGaussian(model.latent_dim)
    encoder = MLP((observed.shape[1], budget.hidden, family.num_params), "relu")
    phi = fit_amortized(
        model,
        family,
        observed,
        rng,
        encoder=encoder,
        num_samples=1,
        num_steps=budget.encoder_steps,
        optimizer=adam(cosine_decay(0.003, budget.encoder_steps)),
        learning=known_theta(theta),
        theta=theta,
        progress=progress,
    ).phi
    assert phi is not None
    return partial(encoder, phi)


def _error(images: Array, truth: Array, scored: Array) -> Row:
    return mean_over_data("error", ((images - truth)[:, scored] ** 2).mean(axis=1))
