"""``bbvi posteriors``: did it work, on reference posteriors or on your own."""

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.cli.output import add_picture_options, arguments_of, output, save_pictures
from bbvi.cli.parser import COMMANDS, examples
from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv
from bbvi.experiments.posterior_cases import load_cases
from bbvi.experiments.posteriors import examine_all, parameter_rows, rows
from bbvi.experiments.store import check_folder, finish
from bbvi.plotting import posteriors as plotting
from bbvi.validation import as_count


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "posteriors",
        help=COMMANDS["posteriors"],
        description="Fit mean field and full covariance by Step 1, correct mean field by linear "
        "response, weight the draws, and hold all against reference moments where there are any. "
        "The verdicts do not look at the reference.",
        epilog=examples(
            "bbvi posteriors eight_schools",
            "bbvi posteriors my_posterior.py:posterior --draws 20000",
        ),
    )
    parser.add_argument(
        "what",
        nargs="*",
        help="folders of reference posteriors, JSON files, FILE.py:NAME of a bbvi.Posterior, or "
        "eight_schools (default: $BBVI_DATA/posteriordb, or else eight_schools)",
    )
    parser.add_argument("--draws", type=int, default=10_000, help="of each approximation")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    parser.add_argument(
        "--out", type=Path, default=Path("bbvi-out/posteriors"), help="results folder"
    )
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine each posterior; print verdicts and the table, write rows, manifest and picture."""
    check_folder(args.out)
    rng = np.random.default_rng(as_count("--seed", args.seed, minimum=0))
    num_draws = as_count("--draws", args.draws, minimum=100)
    cases = load_cases(args.what)
    start, done = time.perf_counter(), []
    with output(args, args.out):
        for examined in examine_all(cases, rng, num_draws):
            done.append(examined)
            print(f"{examined.case.name}\n    {examined.verdict}", flush=True)
        table = [row for examined in done for row in rows(examined)]
        write_csv(args.out / "posteriors.csv", table)
        write_csv(args.out / "parameters.csv", [row for e in done for row in parameter_rows(e)])
        if table:
            save_pictures(args, plotting.posteriors_figure(table), args.out / "posteriors.png")
        record = {
            "command": arguments_of(args),
            "verdicts": {examined.case.name: examined.verdict for examined in done},
            "seconds": time.perf_counter() - start,
            "environment": environment(),
        }
        finish(args.out, record)
    print(f"\n{report(table)}")
    silent = [
        f"{r['posterior']}, {r['method']}" for r in table if r.get("off") and not r["flagged"]
    ]
    if silent:
        print(f"off without a complaint: {'; '.join(silent)}")
    print(f"rows, manifest and picture are in {args.out}")
    return 0


def report(table: list[dict[str, Any]]) -> str:
    """The rows for people: errors of means in sd, ratios of sds, k-hat, and what is flagged."""
    lines = []
    for row in table:
        known = "mean_error" in row
        lines.append(
            {
                "posterior": row["posterior"],
                "D": row["dimensions"],
                "method": row["method"],
                "k-hat": f"{row['khat']:.2f}",
                "ELBO": f"{row['elbo']:.2f}",
                "log evidence": _number(row["log_evidence"]),
                "mean error": f"{row['mean_error']:.3f}" if known else "",
                "sd ratios": f"{row['sd_ratio_min']:.2f} to {row['sd_ratio_max']:.2f}"
                if known
                else "",
                "": "flagged" if row["flagged"] else "",
            }
        )
    return format_table(lines, lines[0]) if lines else "nothing could be fitted"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
