"""``bbvi figures``: every figure of the README and the notebooks, by one command (floor 7)."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.plotting.figures import FIGURES, write
from bbvi.plotting.notebooks import notebook_figures


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "figures",
        help="write every figure of the README and the notebooks, with the numbers behind it",
        description="Compute and draw the figures, as PNG with a CSV beside each; Step 1 also as "
        "an HTML page that moves.  The same seed gives the same picture, but for seconds; the "
        "notebooks have seeds of their own.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(FIGURES)}, or a lecture notebook's source, notebooks/NN_topic.py, for "
        "all that it shows (the file is run); by default every figure, and no notebook",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: looks, not numbers")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same pictures")
    parser.add_argument(
        "--out", type=Path, default=Path("figures"), help="folder (default figures)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw and write what was asked for."""
    names = args.names or list(FIGURES)
    unknown = [name for name in names if name not in FIGURES and not _is_notebook(name)]
    if unknown:
        raise ValueError(
            f"no figure {unknown[0]!r}; expected some of: {', '.join(FIGURES)}, or the path of a "
            "notebook's source, notebooks/NN_topic.py."
        )
    for name in names:
        start = time.perf_counter()
        if name in FIGURES:
            # A generator for each, so that no figure depends on which others are drawn.
            paths = write(args.out, FIGURES[name](np.random.default_rng(args.seed), args.quick))
        else:
            paths = write(args.out / "notebooks", notebook_figures(Path(name), args.quick))
        seconds = time.perf_counter() - start
        print(f"{name}: {', '.join(map(str, paths))} ({seconds:.0f} s)", flush=True)
    return 0


def _is_notebook(name: str) -> bool:
    return name.endswith(".py") and Path(name).is_file()
