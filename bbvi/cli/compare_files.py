"""What ``bbvi compare`` writes into its results folder."""

import argparse
from typing import Any

from bbvi.cli.output import arguments_of, save_pictures
from bbvi.environment import environment
from bbvi.experiments.compare_results import off_budget, seeds_in_words, write_tables
from bbvi.experiments.compare_seeds import SeedComparison, plain_posterior
from bbvi.experiments.csv_and_json import write_json
from bbvi.experiments.identity import described
from bbvi.experiments.methods import Settings
from bbvi.experiments.problem import Problem
from bbvi.experiments.store import finish
from bbvi.plotting import compare as plotting
from bbvi.plotting.again import DRAWN


def write(
    args: argparse.Namespace,
    problem: Problem,
    settings: Settings,
    table: Any,
    result: SeedComparison,
    timed: SeedComparison | None,
    seconds: float,
) -> None:
    """CSV tables, fits, manifest.json, drawn.json and the pictures in the results folder."""
    out = args.out
    write_tables(out, result, timed)
    manifest = {
        "command": arguments_of(args),
        "settings": settings._asdict(),
        "methods": {
            line["method"]: {
                key: getattr(table[line["method"]], key)
                for key in ("rate", "local_rate", "inner_steps")
            }
            for line in result.summary
        },
        "problem": {
            "model": repr(problem.model),
            "family": repr(problem.family),
            "encoder": repr(problem.encoder),
            "units": problem.units,
            "log_scale": problem.log_scale,
            "cautions": problem.cautions,
        },
        "data": {part: described(getattr(problem, part).x) for part in ("train", "test")},
        "seconds": seconds,
        "environment": environment(),
    }
    finish(out, manifest)
    if result.summary:
        equal = not off_budget(result, "evaluations", settings.evaluations)
        title, learning_title = (
            _title(problem, result, args.theta == "shared", told)
            for told in (equal, equal and timed is None)
        )
        kept = {
            "title": title,
            "learning_title": learning_title,
            "image_shape": problem.image_shape,
            "x": {p.row: problem.test.x[p.row] for p in result.posteriors},
            "posteriors": [plain_posterior(posterior) for posterior in result.posteriors],
        }
        write_json(out / DRAWN, kept)
        slides = plotting.slides(
            result.rows,
            result.summary,
            result.curves,
            result.posteriors,
            problem.test.x,
            problem.image_shape,
            title,
            None if timed is None else timed.curves,
            learning_title,
        )
        for name, figure in slides.items():
            save_pictures(args, figure, out / f"{name}.png")


def _title(problem: Problem, result: SeedComparison, shared: bool, equal: bool) -> str:
    """What was compared; ``equal``: all that is drawn below is of equal evaluations."""
    # A dollar sign would start a formula.
    name = problem.name.replace("$", r"\$")
    at = "one theta, " if shared else ""
    if equal:
        at += "equal evaluations, "
    title = f"Ways to infer on {name}, {'at ' if at else ''}{at}{seeds_in_words(result)}"
    if problem.units != Problem._field_defaults["units"]:
        title += f"\nunits {problem.units}"
    return title
