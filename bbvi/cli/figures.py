"""``bbvi figures``: every figure of the README and the notebooks, by one command (floor 7)."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.plotting.figures import FIGURES, write


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "figures",
        help="write every figure of the README and the notebooks, with the numbers behind it",
        description="Compute and draw the figures, as PNG with a CSV beside each; Step 1 also as "
        "an HTML page that moves.  The same seed gives the same picture, but for seconds.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"by default all: {', '.join(FIGURES)}"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: looks, not numbers")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same pictures")
    parser.add_argument(
        "--out", type=Path, default=Path("figures"), help="folder (default figures)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw and write what was asked for."""
    unknown = [name for name in args.names if name not in FIGURES]
    if unknown:
        raise ValueError(f"no figure {unknown[0]!r}; expected some of: {', '.join(FIGURES)}.")
    for name in args.names or FIGURES:
        start = time.perf_counter()
        # A generator for each, so that no figure depends on which others are drawn.
        paths = write(args.out, FIGURES[name](np.random.default_rng(args.seed), args.quick))
        seconds = time.perf_counter() - start
        print(f"{name}: {', '.join(map(str, paths))} ({seconds:.0f} s)", flush=True)
    return 0
