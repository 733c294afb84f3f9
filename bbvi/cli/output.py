"""The results folder of a command: claimed before its work begins (floor 7)."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbvi.experiments.records import version_of
from bbvi.experiments.store import claimed

NOT_IN_IDENTITY = {"run", "out", "workers", "scheduler", "blas_kernel", "root", "download"}
"""Arguments that say where and how to compute, not what."""


def arguments_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a command, for its manifest."""
    return {key: value for key, value in vars(args).items() if key != "run"}


def identity_of(args: argparse.Namespace) -> dict[str, Any]:
    """All of a command's arguments that its results depend on, and the package's version."""
    told = {key: value for key, value in vars(args).items() if key not in NOT_IN_IDENTITY}
    return {**told, "version": version_of("bbvi")}


@contextmanager
def output(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Claim a command's folder; the same command may come again, another may not.

    Yields
    ------
    dict
        The identity, for `bbvi.experiments.store.finish`.
    """
    identity = identity_of(args)
    with claimed(folder, identity, arguments_of(args)):
        yield identity
