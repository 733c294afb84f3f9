"""``bbvi networks``: the dense and the convolutional autoencoder, equal parameters."""

import argparse
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.cli.output import (
    add_images,
    add_max_hours,
    add_picture_options,
    arguments_of,
    max_seconds,
    output,
    save_pictures,
)
from bbvi.cli.parser import COMMANDS, examples
from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv
from bbvi.experiments.results import read_results
from bbvi.experiments.store import finish
from bbvi.lectures.dense_and_convolutional import FEWEST_SAMPLES, RUNS, dense_and_convolutional
from bbvi.lectures.images import load_images
from bbvi.plotting.vae import networks_figure
from bbvi.validation import as_count, as_steps

Row = dict[str, Any]

COLUMNS = {
    "seed": "d", "network": "s", "budget": "s", "epochs": "d", "seconds": ".1f",
    "held_out_elbo": ".2f", "log_evidence": ".2f", "untrusted": ".1%",
}  # fmt: skip
"""Of the printed table; the CSV has all."""


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "networks",
        help=COMMANDS["networks"],
        description="Train the lecture's autoencoder and a convolutional one of as many "
        "parameters, the latter for as many seconds and for as many epochs, over several seeds; "
        "compare their held-out ELBO and log p(x), by Pareto-smoothed importance sampling with "
        "the share of images whose k-hat is too high.  The same command goes on after the last row "
        "of an interrupted run, and draws a finished one's picture again.",
        epilog=examples(
            "bbvi networks --epochs 50 --latent-dim 8",
            "bbvi networks --dataset mnist --root mnist --seeds 5",
        ),
    )
    add_images(parser)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each network (default 3)")
    parser.add_argument("--epochs", type=int, default=20, help="of the dense network (default 20)")
    parser.add_argument("--latent-dim", type=int, default=2, help="D (default 2, as the lecture)")
    parser.add_argument("--images", type=int, default=500, help="held out, for log p(x)")
    parser.add_argument("--samples", type=int, default=1000, help="of z for each of them")
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds (default 0)")
    add_max_hours(parser)
    parser.add_argument("--out", type=Path, help="(default bbvi-out/networks-DATASET)")
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate; print and write a row for each run, and the picture."""
    out = args.out or Path("bbvi-out") / f"networks-{args.dataset}"
    first = as_count("--seed", args.seed, minimum=0)
    seeds = range(first, first + as_steps("--seeds", args.seeds))
    for option in ("epochs", "latent_dim", "images"):
        as_count(f"--{option.replace('_', '-')}", getattr(args, option))
    as_count("--samples", args.samples, FEWEST_SAMPLES)
    with output(args, out):
        before = read_results(out)
        rows = finished_rows(out, before.tables.get("networks", []), seeds)
        complete = len(rows) == len(RUNS) * len(seeds)
        if complete:
            print(f"{out} holds all {len(rows)} rows of this run: only its picture is drawn again")
        else:
            compute(args, out, seeds, rows)
        save_pictures(args, networks_figure(rows), out / "networks.png")
        # A picture drawn again says nothing about how its rows were made.
        if not (complete and before.command):
            finish(out, {"command": arguments_of(args), "environment": environment()})
    lines = [{key: f"{row[key]:{form}}" for key, form in COLUMNS.items()} for row in rows]
    print(f"\n{format_table(lines, tuple(COLUMNS))}\n\nrows, manifest and picture are in {out}")
    return 0


def finished_rows(out: Path, rows: list[Row], seeds: range) -> list[Row]:
    """The rows of an earlier run of the same command.

    Raises
    ------
    ValueError
        If they are not its first ones: somebody has changed the file.
    """
    keys = ((seed, network, budget) for seed in seeds for network, budget in RUNS)
    for i, (row, wanted) in enumerate(zip_longest(rows, islice(keys, len(rows)))):
        key = tuple(row.get(name) for name in ("seed", "network", "budget"))
        numbers = [row.get(name) for name in COLUMNS if name not in ("network", "budget")]
        if key != wanted or not all(isinstance(number, int | float) for number in numbers):
            raise ValueError(
                f"{out / 'networks.csv'} is not as this command wrote it: row {i + 1} is {key}; "
                f"expected {wanted or 'no more rows'}, with its numbers. Delete the file to begin "
                "anew, or choose another folder (--out)."
            )
    return rows


def compute(args: argparse.Namespace, out: Path, seeds: range, rows: list[Row]) -> None:
    """Append to ``rows`` what is missing, and write them as they come."""
    if rows:
        print(f"{out} holds {len(rows)} of {len(RUNS) * len(seeds)} rows: going on after them")
    images = load_images(
        args.dataset, np.random.default_rng(seeds[0]), root=args.root, download=args.download
    )

    def report(row: Row) -> None:
        # Written as they come: an hour's run may be interrupted.
        rows.append(row)
        write_csv(out / "networks.csv", rows)
        print(", ".join(f"{key} {row[key]:{form}}" for key, form in COLUMNS.items()), flush=True)

    dense_and_convolutional(
        images,
        seeds,
        np.random.default_rng,
        latent_dim=args.latent_dim,
        epochs=args.epochs,
        num_images=args.images,
        num_samples=args.samples,
        report=report,
        finished=tuple(rows),
        allowed_seconds=max_seconds(args),
    )
