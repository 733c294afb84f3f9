"""``bbvi variance --decompose``: Monte Carlo noise, minibatch noise and the bias of Step 1."""

import argparse
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

from bbvi.cli.output import arguments_of, max_seconds, save_pictures
from bbvi.experiments.catalogue import entry_of, problem_of
from bbvi.experiments.cluster import cluster
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.experiments.decomposition import DEFAULT, QUICK, Plan, decompose
from bbvi.experiments.failures import failures_in_words, write_failures
from bbvi.experiments.methods import METHODS, Method
from bbvi.experiments.store import check_folder
from bbvi.experiments.sweep import Sweep
from bbvi.experiments.user_files import with_methods_of_files
from bbvi.plotting import decomposition as plotting

OUT = Path("bbvi-out/decompose")
OTHERS = ("estimators", "points", "noise", "frequencies")
"""Options of ``bbvi variance`` that have no meaning along a training run."""
PARTS = ("monte_carlo", "minibatch", "bias_squared")
OURS = ("methods", "steps", "batch_size", "seeds")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only ``--decompose`` uses."""
    parser.add_argument(
        "--decompose",
        action="store_true",
        help="instead: the error of theta's and phi's gradient along a training run, split into "
        "Monte Carlo noise, minibatch noise and the bias of an unconverged Step 1",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="of --decompose: names of bbvi compare, or yours, FILE.py:NAME (default "
        f"{' '.join(DEFAULT)})",
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        metavar="X",
        help="of --decompose: where the run is looked at (default 1 10 100 1000)",
    )
    parser.add_argument("--batch-size", type=int, help="of --decompose: datapoints (default 30)")
    parser.add_argument("--seeds", type=int, help="of --decompose: runs (default 3; --quick 1)")


def check_options(args: argparse.Namespace) -> None:
    """Raise ValueError for an option of the other kind of measurement."""
    unused = OTHERS if args.decompose else OURS
    given = [name for name in unused if getattr(args, name) is not None]
    if given:
        name = given[0].replace("_", "-")
        what = "not along a training run" if args.decompose else "for --decompose alone"
        raise ValueError(
            f"--{name} is given, which is {what}; expected the options of one of the two. Leave "
            f"--{name} out, or {'leave out' if args.decompose else 'add'} --decompose."
        )


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write rows, manifest and figures."""
    out = args.out or OUT
    check_folder(out)
    name, dimension = _one(args, "model"), _one(args, "dimensions")
    table, plan = plan_from(args, name)
    start = time.perf_counter()
    with cluster(args.scheduler) as executor:
        sweep = decompose(
            partial(problem_of, name, "", 0, dimension, "float64"),
            plan,
            seed=args.seed,
            table=table,
            folder=out,
            executor=executor,
            workers=args.workers,
            max_seconds=max_seconds(args),
        )
    write_csv(out / "decompose.csv", sweep.rows)
    write_failures(out, sweep.failures)
    seconds = time.perf_counter() - start
    write_json(out / "run.json", {"command": arguments_of(args), "seconds": seconds})
    if sweep.rows:
        for which, figure in plotting.figures(sweep.rows, name).items():
            save_pictures(args, figure, out / f"{which}.png")
    print(report(sweep))
    print(f"\n{seconds:.0f} s; rows, manifest and figures are in {out}")
    return 1 if sweep.failures else 0


def plan_from(args: argparse.Namespace, name: str) -> tuple[dict[str, Method], Plan]:
    """The methods by name, and the default's or --quick's plan with what was given."""
    table = {**METHODS, **entry_of(name).methods}
    names = args.methods or [known for known in DEFAULT if known in entry_of(name).methods]
    table, names = with_methods_of_files(names, table)
    given = {
        "methods": names or list(entry_of(name).methods)[:3],
        "samples": args.samples,
        "steps": args.steps,
        "batch_size": args.batch_size,
        "minibatches": args.replicates,
        "num_seeds": args.seeds,
    }
    plan = QUICK if args.quick else Plan()
    return table, plan._replace(**{k: v for k, v in given.items() if v is not None})


def report(sweep: Sweep) -> str:
    """The parts of every method and step as text, and the failed cells."""
    parts = []
    for block in dict.fromkeys(row["block"] for row in sweep.rows):
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in sweep.rows:
            if row["block"] == block:
                groups.setdefault((row["method"], row["samples"], row["step"]), []).append(row)
        lines = [_line(rows) for rows in groups.values()]
        parts.append(
            f"gradient in {block}, squared, per parameter (+- its standard error):\n\n"
            f"{format_table(lines, lines[0])}"
        )
    if sweep.rows:
        parts.append(
            "sum z: Monte Carlo and minibatch noise less the variance of other, single draws,\n"
            "in standard errors.  The bias of the estimator itself is no part of these: see bbvi "
            "variance\n--estimators."
        )
    misses = [
        abs(row[name] - row[f"exact_{name}"]) / row[f"{name}_se"]
        for row in sweep.rows
        for name in PARTS
        if row[f"exact_{name}"] is not None and row[f"{name}_se"] > 0
    ]
    if misses:
        parts.append(
            f"{len(misses)} of these numbers are known in closed form; they differ by at most "
            f"{max(misses):.1f} standard errors."
        )
    if sweep.failures:
        parts.append(failures_in_words(sweep.failures))
    return "\n\n".join(parts)


def _line(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The mean over the seeds of one method, S and step."""
    return {
        "method": rows[0]["method"],
        "S": str(rows[0]["samples"]),
        "step": str(rows[0]["step"]),
        "Monte Carlo": _number(rows, "monte_carlo"),
        "minibatch": _number(rows, "minibatch"),
        "Step 1's bias": _number(rows, "bias_squared"),
        "sum z": f"{sum(row['sum_z'] for row in rows) / math.sqrt(len(rows)):.1f}",
    }


def _number(rows: list[dict[str, Any]], name: str) -> str:
    if rows[0][name] is None:
        return "none"
    mean = sum(row[name] for row in rows) / len(rows)
    error = math.hypot(*(row[f"{name}_se"] for row in rows)) / len(rows)
    return f"{mean:.2g} +- {error / abs(mean) if mean else 0.0:.0%}"


def _one(args: argparse.Namespace, name: str) -> Any:
    """The one value of an option that takes several elsewhere."""
    values = getattr(args, name) or [None]
    if len(values) > 1:
        raise ValueError(f"--{name} has {len(values)} values; --decompose expects one.")
    return values[0]
