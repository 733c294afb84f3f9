"""``bbvi reproduce``: published numbers beside ours."""

import argparse
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from bbvi.cli.output import add_picture_options, add_places, record_names, save_pictures
from bbvi.cli.parser import COMMANDS, examples
from bbvi.experiments.cluster import cluster
from bbvi.experiments.csv_and_json import format_table
from bbvi.experiments.reproductions.agreement import summary
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.reproductions.run import Result, find, reproduce
from bbvi.experiments.store import claimed
from bbvi.plotting.reproductions import figure_of


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "reproduce",
        help=COMMANDS["reproduce"],
        description="Measure what a paper or another program printed, and say whether it agrees. "
        "A run that was stopped goes on where it was.",
        epilog=examples(
            "bbvi reproduce --list",
            "bbvi reproduce --quick --pictures svg",
        ),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="names, sources and times")
    parser.add_argument("--quick", action="store_true", help="short versions; all that have one")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    add_places(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("bbvi-out/reproduce"), help="results folder"
    )
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, or measure, print the comparisons, write CSV, JSON and picture."""
    if args.list:
        print(catalogue())
        return 0
    names = args.names or [
        name for name, entry in REPRODUCTIONS.items() if args.quick and entry.quick_cells
    ]
    if not names:
        raise ValueError("no NAME is given; expected names of --list, or --quick alone.")
    for name in names:
        find(name)
    identity = {"command": "reproduce", "seed": args.seed, "quick": args.quick}
    with claimed(args.out, identity), cluster(args.scheduler) as executor:
        failures = sum(_reproduced(name, args, executor) for name in names)
        record_names(args, args.out, names)
    print(f"\nrows, verdicts and pictures are in {args.out}")
    return 1 if failures else 0


def _reproduced(name: str, args: argparse.Namespace, executor: Executor | None) -> int:
    """Measure one, write and print it; the number of cells that failed."""
    result = reproduce(
        name,
        quick=args.quick,
        seed=args.seed,
        folder=args.out,
        executor=executor,
        workers=args.workers,
    )
    if result.rows:
        picture = figure_of(find(name), result.rows, result.comparisons)
        save_pictures(args, picture, args.out / f"{name}.png")
    print(report(result), flush=True)
    for failure in result.failures:
        print(failure["error"], file=sys.stderr)
    return len(result.failures)


def catalogue() -> str:
    """Every entry as a line: name, short version or not, time, source."""
    lines = [
        {
            "name": name,
            "--quick": "yes" if entry.quick_cells else "",
            "time": entry.time,
            "source": entry.source.partition(";")[0],
        }
        for name, entry in REPRODUCTIONS.items()
    ]
    return format_table(lines, lines[0])


def report(result: Result) -> str:
    """The comparisons that were measured as a table, and the verdict on all."""
    measured = [one for one in result.comparisons if one.num_seeds]
    if len(measured) > 30:
        # Of many points those that do not agree.
        measured = [one for one in measured if one.verdict != "agrees"]
    lines = [
        {
            "quantity": one.quantity,
            "by": one.by,
            "theirs": one.printed,
            "ours": f"{one.ours:.6g}",
            "95% interval": f"{one.low:.5g} .. {one.high:.5g}",
            "seeds": one.num_seeds,
            "verdict": f"{one.verdict}: {one.because}",
        }
        for one in measured
    ]
    table = f"\n\n{format_table(lines, lines[0])}" if lines else ""
    version = " (short version)" if result.quick else ""
    return f"{result.name}{version}: {summary(result.comparisons)}{table}\n"
