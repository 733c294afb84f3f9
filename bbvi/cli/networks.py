"""``bbvi networks``: the dense and the convolutional autoencoder, equal parameters."""

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
from bbvi.experiments.feasibility import check_training
from bbvi.experiments.store import finish
from bbvi.lectures.dense_and_convolutional import dense_and_convolutional
from bbvi.lectures.images import load_images
from bbvi.lectures.networks import lecture_network
from bbvi.nets import astype
from bbvi.plotting.vae import networks_figure
from bbvi.validation import as_count

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
        "the share of images whose k-hat is too high.",
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
    seeds = range(first, first + as_count("--seeds", args.seeds))
    images = load_images(
        args.dataset, np.random.default_rng(first), root=args.root, download=args.download
    )
    x = images.train.x
    network = lecture_network(x.shape[1], latent_dim=args.latent_dim)
    rng, what = np.random.default_rng(first), f"{len(seeds)} seeds of {args.epochs} epochs"
    told = network.model, network.family, astype(network.model.init(rng), x.dtype), x[:512], what
    check_training(*told, 2 * len(seeds) * args.epochs * len(x), max_seconds(args))
    with output(args, out):
        rows: list[dict[str, Any]] = []

        def report(row: dict[str, Any]) -> None:
            # Written as they come: an hour's run may be interrupted.
            rows.append(row)
            write_csv(out / "networks.csv", rows)
            print(
                ", ".join(f"{key} {row[key]:{form}}" for key, form in COLUMNS.items()), flush=True
            )

        dense_and_convolutional(
            images,
            seeds,
            np.random.default_rng,
            latent_dim=args.latent_dim,
            epochs=args.epochs,
            num_images=args.images,
            num_samples=args.samples,
            report=report,
        )
        save_pictures(args, networks_figure(rows), out / "networks.png")
        finish(out, {"command": arguments_of(args), "environment": environment()})
    lines = [{key: f"{row[key]:{form}}" for key, form in COLUMNS.items()} for row in rows]
    print(f"\n{format_table(lines, tuple(COLUMNS))}\n\nrows, manifest and picture are in {out}")
    return 0
