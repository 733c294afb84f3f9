"""The folder of a training: whose it is, what it is continued from, and who computed what in it."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.environment import chosen_by, routines
from bbvi.experiments.checkpoints import (
    NAME,
    foreign_files,
    has_checkpoint,
    load_checkpoint,
    resume_logs,
)
from bbvi.experiments.store import MANIFEST, check_folder, claim, is_claimed, visible
from bbvi.inference import State
from bbvi.lectures.networks import Network
from bbvi.types import Array, Estimator

Row = dict[str, Any]


def continue_run(
    folder: Path | None, settings: dict[str, Any], state: State, rng: np.random.Generator
) -> tuple[State, dict[str, list[Row]], list[Row]]:
    """The folder claimed; state, logs and ``computed_by`` of its checkpoint, if any.

    ``rng`` is set to what it was then.
    """
    logs: dict[str, list[Row]] = {"iterations": [], "epochs": []}
    if folder is None:
        return state, logs, _computed_by([], 1)
    if not has_checkpoint(folder):
        # Now rather than after an epoch, in case it cannot be had, or two begin at once.
        claim(folder, settings, beside=visible(folder))
        return state, logs, _computed_by([], 1)
    state, record = load_checkpoint(folder, settings, state)
    # A manifest that is damaged is told before the training, one that is lost is made again.
    claim(folder, settings, beside=visible(folder))
    logs = resume_logs(folder, record, (*logs, "computed_by"), rng)
    return state, logs, _computed_by(logs.pop("computed_by"), len(logs["epochs"]) + 1)


def _computed_by(before: list[Row], epoch: int) -> list[Row]:
    """The rows so far, and this process's from its first epoch on, if it computes otherwise."""
    here = routines()
    if before and all(before[-1].get(key) == value for key, value in here.items()):
        return before
    if before:
        warnings.warn(
            f"this run goes on with {in_words(here)}; before epoch {epoch} it had "
            f"{in_words(before[-1])}: the last digits may differ from an uninterrupted run's.",
            stacklevel=4,
        )
    return [*before, {"from_epoch": epoch, **here, "set_by": chosen_by()}]


def in_words(row: Row) -> str:
    """BLAS and threads of a row of ``computed_by``."""
    blas = row.get("blas")
    names = ", ".join(map(str, blas)) if isinstance(blas, list) else "unknown"
    return f"BLAS {names} on {row.get('threads')} thread{'' if row.get('threads') == 1 else 's'}"


def settings_of(
    network: Network, x: Array, rng: np.random.Generator, estimator: Estimator, **plain: Any
) -> dict[str, Any]:
    """All that a run's numbers depend on, so that another run's checkpoint is not continued."""
    return {
        # The network in short, for whoever is told that theirs is another, and in full.
        "network_type": type(network.encoder).__name__,
        "hidden": list(network.encoder.sizes[1:-1]),
        "latent_dim": network.model.latent_dim,
        "network": repr(network),
        "estimator": getattr(estimator, "__name__", repr(estimator)),
        **plain,
        "dtype": str(x.dtype),
        "data_sha256": hashlib.sha256(x.tobytes()).hexdigest(),
        "rng_start": hashlib.sha256(repr(rng.bit_generator.state).encode()).hexdigest(),
    }


def refuse_to_overwrite(folder: Path | None, resume: bool) -> None:
    """Raise ValueError for a folder with other files, or with a run that is not to be resumed."""
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
