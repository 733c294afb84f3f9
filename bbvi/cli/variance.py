"""``bbvi variance``: bias, variance and cost of gradient estimators."""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bbvi.cli import decompose
from bbvi.cli.output import (
    add_max_hours,
    add_picture_options,
    add_places,
    arguments_of,
    max_seconds,
    save_pictures,
)
from bbvi.cli.parser import COMMANDS, examples
from bbvi.estimators.noise import NOISE_SOURCES
from bbvi.estimators.specification import Specification
from bbvi.estimators.table import ESTIMATORS
from bbvi.experiments.catalogue import CATALOGUE
from bbvi.experiments.cluster import cluster
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.experiments.failures import failures_in_words, write_failures
from bbvi.experiments.sweep import Sweep
from bbvi.experiments.trajectory import INTEGRANDS, POINTS
from bbvi.experiments.user_files import is_from_file, load_object
from bbvi.experiments.user_integrand import (
    integrand_of_file,
    points_of_file,
    specifications_of_file,
)
from bbvi.experiments.variance import SPREAD_OVER, variance, without_clock
from bbvi.experiments.variance_grid import FULL, QUICK, Grid
from bbvi.plotting import variance as plotting
from bbvi.plotting import variance_rows

OUT = Path("bbvi-out/variance")


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "variance",
        help=COMMANDS["variance"],
        description="Measure gradient estimators over independent replicates, at frozen points "
        "along the trajectory of Step 1.  A run that was stopped goes on where it was.",
        epilog=examples(
            "bbvi variance --quick",
            "bbvi variance --model my.py:f --estimators my.py:mine --points lam.csv",
            "bbvi variance --decompose --model linear-gaussian --quick",
        ),
    )
    several = {"nargs": "+", "metavar": "X"}
    parser.add_argument(
        "--model",
        default=FULL.models,
        help=_some_of([*INTEGRANDS, *CATALOGUE])
        + "; or yours, FILE.py:NAME: a model, a problem, or an integrand, a function of z "
        "(default digits)",
        **several,
    )
    parser.add_argument(
        "--estimators",
        help="all that fit; or " + _some_of(ESTIMATORS) + "; or yours, FILE.py:NAME: a function "
        "(family, target, lam, eps), a Specification or a dict of them",
        **several,
    )
    parser.add_argument("--samples", type=int, help="S (default 1 4 16)", **several)
    parser.add_argument("--dimensions", type=int, help="D (default: each model's own)", **several)
    parser.add_argument(
        "--points",
        help=_some_of(POINTS) + "; or a .npy or .csv table, one lam a row",
        **several,
    )
    parser.add_argument("--noise", help=_some_of(NOISE_SOURCES), **several)
    parser.add_argument("--frequencies", type=float, help="k of the cosine", **several)
    parser.add_argument("--replicates", type=int, help="estimates per variance (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    add_places(parser)
    add_max_hours(parser)
    parser.add_argument("--out", type=Path, help=f"results folder (default {OUT})")
    parser.add_argument("--quick", action="store_true", help="a small grid, in seconds")
    decompose.add_options(parser)
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print the ranking, write rows, manifest and figures."""
    decompose.check_options(args)
    if args.decompose:
        return decompose.run(args)
    out = args.out or OUT
    grid, table = grid_from(args)
    if "linear-gaussian" in args.model:
        print(
            "bbvi variance: linear-gaussian is probabilistic PCA of irises, as in bbvi compare; "
            "that of grey digits is linear-gaussian-digits.",
            file=sys.stderr,
        )
    start = time.perf_counter()
    with cluster(args.scheduler) as executor:
        sweep = variance(
            grid,
            seed=args.seed,
            folder=out,
            executor=executor,
            workers=args.workers,
            table=table,
            max_seconds=max_seconds(args),
        )
    seconds = time.perf_counter() - start
    write(args, out, sweep, seconds)
    print(report(sweep))
    print(f"\n{seconds:.0f} s; rows, manifest and figures are in {out}")
    return 1 if sweep.failures or not variance_rows.pictures(sweep.rows) else 0


def grid_from(args: argparse.Namespace) -> tuple[Grid, dict[str, Specification]]:
    """The default's or --quick's grid with what was given, and the estimators by name."""
    if args.frequencies is not None and "cosine" not in args.model:
        raise ValueError(
            f"--frequencies is {args.frequencies}, but no model of {', '.join(args.model)} has a "
            "frequency; expected --model cosine beside it. Leave --frequencies out, or add cosine."
        )
    names = ("estimators", "samples", "dimensions", "points", "noise", "frequencies", "replicates")
    given = {name: getattr(args, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    table = _with_estimators_of_files(args, given)
    files = [point for point in args.points or () if point.endswith((".npy", ".csv"))]
    if files:
        lam = {name: row for path in files for name, row in points_of_file(path).items()}
        named = [point for point in args.points if point not in files]
        given |= {"lam": lam, "points": [*named, *lam]}
    grid = QUICK if args.quick else FULL
    if not {"quadratic", "cosine", "linear-gaussian-digits", "digits", "digits-discrete"} >= {
        *args.model
    }:
        # Other problems are too small for D = 8, or have one D.
        grid = grid._replace(dimensions=None)
    return grid._replace(models=args.model, **given), table


def _with_estimators_of_files(
    args: argparse.Namespace, given: dict[str, Any]
) -> dict[str, Specification]:
    """The table with the estimators of files; their names take the place of FILE.py:NAME."""
    table, names = dict(ESTIMATORS), list[str]()
    # A function says nothing of what it estimates: the models do.
    plain = [
        name in INTEGRANDS or (is_from_file(name) and integrand_of_file(name) is not None)
        for name in args.model
    ]
    for text in args.estimators or ():
        of_file = specifications_of_file(text, all(plain)) if is_from_file(text) else {}
        taken = next((name for name in of_file if name in ESTIMATORS), None)
        if taken:
            raise ValueError(f"{text} has the name of the package's {taken}; expected another.")
        if of_file and any(plain) and not all(plain) and callable(load_object(text)):
            raise ValueError(
                f"{text} is a function, and --model has integrands and models: of E_q[f], or of "
                "the ELBO? Give a Specification, or measure one kind at a time."
            )
        table |= of_file
        names += of_file or [text]
    if args.estimators is not None:
        given["estimators"] = names
    return table


def report(sweep: Sweep) -> str:
    """The ranking of each model as text, and the failed cells."""
    parts = []
    for name, block, rows in variance_rows.pictures(sweep.rows):
        fixed = variance_rows.base_point(rows)
        measured = variance_rows.matching(rows, fixed)
        measured.sort(
            key=lambda row: (
                row["variance_exists"] is False,
                row["variance_x_evaluations_in_all"],
            )
        )
        lines = [_line(row) for row in measured]
        head = f"{name}: gradient in the {block}, " + ", ".join(
            f"{key} {value}" for key, value in fixed.items() if value is not None
        )
        parts.append(f"{head}\n\n{format_table(lines, lines[0])}")
    if parts:
        parts.append(
            f"var x eval: the evaluations beforehand are spread over {SPREAD_OVER:,} gradients."
        )
    doubts = variance_rows.not_finite_in_words(sweep.rows)
    if doubts:
        parts.append("\n".join(f"caution: {doubt}" for doubt in doubts))
    if sweep.failures:
        parts.append(failures_in_words(sweep.failures))
    return "\n\n".join(parts)


def _line(row: Mapping[str, Any]) -> dict[str, str]:
    """One row of the ranking as text; a variance that does not exist is no number."""
    line = {
        "estimator": row["estimator"],
        "bias z": "" if row["bias_z"] is None else f"{row['bias_z']:.1f}",
        "variance": f"{row['variance']:.3g}",
        "95% interval": f"{row['variance_low']:.2g} .. {row['variance_high']:.2g}",
        "snr": f"{row['snr']:.2g}",
        "evals": f"{row['evaluations']:g}",
        "var x eval": f"{row['variance_x_evaluations_in_all']:.3g}",
        "var x s": f"{row['variance_x_seconds']:.2g}",
    }
    if row["variance_exists"] is False:
        line |= {"variance": "infinite", "95% interval": "", "snr": ""}
        line |= {"bias z": "", "var x eval": "", "var x s": ""}
    return line


def write(args: argparse.Namespace, out: Path, sweep: Sweep, seconds: float) -> None:
    """variance.csv, the same without what a clock measured, failures, manifest and figures."""
    write_csv(out / "variance.csv", sweep.rows)
    write_csv(out / "reproducible.csv", without_clock(sweep.rows))
    write_failures(out, sweep.failures)
    record = {"command": arguments_of(args), "seconds": seconds, "notes": sweep.notes}
    write_json(out / "run.json", record)
    for name, block, rows in variance_rows.pictures(sweep.rows):
        for kind, figure in plotting.figures(name, block, rows).items():
            save_pictures(args, figure, out / f"{name.rpartition(':')[2]}-{block}-{kind}.png")


def _some_of(names: Any) -> str:
    return f"some of: {', '.join(names)}"
