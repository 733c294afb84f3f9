"""What a comparison over seeds leaves behind: tables, conclusions, fits."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbvi.evaluation.paired import Difference
from bbvi.experiments.compare_seeds import SeedComparison
from bbvi.experiments.csv_and_json import decimal, format_table, write_csv
from bbvi.experiments.failures import failures_in_words, write_failures
from bbvi.experiments.methods import Method, Settings
from bbvi.experiments.problem import Problem

IMPOSSIBLE = 0.05
"""Nats by which a mean of log p(x) may seem to lie below the best ELBO, by noise of both."""


def report(
    problem: Problem,
    result: SeedComparison,
    timed: SeedComparison | None = None,
    crossed: Sequence[dict[str, Any]] = (),
    trials: Sequence[dict[str, Any]] = (),
    evaluations: int | None = None,
    notes: Sequence[str] = (),
    seconds: float | None = None,
) -> str:
    """Tables, conclusions and failures as text.

    Parameters
    ----------
    problem, result
        Compared at equal evaluations.
    timed : SeedComparison, optional
        The same at equal seconds.
    crossed : sequence of dict
        Of `bbvi.experiments.cross.cross_table`.
    trials : sequence of dict
        Of `bbvi.experiments.tuning.tune`.
    evaluations : int, optional
        The budget; what was not kept is told.
    notes : sequence of str
        Sentences about what was compared.
    seconds : float, optional
        The budget of ``timed``; what was not kept is told.
    """
    parts = [_chosen(trials)] if trials else []
    if result.summary:
        unequal = _unequal(result, "evaluations", evaluations)
        parts += _comparison(problem, result, [*notes, *unequal])
    if timed is not None and timed.summary:
        unequal = _unequal(timed, "seconds", seconds)
        head = "With the same budget of seconds for each:"
        parts += [head, _table(timed), *unequal, *_diverged(timed), *_pairs(timed)]
    if crossed:
        parts.append(_crossed(crossed))
    failures = [*result.failures, *(() if timed is None else timed.failures)]
    return "\n\n".join([*parts, *([failures_in_words(failures)] if failures else [])])


def step_sizes_in_words(
    settings: Settings, table: Mapping[str, Method], methods: Sequence[str]
) -> str:
    """With which step size each method moves theta: a ranking is one of step sizes, too."""
    if settings.rate is not None:
        return f"Step size of theta: {settings.rate:g}, for all."
    names: dict[float, list[str]] = {}
    for name in methods:
        rate = table[name].rate
        if rate is not None:
            names.setdefault(rate, []).append(name)
    parts = [f"{rate:g} for {', '.join(of)}" for rate, of in sorted(names.items())]
    return f"Step sizes of theta: {'; '.join(parts) or 'none'}."


def off_budget(result: SeedComparison, column: str, budget: float) -> list[dict[str, Any]]:
    """Lines of methods that took a quarter more than the budget, or a fifth less.

    A last step may be large, and a clock is not exact; more than that is no equal budget.
    """
    return [line for line in result.summary if not 0.8 * budget <= line[column] <= 1.25 * budget]


def _unequal(result: SeedComparison, column: str, budget: float | None) -> list[str]:
    """A sentence about those; ``column`` is evaluations or seconds."""
    lines = [] if budget is None else off_budget(result, column, budget)
    if budget is None or not lines:
        return []
    number = ",.0f" if column == "evaluations" else ".4g"
    counts = ", ".join(f"{line['method']} {line[column]:{number}}" for line in lines)
    return [_wrapped(f"Not at equal {column}: of {budget:{number}} took {counts}.")]


def seeds_in_words(result: SeedComparison) -> str:
    """Such as "1 seed", "5 seeds", or "2 to 5 seeds" where some runs ended in errors."""
    counts = sorted({line["seeds"] for line in result.summary})
    if counts == [1]:
        return "1 seed"
    return f"{' to '.join(map(str, (counts[0], counts[-1])[: len(counts)]))} seeds"


def _table(result: SeedComparison) -> str:
    uneven = len({line["seeds"] for line in result.summary}) > 1
    lines = [
        {
            "method": line["method"],
            **({"seeds": str(line["seeds"])} if uneven else {}),
            "train": decimal(line["train_elbo"]),
            "held-out ELBO": _interval(line, "test_elbo"),
            "log p(x)": decimal(line["test_log_evidence"]),
            "approx.": decimal(line["approximation_gap"], 3),
            "amort.": decimal(line["amortization_gap"], 3),
            "s": f"{line['seconds']:.1f}",
            "s/new x": f"{line['seconds_per_new']:.0e}",
        }
        for line in result.summary
    ]
    return format_table(lines, lines[0])


def _comparison(problem: Problem, result: SeedComparison, notes: Sequence[str]) -> list[str]:
    """What was compared, the table, what was not converged, and the pairs."""
    held_out, evaluated = len(problem.test.x), result.rows[0]["test_rows"]
    of_all = "" if evaluated == held_out else f" of {held_out}"
    by = result.summary[0]["evidence_by"]
    means = f"means over {seeds_in_words(result)} with 95 % intervals"
    if all(line["seeds"] == 1 for line in result.summary):
        means = "of one seed, hence without intervals"
    rows = "row" if held_out == 1 else "rows"
    head = (
        f"{problem.name}: {len(problem.train.x)} training and {evaluated}{of_all} held-out {rows}; "
        f"nats per datapoint,\n{means}; log p(x) "
        f"{'' if by == 'exact' else 'by '}{by};\n"
        f"units: {problem.units}"
    )
    parts = [head, _table(result), *map(_wrapped, notes), *_diverged(result)]
    if len({line["seeds"] for line in result.summary}) > 1:
        parts.append(
            "Some runs ended in errors: means are over the others, pairs over the seeds that all "
            "have."
        )
    parts += [f"Caution: {doubt}" for doubt in problem.cautions]
    parts += _unconverged(result, evaluated)
    return [*parts, *_impossible(result), *_pairs(result)]


def _impossible(result: SeedComparison) -> list[str]:
    """One sentence where log p(x) was not found, or lies below an ELBO, as no density's does."""
    names = [
        line["method"] for line in result.summary if not line["approximation_gap"] > -IMPOSSIBLE
    ]
    if not names:
        return []
    return [
        _wrapped(
            f"Caution: log p(x) was not found, or is below an ELBO, under {', '.join(names)}: do "
            "not read their gaps. Either log_joint is not a density in z (bbvi.checks.check_model "
            "looks at it), or log p(x) was too hard to compute."
        )
    ]


