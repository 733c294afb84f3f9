"""``bbvi doctor``: what this machine can do, and what would help."""

import argparse
import os
from typing import Any

from bbvi.blas_choice import explanation
from bbvi.cli.parser import COMMANDS, examples
from bbvi.doctor import Report, examine
from bbvi.experiments.csv_and_json import format_table


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "doctor",
        help=COMMANDS["doctor"],
        description="Look at this machine; change nothing.",
        epilog=examples(
            "bbvi doctor",
            "bbvi doctor --seconds 2",
        ),
    )
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="time for each measurement (default 0.5)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    print(f"{text(examine(args.seconds))}\n--blas-kernel auto: {explanation(os.environ)}.")
    return 0


def text(report: Report) -> str:
    """The report, one line per fact."""
    system = report.environment
    rows = [{"what": "python", "found": system["python"]}]
    rows += [{"what": "platform", "found": system["platform"]}]
    rows += [{"what": name, "found": version} for name, version in system["versions"].items()]
    rows += [
        {
            "what": "BLAS",
            "found": f"{blas['internal_api']} {blas['version']}, routines {blas['architecture']}, "
            f"{blas['num_threads']} threads",
        }
        for blas in system["blas"]
    ]
    rows += [{"what": "CPUs", "found": system["cpus"]}]
    rows += [{"what": "AVX-512", "found": "yes" if report.avx512 else "no"}]
    rows += [
        {"what": f"{name} products", "found": f"{rate:.0f} GFLOP/s"}
        for name, rate in report.rates.items()
    ]
    tips = [f"Tip: {tip}" for tip in report.tips] or ["Nothing to improve was found."]
    return "\n".join([format_table(rows, ("what", "found")), "", *tips])
