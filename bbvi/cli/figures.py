"""``bbvi figures``: every figure of the README and the notebooks, by one command."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.cli.output import add_dpi, record_names
from bbvi.cli.parser import COMMANDS, examples
from bbvi.experiments.store import claimed
from bbvi.plotting.figures import FIGURES, Drawn, write
from bbvi.plotting.notebooks import line_of, notebook_figures
from bbvi.suggestions import did_you_mean
from bbvi.validation import as_count

NOTEBOOKS = "notebooks"
"""Folder in the results folder for the figures of notebooks."""


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "figures",
        help=COMMANDS["figures"],
        description="Compute and draw the figures, as PNG with a CSV beside each; Step 1 also as "
        "an HTML page that moves.  The same seed gives the same picture, but for seconds; the "
        "notebooks have seeds of their own.",
        epilog=examples(
            "bbvi figures --quick --out pictures",
            "bbvi figures elbo-gap step-1",
        ),
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
    add_dpi(parser, "120, fewer where it would be wider than 2000 pixels")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw and write what was asked for."""
    names = args.names or list(FIGURES)
    unknown = [name for name in names if name not in FIGURES and not _is_notebook(name)]
    if unknown:
        raise ValueError(
            f"no figure {unknown[0]!r}; expected some of: {', '.join(FIGURES)}, or the path of a "
            f"notebook's source, notebooks/NN_topic.py.{did_you_mean(unknown[0], FIGURES)}"
        )
    seed = as_count("--seed", args.seed, minimum=0)
    for name in names:
        start = time.perf_counter()
        if name in FIGURES:
            identity = {"command": "figures", "seed": seed, "quick": args.quick}
            with claimed(args.out, identity, beside=[NOTEBOOKS]):
                # A generator for each, so that no figure depends on which others are drawn.
                drawn = FIGURES[name](np.random.default_rng(seed), args.quick)
                paths = write(args.out, drawn, args.dpi)
                record_names(args, args.out, [name])
        else:
            folder = args.out / NOTEBOOKS
            with claimed(folder, {"command": "figures of notebooks", "quick": args.quick}):
                paths = write(folder, _of_notebook(Path(name), args.quick), args.dpi)
        seconds = time.perf_counter() - start
        print(f"{name}: {', '.join(map(str, paths))} ({seconds:.0f} s)", flush=True)
    return 0


def _of_notebook(source: Path, quick: bool) -> dict[str, Drawn]:
    """The figures of a file; its errors are reported in one line each."""
    try:
        return notebook_figures(source, quick)
    except (Exception, SystemExit) as error:
        told, line = " ".join(str(error).split()), line_of(error, source)
        where = "" if line is None else f", line {line},"
        raise ValueError(f"{source}{where} ends in {type(error).__name__}: {told}") from None


def _is_notebook(name: str) -> bool:
    return name.endswith(".py") and Path(name).is_file()