def _unconverged(result: SeedComparison, evaluated: int) -> list[str]:
    """Whose training, and whose reference fits of the held-out rows, are not at their ends."""
    parts = []
    moving = [line for line in result.summary if line["unconverged_fits"] > 0]
    if moving:
        shares = ", ".join(f"{s['method']} {s['unconverged_fits']:.0%}" for s in moving)
        parts.append(
            "The budget ended before training had converged, by the course of its ELBO and "
            f"parameters, in these shares of the seeds: {shares}."
        )
    lost = [line for line in result.summary if line["unconverged_rows"] > 0]
    if lost:
        counts = ", ".join(f"{s['method']} {s['unconverged_rows']:.1f}" for s in lost)
        where, whose = f"some of the {evaluated} held-out rows", "their"
        if evaluated == 1:
            where, whose = "the one held-out row", "its"
        parts.append(
            f"Step 1 has not converged in {where}: {whose} amortization gap may be larger, "
            f"{whose} approximation gap smaller ({counts} rows a seed)."
        )
    return list(map(_wrapped, parts))


def _diverged(result: SeedComparison) -> list[str]:
    """A caution about the methods whose ELBO is no number."""
    scores = ("train_elbo", "test_elbo")
    lost = [s["method"] for s in result.summary if not all(math.isfinite(s[k]) for k in scores)]
    if not lost:
        return []
    return [
        _wrapped(
            f"Caution: the ELBO of {', '.join(lost)} is not finite: the run has diverged. Try "
            "smaller step sizes (--rate, --local-rate)."
        )
    ]


