"""``bbvi compare``: several ways to infer, side by side."""

import argparse
import sys
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.checks import check_model
from bbvi.cli.compare_files import write
from bbvi.cli.output import (
    add_max_hours,
    add_picture_options,
    add_places,
    max_seconds,
    output,
    seconds_from,
)
from bbvi.cli.parser import COMMANDS, examples
from bbvi.datasets import load_table
from bbvi.experiments.catalogue import CATALOGUE, Entry, entry_of, problem_of
from bbvi.experiments.cluster import cluster
from bbvi.experiments.compare import check_methods
from bbvi.experiments.compare_results import report, step_sizes_in_words
from bbvi.experiments.compare_seeds import compare_seeds
from bbvi.experiments.cross import cross_table, learn_shared, shared_learner
from bbvi.experiments.csv_and_json import write_csv
from bbvi.experiments.feasibility import check_comparison, worker_count
from bbvi.experiments.methods import DEFAULT, METHODS, QUICK, Method, Settings
from bbvi.experiments.problem import Problem
from bbvi.experiments.store import check_folder
from bbvi.experiments.tuning import tune
from bbvi.experiments.user_files import is_from_file, with_methods_of_files
from bbvi.validation import as_count


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "compare",
        help=COMMANDS["compare"],
        description="Learn one model by each method, over several seeds and at the same number of "
        "log-joint evaluations, then compare them in pairs on held-out data.  A run that was "
        "stopped goes on where it was.",
        epilog=examples(
            "bbvi compare --quick",
            "bbvi compare --dataset iris --seeds 10 --methods bbvi-reparameterized semi-amortized",
            "bbvi compare --model my_model.py:model --methods my_model.py:mine wake-sleep",
        ),
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dataset", default="digits", help="digits, iris, or the path of a .npy or .csv table"
    )
    what.add_argument(
        "--model",
        metavar="NAME",
        help=f"a model with data: {', '.join(CATALOGUE)}; or yours, FILE.py:NAME (the file is run)",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help=f"some of: {', '.join(METHODS)} (default: the first six; a --model may have others); "
        "or yours, FILE.py:NAME: a Method, a procedure or an estimator",
    )
    _add_statistics(parser)
    parser.add_argument(
        "--latent-dim", type=int, help="D (default 2: drawable); where the --model has not its own"
    )
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether a .csv table's first row has names (default: if no field is a number)",
    )
    parser.add_argument(
        "--standardize",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a table is learned in standardized columns (default: yes; results are told "
        "in the table's own units either way)",
    )
    add_places(parser)
    add_max_hours(parser)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/compare"), help="results folder")
    parser.add_argument("--quick", action="store_true", help="a tenth of the budget, two seeds")
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="(default float32)"
    )
    add_picture_options(parser)
    parser.set_defaults(run=run, step_sizes=None)


def _add_statistics(parser: argparse.ArgumentParser) -> None:
    """Options of budget, seeds, step sizes and theta."""
    parser.add_argument("--samples", type=int, help="S per gradient (default 8)")
    parser.add_argument(
        "--evaluations", type=int, help="log-joint evaluations per run (default 3 million)"
    )
    parser.add_argument(
        "--budget",
        type=seconds_from,
        metavar="20s",
        help="also runs of equal seconds",
    )
    parser.add_argument("--seeds", type=int, help="runs of each method (default 5; --quick 2)")
    parser.add_argument(
        "--seed", type=int, default=0, help="root of all random numbers (default 0)"
    )
    parser.add_argument("--data-seed", type=int, default=0, help="of the data's split")
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose each method's step sizes on validation rows first, 12 points each",
    )
    parser.add_argument("--rate", type=float, help="step size of theta and phi, for all methods")
    parser.add_argument("--local-rate", type=float, help="step size of lam, for all methods")
    parser.add_argument("--inner-steps", type=int, help="Step 1's steps per theta step, for all")
    parser.add_argument(
        "--theta",
        choices=("own", "shared"),
        default="own",
        help="own: each method learns theta (default); shared: all infer at one, learned before",
    )
    parser.add_argument(
        "--cross", action="store_true", help="also every method at the theta of every method"
    )


