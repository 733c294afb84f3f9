"""An autoencoder trained as in the lecture: logged, checkpointed, resumed to the bit."""

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators import reparameterized_mc
from bbvi.evaluation.monte_carlo import log_weights
from bbvi.experiments.checkpoints import (
    NAME,
    foreign_files,
    has_checkpoint,
    load_checkpoint,
    resume_logs,
    save_checkpoint,
)
from bbvi.experiments.feasibility import check_network, check_training
from bbvi.experiments.store import MANIFEST, check_folder, claim, is_claimed, visible
from bbvi.inference import Course, State, as_trace, course, fit_amortized, fixed_budget
from bbvi.inference.arguments import begin_with_encoder
from bbvi.lectures.networks import Network, lecture_objective, parameter_norm
from bbvi.limits import DAY
from bbvi.nets import astype
from bbvi.optimizers import Optimizer, adam
from bbvi.types import Array, Estimator, Theta
from bbvi.validation import as_count, as_float_array

Row = dict[str, Any]


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
    """

    network: Network
    theta: Theta
    phi: Theta
    iterations: list[Row]
    epochs: list[Row]
    verdict: Course


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
        was never interrupted (on the same machine, with as many threads).
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
    _refuse_to_overwrite(folder, resume)
    optimizer = adam(rate)
    plain = {"batch_size": batch_size, "rate": rate, "log_every": log_every}
    settings = _settings(network, x, rng, estimator, evaluation_samples=evaluation_samples, **plain)
    first, what = _first_state(network, x, rng, optimizer), f"epochs is {epochs}"
    evaluations = 0 if max_seconds <= allowed_seconds else epochs * len(x)
    told = network.model, network.family, first.theta, x[:batch_size], what
    check_training(*told, evaluations, allowed_seconds)
    state, logs = _continue(folder, settings, first, rng)
    rows = logs["epochs"]
    log = _logger(logs, rows[-1]["seconds"] if rows else 0.0, report)
    one_epoch = partial(
        fixed_budget()(fit_amortized),
        *(network.model, network.family, x, rng),
        encoder=network.encoder,
        estimator=estimator,
        num_samples=1,
        num_steps=-(-len(x) // batch_size),
        batch_size=batch_size,
        optimizer=optimizer,
        progress=progress,
        callback=_row_of_a_step(network, log_every, log),
    )
    while len(rows) < epochs and not _worse(rows, tolerance):
        if rows and _one_more_ends(rows) > max_seconds:
            break
        fit = one_epoch(theta=state.theta, state=state)
        assert fit.state is not None
        state = fit.state
        objective = evaluate_objective(network, fit.theta, fit.lam, x, rng, evaluation_samples)
        log("epochs", epoch=len(rows) + 1, objective=objective)
        if folder is not None:
            save_checkpoint(folder, state, rng, len(rows), settings=settings, **logs)
    verdict = course(as_trace(state.trace).elbo)
    return VaeRun(network, state.theta, state.phi or {}, **logs, verdict=verdict)


def _one_more_ends(epochs: list[Row]) -> float:
    """The seconds at which another epoch, as long as the longest, would end."""
    ends = [0.0, *(row["seconds"] for row in epochs)]
    return ends[-1] + max(np.diff(ends))


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


def _continue(
    folder: Path | None, settings: dict[str, Any], state: State, rng: np.random.Generator
) -> tuple[State, dict[str, list[Row]]]:
    """The folder claimed; state and logs of its checkpoint, if any, and ``rng`` as it was then."""
    logs: dict[str, list[Row]] = {"iterations": [], "epochs": []}
    if folder is None:
        return state, logs
    if not has_checkpoint(folder):
        # Now rather than after an epoch, in case it cannot be had, or two begin at once.
        claim(folder, settings, beside=visible(folder))
        return state, logs
    state, record = load_checkpoint(folder, settings, state)
    # A manifest that is damaged is told before the training, one that is lost is made again.
    claim(folder, settings, beside=visible(folder))
    return state, resume_logs(folder, record, logs, rng)


def _settings(
    network: Network, x: Array, rng: np.random.Generator, estimator: Estimator, **plain: Any
) -> dict[str, Any]:
    """All that a run's numbers depend on, so that another run's checkpoint is not continued."""
    return {
        "network": repr(network),
        "estimator": getattr(estimator, "__name__", repr(estimator)),
        **plain,
        "dtype": str(x.dtype),
        "data_sha256": hashlib.sha256(x.tobytes()).hexdigest(),
        "rng_start": hashlib.sha256(repr(rng.bit_generator.state).encode()).hexdigest(),
    }


def _refuse_to_overwrite(folder: Path | None, resume: bool) -> None:
    if folder is None:
        return
    check_folder(folder)
    begun = has_checkpoint(folder)
    if begun and not resume:
        raise ValueError(
            f"{folder} holds a run already. Continue it with resume=True (--resume), or choose "
            "another folder."
        )
    others = foreign_files(folder)
    if is_claimed(folder):
        others.remove(MANIFEST)
    if others and not begun:
        raise ValueError(
            f"{folder} holds {', '.join(others[:3])}{' ...' if len(others) > 3 else ''} but no "
            f"{NAME}: these files are not this run's, and nothing was written. Choose a new or "
            "empty folder."
        )


def _worse(rows: list[Row], tolerance: float) -> bool:
    """The lecture's rule: the last epoch's objective is above the one before by the tolerance."""
    return len(rows) > 1 and rows[-1]["objective"] > rows[-2]["objective"] + tolerance
