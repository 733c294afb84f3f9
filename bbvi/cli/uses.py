"""``bbvi uses``: what latent variables are good for."""

import argparse
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
from bbvi.experiments.store import check_folder, finish
from bbvi.lectures.images import load_images
from bbvi.lectures.uses import Uses, uses
from bbvi.plotting import uses as plotting
from bbvi.validation import as_count

DEFAULTS = {"digits": (6, 4000), "mnist": (10, 6000)}


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "uses",
        help=COMMANDS["uses"],
        description="Learn an autoencoder of binary images, classify by its posterior means, and "
        "restore damaged images by per-datapoint, amortized and semi-amortized inference.",
        epilog=examples(
            "bbvi uses --steps 1000",
            "bbvi uses --dataset mnist --root mnist --latent-dim 20",
        ),
    )
    add_images(parser)
    parser.add_argument("--latent-dim", type=int, help="D (default 6 for digits, 10 for mnist)")
    parser.add_argument("--hidden", type=int, default=200, help="units on either side")
    parser.add_argument("--steps", type=int, help="steps of learning (default 4000, 6000)")
    parser.add_argument("--images", type=int, default=200, help="test images to restore")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    add_max_hours(parser)
    parser.add_argument("--out", type=Path, help="results folder (default bbvi-out/uses-DATASET)")
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Learn, classify, restore; print and write both tables and the pictures."""
    out = args.out or Path("bbvi-out") / f"uses-{args.dataset}"
    check_folder(out)
    as_count("--hidden", args.hidden)
    as_count("--images", args.images, minimum=2)
    latent_dim, steps = DEFAULTS[args.dataset]
    data_rng, rng = np.random.default_rng(as_count("--seed", args.seed, minimum=0)).spawn(2)
    images = load_images(args.dataset, data_rng, root=args.root, download=args.download)
    with output(args, out):
        results = uses(
            images,
            rng,
            latent_dim=latent_dim if args.latent_dim is None else args.latent_dim,
            hidden=args.hidden,
            num_steps=steps if args.steps is None else args.steps,
            num_restored=args.images,
            max_seconds=max_seconds(args),
        )
        write(args, out, results)
    print("A linear classifier on as many numbers:\n")
    print(_table(results.representation))
    print("\nRestoring what is not seen, mean squared error per pixel:\n")
    print(_table(results.restoration))
    print(f"\nrows, manifest and pictures are in {out}")
    return 0


def write(args: argparse.Namespace, out: Path, results: Uses) -> None:
    """Both tables, manifest and pictures."""
    write_csv(out / "representation.csv", results.representation)
    write_csv(out / "restoration.csv", results.restoration)
    for restored in results.restored:
        save_pictures(args, plotting.restored_figure(restored), out / f"{restored.task}.png")
    save_pictures(args, plotting.errors_figure(results.restoration), out / "errors.png")
    record = {
        "command": arguments_of(args),
        "network": repr(results.network),
        "environment": environment(),
    }
    finish(out, record)


def _table(rows: list[dict[str, Any]]) -> str:
    columns = dict.fromkeys(key for row in rows for key in row)
    lines = [
        {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]
    return format_table(lines, columns)