def _pairs(result: SeedComparison) -> list[str]:
    """The conclusions about pairs; nothing where there is no pair."""
    if not result.differences:
        return []
    level = f"{result.differences[0].level:.0%}"
    lines = "\n".join(map(_wrapped, conclusions(result.differences)))
    return [f"Held-out ELBO in pairs (all intervals together {level}):\n{lines}"]


def _chosen(trials: Sequence[dict[str, Any]]) -> str:
    """The step sizes that --tune chose, and how many it had to choose from."""
    lines = {
        row["method"]: {
            "method": row["method"],
            "rate": "" if row["rate"] is None else f"{row['rate']:g}",
            "local rate": "" if row["local_rate"] is None else f"{row['local_rate']:g}",
            "inner steps": "" if row["inner_steps"] is None else str(row["inner_steps"]),
        }
        for row in trials
        if row["chosen"]
    }
    points = {(row["rate"], row["local_rate"], row["inner_steps"]) for row in trials}
    head = f"Step sizes chosen on validation rows, of {len(points)} points in all (tuning.csv):"
    return f"{head}\n\n{format_table(list(lines.values()), next(iter(lines.values())))}"


def _crossed(rows: Sequence[dict[str, Any]]) -> str:
    """Held-out ELBO of every inference at every theta, means over seeds."""
    names = list(dict.fromkeys(row["method"] for row in rows))
    lines = []
    for number, learned_by in enumerate(names, 1):
        line = {"theta learned by": f"{number} {learned_by}"}
        for other, method in enumerate(names, 1):
            at = [row for row in rows if (row["learned_by"], row["method"]) == (learned_by, method)]
            line[str(other)] = decimal(sum(row["test_elbo"] for row in at) / len(at))
        lines.append(line)
    head = "Held-out ELBO of the inference in a column at the theta in a row, means over seeds:"
    return f"{head}\n\n{format_table(lines, lines[0])}"


def conclusions(differences: Sequence[Difference]) -> list[str]:
    """A line for each pair that is told apart, and one for all others; just how many if none is."""
    lines = [difference.sentence() for difference in differences if difference.decided]
    rest = [f"{d.a} and {d.b}" for d in differences if not d.decided]
    if rest and differences[0].num_seeds < 2:
        return ["One seed says nothing about others; give --seeds 5 for conclusions."]
    if len(rest) == len(differences) > 3:
        return [f"None of the {len(rest)} pairs is told apart."]
    return lines + ([f"Not told apart: {'; '.join(rest)}."] if rest else [])


def difference_rows(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Each pair's numbers with its conclusion, as rows."""
    return [{**d._asdict(), "decided": d.decided, "sentence": d.sentence()} for d in differences]


def write_tables(out: Path, result: SeedComparison, timed: SeedComparison | None) -> None:
    """CSV tables and the fits; of the runs of equal seconds, where there are any, too."""
    write_csv(out / "compare.csv", result.summary)
    write_csv(out / "seeds.csv", result.rows)
    write_csv(out / "curves.csv", result.curves)
    write_csv(out / "differences.csv", difference_rows(result.differences))
    if timed is not None:
        write_csv(out / "compare_seconds.csv", timed.summary)
        write_csv(out / "seeds_seconds.csv", timed.rows)
        write_csv(out / "curves_seconds.csv", timed.curves)
        write_csv(out / "differences_seconds.csv", difference_rows(timed.differences))
    write_failures(out, [*result.failures, *(() if timed is None else timed.failures)])
    for (method, seed), fit in result.fits.items():
        path = out / "fits" / f"{method}-{seed}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        fit.save(path)


def _wrapped(text: str) -> str:
    """In lines of a hundred columns; the names of methods stay whole."""
    return textwrap.fill(text, 100, break_on_hyphens=False, break_long_words=False)


def _interval(line: dict[str, Any], key: str) -> str:
    low, high = line[f"{key}_low"], line[f"{key}_high"]
    if line["seeds"] < 2:
        return decimal(line[key])
    return f"{decimal(line[key])} [{decimal(low)}, {decimal(high)}]"
