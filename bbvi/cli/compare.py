"""``bbvi compare``: three ways to infer, side by side (floor 7)."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.experiments.catalogue import CATALOGUE, Entry, entry_of
from bbvi.experiments.compare import Comparison, compare
from bbvi.experiments.methods import METHODS, QUICK, Settings
from bbvi.experiments.problem import Problem, problem_from
from bbvi.experiments.records import (
    check_folder,
    environment,
    format_table,
    write_csv,
    write_json,
)
from bbvi.inference import fit_amortized
from bbvi.plotting import compare as plotting
from bbvi.plotting.style import save
from bbvi.validation import as_count


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "compare",
        help="per-datapoint BBVI, amortized and semi-amortized VI on one model",
        description="Learn one model by each method at the same number of log-joint evaluations, "
        "then compare ELBO, evidence, inference gaps, gradient variance and cost on held-out data.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dataset", default="digits", help="digits, iris, or the path of a .npy or .csv table"
    )
    what.add_argument(
        "--model", metavar="NAME", help=f"a model with data of its own: {', '.join(CATALOGUE)}"
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help=f"some of: {', '.join(METHODS)}; a discrete --model has others",
    )
    parser.add_argument(
        "--latent-dim", type=int, help="D (default 2: drawable); where the --model has not its own"
    )
    parser.add_argument("--samples", type=int, help="S per gradient (default 8)")
    parser.add_argument("--evaluations", type=int, help="log-joint evaluations per method")
    parser.add_argument("--inner-steps", type=int, help="Step 1's steps per theta step (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same numbers")
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/compare"), help="results folder")
    parser.add_argument("--quick", action="store_true", help="a tenth of the budget")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print the table, write rows, curves, manifest and figure."""
    check_folder(args.out)
    entry = entry_of(args.model) if args.model else None
    if entry and not entry.dimensions and args.latent_dim is not None:
        raise ValueError(
            f"--latent-dim is {args.latent_dim}, but --model {args.model} has its own; expected "
            "one of the two. Leave --latent-dim out, or give --dataset."
        )
    latent_dim = 2 if args.latent_dim is None else args.latent_dim
    data_rng, rng = np.random.default_rng(as_count("--seed", args.seed, minimum=0)).spawn(2)
    dtype = np.dtype(args.dtype)
    settings = settings_from(args, entry)
    table = entry.methods if entry else METHODS
    methods = args.methods or list(table)
    without = [name in table and table[name].procedure is fit_amortized for name in methods]
    if args.inner_steps is not None and all(without):
        raise ValueError(
            f"--inner-steps is {args.inner_steps}, but {', '.join(methods)} has no Step 1; "
            "expected a method that has one beside it. Leave --inner-steps out."
        )
    problem = (
        entry.problem(data_rng, dtype, args.latent_dim)
        if entry
        else problem_from(args.dataset, data_rng, latent_dim, dtype)
    )
    start = time.perf_counter()
    result = compare(problem, rng, methods=methods, settings=settings, table=table)
    seconds = time.perf_counter() - start
    print(report(problem, result))
    write(args, problem, settings, result, seconds)
    print(f"\n{seconds:.0f} s; rows, curves, manifest and figure are in {args.out}")
    return 0


def settings_from(args: argparse.Namespace, entry: Entry | None = None) -> Settings:
    """The budget: the default's or --quick's, with what was given on the command line."""
    settings = QUICK if args.quick else Settings()
    if entry is not None:
        settings = entry.quick if args.quick else entry.settings
    given = {
        "num_samples": args.samples,
        "evaluations": args.evaluations,
        "inner_steps": args.inner_steps,
    }
    return settings._replace(**{key: value for key, value in given.items() if value is not None})


def report(problem: Problem, result: Comparison) -> str:
    """The table as text, nats per datapoint with standard errors over datapoints."""
    lines = [
        {
            "method": row["method"],
            "gradient": row["gradient"],
            "train ELBO": _pm(row, "train_elbo"),
            "test ELBO": _pm(row, "test_elbo"),
            "test log p(x)": _pm(row, "test_log_evidence"),
            "by": row["evidence_by"],
            "approx. gap": _pm(row, "approximation_gap", 3),
            "amort. gap": _pm(row, "amortization_gap", 3),
            "grad. var.": f"{row['gradient_variance']:.3g}",
            "seconds": f"{row['seconds']:.1f}",
            "s / new x": f"{row['seconds_per_new']:.1e}",
            "evaluations": row["evaluations"],
        }
        for row in result.rows
    ]
    held_out, evaluated = len(problem.test.x), result.rows[0]["test_rows"]
    of_all = "" if evaluated == held_out else f" of {held_out}"
    head = (
        f"{problem.name}: {len(problem.train.x)} training and {evaluated}{of_all} held-out rows; "
        "nats per datapoint, ± standard error over datapoints"
    )
    return f"{head}\n\n{format_table(lines, lines[0])}"


def write(
    args: argparse.Namespace,
    problem: Problem,
    settings: Settings,
    result: Comparison,
    seconds: float,
) -> None:
    """compare.csv, curves.csv, manifest.json and compare.png in the results folder."""
    write_csv(args.out / "compare.csv", result.rows)
    write_csv(args.out / "curves.csv", result.curves)
    arguments = {key: value for key, value in vars(args).items() if key != "run"}
    manifest = {
        "command": arguments,
        "settings": settings._asdict(),
        "problem": {
            "model": repr(problem.model),
            "family": repr(problem.family),
            "encoder": repr(problem.encoder),
        },
        "seconds": seconds,
        "environment": environment(),
    }
    write_json(args.out / "manifest.json", manifest)
    # A dollar sign would start a formula.
    name = problem.name.replace("$", r"\$")
    title = f"Three ways to infer on {name}, at equal evaluations"
    figure = plotting.figure(
        result.rows, result.curves, result.posteriors, problem.test.x, problem.image_shape, title
    )
    save(figure, args.out / "compare.png")


def _pm(row: dict[str, Any], key: str, digits: int = 2) -> str:
    error = row[f"{key}_se"]
    return f"{row[key]:.{digits}f}" + (f" ± {error:.{digits}f}" if np.isfinite(error) else "")
