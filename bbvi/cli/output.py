"""The results folder of a command: claimed before its work begins."""

import argparse
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbvi.experiments.csv_and_json import version_of
from bbvi.experiments.store import claimed

NOT_IN_IDENTITY = {"run", "out", "workers", "scheduler", "blas_kernel", "root", "download"}
"""Arguments that say where and how to compute, not what."""


def arguments_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a command, for its manifest."""
    return {key: value for key, value in vars(args).items() if key != "run"}


def identity_of(args: argparse.Namespace) -> dict[str, Any]:
    """All of a command's arguments that its results depend on, and the package's version."""
    told = {key: value for key, value in vars(args).items() if key not in NOT_IN_IDENTITY}
    return {**told, "files": _files(told), "version": version_of("bbvi")}


def _files(told: dict[str, Any]) -> dict[str, str]:
    """Name -> SHA-256 of the files among the arguments, FILE.py:NAME too."""
    digests = {}
    for value in told.values():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            path = Path(text.rpartition(":")[0] if ".py:" in text else text)
            if path.is_file():
                digests[text] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


@contextmanager
def output(args: argparse.Namespace, folder: Path) -> Iterator[None]:
    """Claim a command's folder; the same command may come again, another may not."""
    with claimed(folder, identity_of(args), arguments_of(args)):
        yield
