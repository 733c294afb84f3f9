"""``bbvi rerun``: the same thing again, from the manifest alone."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bbvi.cli.output import add_places, files_of
from bbvi.cli.parser import COMMANDS, Parser, examples
from bbvi.environment import routines, version_of
from bbvi.experiments.results import Results, read_results
from bbvi.experiments.same_numbers import changed_files, compare_results
from bbvi.experiments.store import check_folder
from bbvi.lectures.training_folder import in_words

RERUNNABLE = ("compare", "variance", "posteriors", "uses", "vae", "figures", "reproduce")
"""Commands that record all of their arguments, and whose numbers no clock decides."""


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "rerun",
        help=COMMANDS["rerun"],
        description="Run again, into another folder, what a results folder's manifest describes: "
        "the same data, seeds and step sizes.  Then compare all tables, but for times.  Ends with "
        "status 0 if all numbers are the same, with 1 if not.",
        epilog=examples(
            "bbvi rerun bbvi-out/compare",
            "bbvi rerun bbvi-out/variance --out check --workers 1",
        ),
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="results of an earlier run")
    parser.add_argument("--out", type=Path, help="results folder (default FOLDER-again)")
    add_places(parser, "as the first run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the files, run, compare."""
    before = read_results(args.folder)
    again = arguments_again(before)
    trouble = changed_files(before.manifest, args.folder, files_of(before.command))
    if trouble:
        raise ValueError(trouble)
    again.out = args.out or args.folder.with_name(f"{args.folder.name}-again")
    if again.out.resolve() == args.folder.resolve():
        raise ValueError(f"--out is {again.out}, the first run's folder; expected another one.")
    check_folder(again.out)
    for name in ("workers", "scheduler"):
        if name in vars(again) and getattr(args, name) is not None:
            setattr(again, name, getattr(args, name))
    say_versions(before)
    status: int = again.run(again)
    print(f"\n{args.folder} and {again.out}:")
    after = read_results(again.out)
    comparisons = compare_results(before, after)
    for one in comparisons:
        print(one.sentence())
    if before.manifest.get("data") != after.manifest.get("data"):
        print("the data differ: the manifests have other hashes")
        return 1
    if not comparisons:
        print("there are no tables to compare")
        return status or 1
    same = all(one.same for one in comparisons)
    print("all numbers are the same" if same else "the numbers are NOT the same")
    return status or (0 if same else 1)


def arguments_again(before: Results) -> argparse.Namespace:
    """The arguments of the command that made a folder, and its ``run``.

    Raises
    ------
    ValueError
        If the folder does not tell, or a clock decided its numbers, or the command has no such
        argument any more.
    """
    command = before.command.get("command")
    if command == "networks":
        raise ValueError(
            f"{before.folder} is of bbvi networks, whose second network trains by the clock, for "
            "as many seconds as the first one took: its numbers cannot come again. Run its "
            "manifest's command with another --out, and compare the rows of equal epochs."
        )
    if command not in RERUNNABLE:
        raise ValueError(
            f"{before.folder} does not tell the arguments that it was made with (its manifest's "
            f"command is {command!r}); expected a finished run of bbvi {', '.join(RERUNNABLE)}."
        )
    parser = Parser(prog="bbvi")
    children = parser.add_subparsers(dest="command")
    import_module(f"bbvi.cli.{command}").add_parser(children)
    again = parser.parse_args([command])
    types = _types(children.choices[command])
    for name, value in before.command.items():
        if name in ("command", "blas_kernel", "resume"):
            continue
        if name not in vars(again):
            raise ValueError(
                f"{before.folder} was made with --{name.replace('_', '-')}, which bbvi "
                f"{version_of('bbvi')} does not have; expected a folder of this version."
            )
        setattr(again, name, Path(value) if types.get(name) is Path and value else value)
    if command == "compare" and not before.command.get("tune"):
        again.step_sizes = before.manifest.get("methods")
    return again


def _types(parser: argparse.ArgumentParser) -> dict[str, Callable[[str], Any] | None]:
    """Name of each argument -> what makes its value of text."""
    known: dict[str, Any] = {action.dest: action.type for action in parser._actions}
    return known


def say_versions(before: Results) -> None:
    """A line for each package, and for BLAS, other than the first run's, on standard error."""
    environment = before.manifest.get("environment", {})
    for name, version in environment.get("versions", {}).items():
        if version != version_of(name):
            print(
                f"bbvi rerun: {name} was {version}, it is {version_of(name)}: "
                "last digits may differ.",
                file=sys.stderr,
            )
    here = routines()
    rows = before.manifest.get("computed_by")
    for row in rows if isinstance(rows, list) else ():
        if any(row.get(key) != value for key, value in here.items()):
            print(
                f"bbvi rerun: from epoch {row.get('from_epoch')} on it was {in_words(row)}, it is "
                f"{in_words(here)}: last digits may differ.",
                file=sys.stderr,
            )