def run(args: argparse.Namespace) -> int:
    """Compare, write rows, curves, manifest and figure, print the table."""
    check_folder(args.out)
    entry = entry_of(args.model) if args.model else None
    settings = settings_from(args, entry)
    table, methods = methods_from(args, entry)
    table = with_step_sizes(table, args.step_sizes)
    check_arguments(args, table, methods)
    source = source_of(args, entry)
    problem = source()
    if args.model and is_from_file(args.model):
        problem = problem._replace(cautions=(*problem.cautions, *doubts_about(problem.model)))
    say_first_row(args)
    for doubt in problem.cautions:
        print(f"caution: {problem.name}: {doubt}", file=sys.stderr)
    start = time.perf_counter()
    num_seeds = (2 if args.quick else 5) if args.seeds is None else as_count("--seeds", args.seeds)
    timed = theta = None
    trials: list[dict[str, Any]] = []
    crossed: list[dict[str, Any]] = []
    with output(args, args.out), cluster(args.scheduler) as executor:
        places: dict[str, Any] = {"executor": executor, "workers": args.workers}
        common = {"seed": args.seed, "methods": methods, **places}
        common["max_seconds"] = max_seconds(args)
        equal_seconds = settings._replace(seconds=args.budget)
        check_methods(methods, table)
        chosen = {name: table[name] for name in methods}
        check_runs(args, problem, settings, chosen, num_seeds, worker_count(**places))
        if args.tune:
            trial = settings._replace(evaluations=max(1, settings.evaluations // 3))
            tuned = tune(source, settings=trial, table=table, folder=args.out / "tune", **common)
            trials, table = tuned.rows, table | tuned.table
            write_csv(args.out / "tuning.csv", trials)
        notes = [step_sizes_in_words(settings, table, methods)]
        if args.theta == "shared":
            theta = learn_shared(source, table, methods, settings, args.seed)
            notes.append(f"All infer at one theta, learned by {shared_learner(table, methods)}.")
        common |= {"table": table, "theta": theta, "num_seeds": num_seeds}
        compare = partial(compare_seeds, source, **common)
        result = compare(settings=settings, folder=args.out / "runs")
        if args.budget:
            timed = compare(settings=equal_seconds, folder=args.out / "timed")
        # Before the cross table, which may fail.
        write(args, problem, settings, table, result, timed, time.perf_counter() - start)
        if args.cross:
            folder = args.out / "cross"
            crossed = cross_table(source, result.fits, settings, table, folder=folder, **places)
            write_csv(args.out / "cross.csv", crossed)
    budgets = {"evaluations": settings.evaluations, "seconds": args.budget}
    print(report(problem, result, timed, crossed, trials, notes=notes, **budgets))
    seconds = time.perf_counter() - start
    print(f"\n{seconds:.0f} s; rows, curves, fits, manifest and figure are in {args.out}")
    return 1 if result.failures or (timed is not None and timed.failures) else 0


def check_runs(
    args: argparse.Namespace,
    problem: Problem,
    settings: Settings,
    chosen: dict[str, Method],
    num_seeds: int,
    at_once: int | None,
) -> None:
    """Raise TooMuchError if a part of the comparison does not fit, before its first part."""
    parts = [(settings, num_seeds)]
    if args.budget:
        parts.append((settings._replace(seconds=args.budget), num_seeds))
    if args.cross:
        parts.append((settings, num_seeds * len(chosen)))
    for of_one_run, runs in parts:
        check_comparison(problem, chosen, of_one_run, runs, at_once, max_seconds(args))


def source_of(args: argparse.Namespace, entry: Entry | None) -> Any:
    """What makes the problem, here and in a worker."""
    if entry and not entry.dimensions and args.latent_dim is not None:
        raise ValueError(
            f"--latent-dim is {args.latent_dim}, but --model {args.model} has its own; expected "
            "one of the two. Leave --latent-dim out, or give --dataset."
        )
    data_seed = as_count("--data-seed", args.data_seed, minimum=0)
    # A cluster's worker has another working folder.
    model, dataset = args.model and absolute(args.model), absolute(args.dataset)
    of_data = (model, dataset, data_seed, args.latent_dim, args.dtype, args.header)
    return partial(problem_of, *of_data, args.standardize)


def doubts_about(model: Any) -> tuple[str, ...]:
    """What `check_model` finds wrong with a user's model, beside which its gaps must be read."""
    # What cannot be called is told by the first cell.
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        try:
            check_model(model, np.random.default_rng(0))
        except AssertionError as error:
            return (f"check_model says of this model: {' '.join(str(error).split())}",)
    return ()


def absolute(text: str) -> str:
    """The path of a file, or FILE.py:NAME, from the root; any other name as it is."""
    path, colon, name = text.partition(".py:")
    file = Path(f"{path}.py" if colon else path)
    return f"{file.resolve()}{colon and ':'}{name}" if file.is_file() else text


def say_first_row(args: argparse.Namespace) -> None:
    """One line on stderr: what the first row of a .csv table was taken for."""
    path = Path(args.dataset)
    if args.model is None and path.suffix == ".csv":
        print(f"{path.name}: {load_table(path, args.header).first_row()}", file=sys.stderr)


def methods_from(
    args: argparse.Namespace, entry: Entry | None
) -> tuple[dict[str, Method], list[str]]:
    """The methods by name, a user's own beside the entry's, and the names to compare."""
    table = entry.methods if entry else METHODS
    if args.methods is None:
        return dict(table), list(entry.methods)[:6] if entry else list(DEFAULT)
    return with_methods_of_files(args.methods, table)


def with_step_sizes(
    table: dict[str, Method], sizes: dict[str, dict[str, Any]] | None
) -> dict[str, Method]:
    """The methods with the step sizes of an earlier run's manifest, where one is run again."""
    known = {name: values for name, values in (sizes or {}).items() if name in table}
    return table | {name: table[name]._replace(**values) for name, values in known.items()}


def settings_from(args: argparse.Namespace, entry: Entry | None = None) -> Settings:
    """The budget: the default's or --quick's, with what was given on the command line."""
    settings = QUICK if args.quick else Settings()
    if entry is not None:
        settings = entry.quick if args.quick else entry.settings
    given = {
        "num_samples": args.samples,
        "evaluations": args.evaluations,
        "inner_steps": args.inner_steps,
        "rate": args.rate,
        "local_rate": args.local_rate,
    }
    return settings._replace(**{key: value for key, value in given.items() if value is not None})


def check_arguments(args: argparse.Namespace, table: Any, methods: list[str]) -> None:
    """Raise ValueError for a seed, or an option that no method can use."""
    as_count("--seed", args.seed, minimum=0)
    without = [name in table and table[name].inner_steps is None for name in methods]
    if args.inner_steps is not None and all(without):
        raise ValueError(
            f"--inner-steps is {args.inner_steps}, but {', '.join(methods)} has no Step 1; "
            "expected a method that has one beside it. Leave --inner-steps out."
        )
    given = [name for name in ("rate", "local_rate", "inner_steps") if getattr(args, name)]
    if args.cross and args.theta == "shared":
        raise ValueError(
            "--cross compares inference at the theta of every method, but --theta is shared; "
            "expected one of the two."
        )
    if args.tune and given:
        raise ValueError(
            f"--tune chooses the step sizes, but --{given[0].replace('_', '-')} is given too; "
            "expected one of the two."
        )
