"""An autoencoder trained as in the lecture: logged, checkpointed, resumed to the bit."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized_mc
from bbvi.evaluation.monte_carlo import log_weights
from bbvi.experiments.checkpoints import save_checkpoint
from bbvi.experiments.feasibility import check_network, check_training
from bbvi.inference import Course, Fit, State, as_trace, course, fit_amortized, fixed_budget
from bbvi.inference.arguments import begin_with_encoder
from bbvi.lectures.networks import Network, lecture_objective, parameter_norm
from bbvi.lectures.training_folder import (
    Row,
    continue_run,
    refuse_to_overwrite,
    settings_of,
)
from bbvi.limits import DAY
from bbvi.nets import astype
from bbvi.optimizers import Optimizer, adam
from bbvi.types import Array, Estimator, Theta
from bbvi.validation import as_count, as_float_array


class VaeRun(NamedTuple):
    """A trained autoencoder and the course of its training.

    Attributes
    ----------
    network : Network
    theta, phi : dict
        Parameters of the model and of the encoder.
    iterations, epochs : list of dict
        The log: iteration, objective, parameter_norm, seconds; epoch, objective, seconds.
    verdict : Course
        Whether training has converged, by the course of its steps.
    computed_by : list of dict
        BLAS's routines and the number of threads, and the first epoch that they computed: one
        row, unless a run was resumed with others.
    """

    network: Network
    theta: Theta
    phi: Theta
    iterations: list[Row]
    epochs: list[Row]
    verdict: Course
    computed_by: list[Row]


def evaluate_objective(
    network: Network, theta: Theta, lam: Array, x: Array, rng: np.random.Generator, num_samples: int
) -> float:
    """The objective per image over a whole data set, with S draws of z for each image."""
    target = backends.unchecked_target(network.model, theta, x)
    draws = log_weights(network.family, target, lam, rng, num_samples)
    total = sum(float(log_w.sum()) for log_w in draws)
    return lecture_objective(network, total / (num_samples * len(x)))


def train_vae(
    network: Network,
    x: Array,
    rng: np.random.Generator,
    *,
    epochs: int = 20,
    batch_size: int = 128,
    rate: float = 1e-3,
    tolerance: float = 1.0,
    evaluation_samples: int = 1,
    estimator: Estimator = reparameterized_mc,
    log_every: int = 100,
    max_seconds: float = np.inf,
    folder: Path | None = None,
    resume: bool = False,
    report: Callable[[Row], Any] | None = None,
    progress: bool | None = None,
    allowed_seconds: float = DAY,
) -> VaeRun:
    """Train an autoencoder as the lecture does: Adam on minibatches, an evaluation per epoch.

    Stops when an epoch's objective exceeds the one before it by more than ``tolerance``, after
    ``epochs``, or when another epoch, as long as the longest so far, would end beyond
    ``max_seconds``; one epoch is always taken.

    Parameters
    ----------
    network : Network
        E.g. `lecture_network`.
    x : ndarray (N, Dx)
        Training images.
    rng : numpy Generator
        For everything random.  A resumed run takes its state from the checkpoint.
    epochs, batch_size : int
        At most this many epochs, in minibatches of this many images.
    rate, tolerance : float
        Adam's step size; the stop rule's allowance, nats per image.
    evaluation_samples : int
        Draws of z per image in the evaluation after each epoch; the lecture takes one.
    estimator : callable
        The lecture's gradient is that of the sampled log p(x, z) - log q(z).
    log_every : int
        Iterations between log rows.
    max_seconds : float
        Of the clock on the wall, which makes a run's length the machine's matter.
    folder : path, optional
        Where to checkpoint after every epoch.
    resume : bool
        Continue from the folder's checkpoint, if it has one, to the same numbers as a run that
        was never interrupted (on the same machine, with as many threads).  A warning tells where
        BLAS's routines or the threads are others, so that last digits may differ.
    report : callable, optional
        Called with every log row.
    progress : bool, optional
        Show a progress bar; by default only on a terminal.
    allowed_seconds : float
        If all epochs, or ``max_seconds``, would take longer, nothing is begun.

    Returns
    -------
    VaeRun

    Raises
    ------
    ValueError
        If a number is not as described, the machine's memory or ``allowed_seconds`` are too
        little (`bbvi.limits.TooMuchError`); if the folder has a run already and ``resume`` is
        False, or files but no checkpoint, or its checkpoint is damaged or of another run or
        version.
    OSError
        If the folder cannot be made or written to.

    Notes
    -----
    Swaney lecture, ``train!``; Kingma and Welling (2014), Algorithm 1.
    """
    x = as_float_array("x", x, ndim=2)
    epochs, log_every = as_count("epochs", epochs), as_count("log_every", log_every)
    batch_size = as_count("batch_size", batch_size)
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance}; expected at least 0 nats, or inf.")
    refuse_to_overwrite(folder, resume)
    optimizer = adam(rate)
    plain = {"batch_size": batch_size, "rate": rate, "log_every": log_every}
    settings = settings_of(
        network, x, rng, estimator, evaluation_samples=evaluation_samples, **plain
    )
    first, what = _first_state(network, x, rng, optimizer), f"epochs is {epochs}"
    evaluations = 0 if max_seconds <= allowed_seconds else epochs * len(x)
    case = network.model, network.family, first.theta, x[:batch_size], what
    check_training(*case, evaluations, allowed_seconds)
    state, logs, computed_by = continue_run(folder, settings, first, rng)
    rows = logs["epochs"]
    log = _logger(logs, rows[-1]["seconds"] if rows else 0.0, report)
    after_step = _row_of_a_step(network, log_every, log)
    adam_steps = {"optimizer": optimizer, "callback": after_step, "progress": progress}
    one_epoch = _one_epoch(network, x, rng, batch_size, estimator=estimator, **adam_steps)
    while len(rows) < epochs and not _worse(rows, tolerance):
        if rows and _one_more_ends(rows) > max_seconds:
            break
        fit = one_epoch(theta=state.theta, state=state)
        assert fit.state is not None
        state = fit.state
        objective = evaluate_objective(network, fit.theta, fit.lam, x, rng, evaluation_samples)
        log("epochs", epoch=len(rows) + 1, objective=objective)
        if folder is not None:
            told = {"settings": settings, "computed_by": computed_by, **logs}
            save_checkpoint(folder, state, rng, len(rows), **told)
    verdict = course(as_trace(state.trace).elbo)
    computed_by = [row for row in computed_by if row["from_epoch"] <= len(rows)]
    return VaeRun(
        network, state.theta, state.phi or {}, **logs, verdict=verdict, computed_by=computed_by
    )


def _one_more_ends(epochs: list[Row]) -> float:
    """The seconds at which another epoch, as long as the longest, would end."""
    ends = [0.0, *(row["seconds"] for row in epochs)]
    return ends[-1] + max(np.diff(ends))


def _one_epoch(
    network: Network, x: Array, rng: np.random.Generator, batch_size: int, **settings: Any
) -> Callable[..., Fit]:
    """(theta, state) -> Fit: amortized VI through all of x once, with one draw of z for a row."""
    return partial(
        fixed_budget()(fit_amortized),
        *(network.model, network.family, x, rng),
        encoder=network.encoder,
        num_samples=1,
        num_steps=-(-len(x) // batch_size),
        batch_size=batch_size,
        **settings,
    )


def _first_state(
    network: Network, x: Array, rng: np.random.Generator, optimizer: Optimizer
) -> State:
    """Parameters as they are drawn, unless they do not fit the memory."""
    networks = [network.encoder, network.model.decoder]
    check_network(f"sizes are {network.encoder.sizes}", networks, x.dtype)
    theta = astype(network.model.init(rng), x.dtype)
    return begin_with_encoder(network.encoder, theta, x, rng, optimizer)


def _logger(
    logs: dict[str, list[Row]], seconds: float, report: Callable[[Row], Any] | None
) -> Callable[..., None]:
    """(table, **row) -> None: appends and reports a row with its seconds, so many from now."""
    start = time.perf_counter() - seconds

    def log(table: str, **row: Any) -> None:
        row["seconds"] = time.perf_counter() - start
        logs[table].append(row)
        if report is not None:
            report(row)

    return log


def _row_of_a_step(
    network: Network, log_every: int, log: Callable[..., None]
) -> Callable[[State], None]:
    """What is done after a step: every so often a row of the log."""

    def after_step(state: State) -> None:
        iteration, elbo, _, _ = state.trace[-1]
        if iteration % log_every == 0:
            objective = lecture_objective(network, elbo)
            norm = parameter_norm(state.theta, state.phi or {}, network.model.latent_dim)
            log("iterations", iteration=iteration, objective=objective, parameter_norm=norm)

    return after_step


def evaluate_encoder(
    network: Network,
    theta: Theta,
    phi: Theta,
    x: Array,
    rng: np.random.Generator,
    num_samples: int = 1,
) -> float:
    """The objective per image of data that the encoder may not have seen."""
    lam, _ = backends.encode(network.encoder, phi, x)
    return evaluate_objective(network, theta, lam, x, rng, num_samples)


def _worse(rows: list[Row], tolerance: float) -> bool:
    """The lecture's rule: the last epoch's objective is above the one before by the tolerance."""
    return len(rows) > 1 and rows[-1]["objective"] > rows[-2]["objective"] + tolerance
