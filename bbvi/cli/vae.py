"""``bbvi vae``: the lecture's variational autoencoder."""

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
    save_pictures,
)
from bbvi.cli.parser import COMMANDS, examples
from bbvi.cli.printing import warnings_in_one_line
from bbvi.environment import environment
from bbvi.experiments.csv_and_json import write_csv
from bbvi.experiments.feasibility import COPIES
from bbvi.experiments.store import finish
from bbvi.lectures.images import load_images
from bbvi.lectures.latent_space import vae_pictures
from bbvi.lectures.networks import convolutional_network, lecture_network, num_parameters
from bbvi.lectures.vae import VaeRun, evaluate_encoder, train_vae
from bbvi.limits import check_memory
from bbvi.plotting import vae as plotting
from bbvi.plotting.style import styled
from bbvi.validation import as_count

NETWORKS = {"dense": lecture_network, "conv": convolutional_network}


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "vae",
        help=COMMANDS["vae"],
        description="Train the lecture's autoencoder, print its log, and draw its latent space, "
        "average reconstructions, manifold, samples, reconstructions and objective.",
        epilog=examples(
            "bbvi vae --epochs 20",
            "bbvi vae --dataset mnist --root mnist --network conv --pictures png pdf",
        ),
    )
    add_images(parser)
    parser.add_argument(
        "--network",
        choices=NETWORKS,
        default="dense",
        help="the lecture's, or convolutions before its hidden layer",
    )
    parser.add_argument(
        "--hidden",
        type=int,
        help="units on either side (default 512; with conv as many as make the parameters equal)",
    )
    parser.add_argument("--latent-dim", type=int, default=2, help="D (default 2, as the lecture)")
    parser.add_argument("--epochs", type=int, help="at most (default 150 for digits, 20 for mnist)")
    parser.add_argument("--batch-size", type=int, help="default 64 for digits, 128 for mnist")
    parser.add_argument("--rate", type=float, default=1e-3, help="Adam's step size")
    parser.add_argument("--tolerance", type=float, help="stop when an epoch is worse by more")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    add_max_hours(parser)
    parser.add_argument("--out", type=Path, help="(default bbvi-out/vae-DATASET[-conv])")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="(default float32)"
    )
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, log, write rows and pictures."""
    as_count("--latent-dim", args.latent_dim, minimum=2)
    if args.hidden is not None:
        as_count("--hidden", args.hidden)
    name = f"vae-{args.dataset}" + ("-conv" if args.network == "conv" else "")
    out = args.out or Path("bbvi-out") / name
    seed = as_count("--seed", args.seed, minimum=0)
    data_rng, train_rng, picture_rng = np.random.default_rng(seed).spawn(3)
    dtype = np.dtype(args.dtype)
    images = load_images(
        args.dataset, data_rng, root=args.root, download=args.download, dtype=dtype
    )
    _check_size(args, dtype)
    hidden = {} if args.hidden is None else {"hidden": args.hidden}
    make = NETWORKS[args.network]
    network = make(images.train.x.shape[1], latent_dim=args.latent_dim, **hidden)
    epochs = images.epochs if args.epochs is None else args.epochs
    # What overflows is not finite, which ends the training with a line of its own.
    quiet = np.errstate(all="ignore")
    with warnings_in_one_line("bbvi vae"), quiet:
        trained = train_vae(
            network,
            images.train.x,
            train_rng,
            epochs=epochs,
            batch_size=images.batch_size if args.batch_size is None else args.batch_size,
            rate=args.rate,
            tolerance=images.tolerance if args.tolerance is None else args.tolerance,
            evaluation_samples=images.evaluation_samples,
            log_every=images.log_every,
            folder=out,
            resume=args.resume,
            report=_print_row,
            progress=False,
            allowed_seconds=max_seconds(args),
        )
    held_out = evaluate_encoder(
        network, trained.theta, trained.phi, images.test.x, picture_rng, num_samples=16
    )
    write_csv(out / "iterations.csv", trained.iterations)
    write_csv(out / "epochs.csv", trained.epochs)
    finish(out, _manifest(args, trained, epochs, held_out))
    x, labels = images.test
    assert labels is not None
    pictures = vae_pictures(network, trained.theta, trained.phi, x, labels, picture_rng)
    figures = plotting.vae_figures(pictures, trained.iterations, trained.epochs)
    with styled():
        for name, figure in figures.items():
            save_pictures(args, figure, out / f"{name}.png")
    print(f"training has {trained.verdict}")
    print(f"held-out objective: {held_out:.2f}")
    print(f"log, checkpoint and {len(figures)} pictures are in {out}")
    return 0


def _check_size(args: argparse.Namespace, dtype: np.dtype[Any]) -> None:
    """Refuse, by the options' names, what does not fit the memory: before a network is drawn.

    At least the weights between the hidden units and z, its means and its log-scales; the
    convolutional network has by default as many parameters as the dense one.
    """
    hidden, told = 512, f"--latent-dim is {args.latent_dim}"
    if args.hidden is not None:
        hidden, told = args.hidden, f"--hidden is {args.hidden}, --latent-dim {args.latent_dim}"
    check_memory(
        f"{told}: weights, gradient and moments",
        COPIES * 3 * args.latent_dim * hidden * dtype.itemsize,
        "Ask for fewer.",
    )


def _manifest(
    args: argparse.Namespace, trained: VaeRun, epochs: int, held_out: float
) -> dict[str, Any]:
    """What the folder holds; ``epochs`` is what this process was asked for."""
    command = arguments_of(args)
    if len(trained.epochs) > epochs:  # an earlier process was asked for more
        command["epochs"] = len(trained.epochs)
    return {
        "command": command,
        "epochs": len(trained.epochs),
        "computed_by": trained.computed_by,
        "network": repr(trained.network),
        "num_parameters": num_parameters(trained.network),
        "held_out_objective": held_out,
        "verdict": trained.verdict._asdict(),
        "environment": environment(),
    }


def _print_row(row: dict[str, Any]) -> None:
    """One line of the lecture's log."""
    if "epoch" in row:
        print(
            f"** epoch {row['epoch']}: objective {row['objective']:.2f}, {row['seconds']:.2f} s **",
            flush=True,
        )
    else:
        print(
            f"iteration {row['iteration']}: objective {row['objective']:.2f}, "
            f"parameter norm {row['parameter_norm']:.2f}, {row['seconds']:.2f} s",
            flush=True,
        )
