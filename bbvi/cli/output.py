"""The results folder of a command: claimed before its work begins."""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bbvi.environment import environment, version_of
from bbvi.experiments.sources import source_digest
from bbvi.experiments.store import MANIFEST, claimed, finish
from bbvi.plotting.style import PICTURES, Figure, save

NOT_IN_IDENTITY = {
    "run",
    "out",
    "workers",
    "scheduler",
    "blas_kernel",
    "root",
    "download",
    "max_hours",
    "pictures",
    "dpi",
    "step_sizes",
}
"""Arguments that say where and how to compute, not what."""


def add_max_hours(parser: argparse.ArgumentParser) -> None:
    """The option of commands whose time grows with what they are asked for."""
    parser.add_argument(
        "--max-hours",
        type=_hours,
        default=24.0,
        metavar="H",
        help="refuse what would take longer, judged before it begins (default 24)",
    )


def add_places(parser: argparse.ArgumentParser, default: str = "one per CPU") -> None:
    """``--workers`` and ``--scheduler``: where the cells of a sweep are computed."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, help=f"processes (default: {default})")
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running dask scheduler that you trust as a shell: whoever reaches it can run "
        "code on its workers and on this machine; tls://HOST:PORT on a network that others share "
        "(SECURITY.md)",
    )


def add_images(parser: argparse.ArgumentParser) -> None:
    """``--dataset``, ``--root`` and ``--download``, of commands that learn images."""
    parser.add_argument(
        "--dataset", choices=("digits", "mnist"), default="digits", help="(default digits)"
    )
    parser.add_argument("--root", type=Path, help="MNIST's folder (default $BBVI_DATA)")
    parser.add_argument("--download", action="store_true", help="fetch MNIST if it is absent")


def seconds_from(text: str) -> float:
    """20 or 20s."""
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected seconds, e.g. 20s")
    return value


def _hours(text: str) -> float:
    """A positive number of hours, inf too."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; expected hours, e.g. 72")
    return value


def max_seconds(args: argparse.Namespace) -> float:
    """``--max-hours`` in seconds."""
    return 3600.0 * float(args.max_hours)


def arguments_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a command, for its manifest."""
    return {key: value for key, value in vars(args).items() if key not in ("run", "step_sizes")}


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """``--pictures`` and ``--dpi``, of every command that draws."""
    parser.add_argument(
        "--pictures",
        nargs="+",
        choices=tuple(PICTURES),
        default=["png"],
        metavar="KIND",
        help=f"some of: {', '.join(PICTURES)} (default png)",
    )
    add_dpi(parser, "100")


def add_dpi(parser: argparse.ArgumentParser, default: str) -> None:
    """``--dpi``."""
    parser.add_argument("--dpi", type=_dpi, help=f"dots per inch of a PNG (default {default})")


def save_pictures(args: argparse.Namespace, figure: Figure, path: Path) -> None:
    """The figure in every kind that was asked for; path is the PNG's."""
    for kind in args.pictures:
        save(figure, path.with_suffix(f".{kind}"), args.dpi)


def _dpi(text: str) -> float:
    value = float(text) if text.replace(".", "", 1).isdigit() else 0.0
    if not 10 <= value <= 2400:
        raise argparse.ArgumentTypeError(f"{text!r}; expected dots per inch from 10 to 2400")
    return value


def identity_of(args: argparse.Namespace) -> dict[str, Any]:
    """All of a command's arguments that its results depend on, and the package's version."""
    told = {key: value for key, value in vars(args).items() if key not in NOT_IN_IDENTITY}
    return {**told, "files": files_of(told), "version": version_of("bbvi")}


def files_of(told: dict[str, Any]) -> dict[str, str]:
    """Name -> SHA-256 of the files among the arguments, FILE.py:NAME too."""
    digests = {}
    for value in told.values():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            path = Path(text.rpartition(":")[0] if ".py:" in text else text)
            if path.is_file():
                digests[text] = source_digest(path)
    return digests


@contextmanager
def output(args: argparse.Namespace, folder: Path) -> Iterator[None]:
    """Claim a command's folder; the same command may come again, another may not."""
    with claimed(folder, identity_of(args), arguments_of(args)):
        yield


def record_names(args: argparse.Namespace, folder: Path, names: Sequence[str]) -> None:
    """Tell the manifest the command of a folder that takes one name after the other."""
    told = json.loads((folder / MANIFEST).read_text("utf-8")).get("command", {})
    command = arguments_of(args) | {"names": list(dict.fromkeys([*told.get("names", ()), *names]))}
    finish(folder, {"command": command, "environment": environment()})
