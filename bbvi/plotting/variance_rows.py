"""Which rows of `bbvi.experiments.variance` make one picture."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
MEASURED = "biased, measured"
LARGE = 5.0
"""Standard errors from the exact gradient, beyond which a bias of unknown size is told as one."""


def pictures(rows: Sequence[Row]) -> list[tuple[str, str, list[Row]]]:
    """(model, block, its rows) for every model and block of lam, of variances that are numbers."""
    rows = [row for row in rows if math.isfinite(row["variance"])]
    keys = dict.fromkeys((row["model"], row["block"]) for row in rows if row["block"] != "theta")
    return [(*key, [row for row in rows if (row["model"], row["block"]) == key]) for key in keys]


def not_finite_in_words(rows: Sequence[Row]) -> list[str]:
    """A sentence for each estimator and S whose gradient is not finite somewhere: in how many."""
    counts: dict[tuple[str, int], Row] = {}
    for row in rows:
        key = row["estimator"], row["samples"]
        if row.get("not_finite") and row["block"] != "theta":
            counts[key] = max(row, counts.get(key, row), key=lambda row: row["not_finite"])
    return [
        f"{name} at S={S}: its gradient is not finite in {row['not_finite']} of "
        f"{row['replicates']} replicates"
        for (name, S), row in counts.items()
    ]


def base_point(rows: Sequence[Row]) -> dict[str, Any]:
    """Where the panels cross: the middle k, S and point, the smallest D, the first noise."""
    samples, points = sorted(distinct(rows, "samples")), distinct(rows, "point")
    constants = distinct(rows, "k")
    return {
        "k": constants[len(constants) // 2],
        "samples": samples[len(samples) // 2],
        "dimension": min(distinct(rows, "dimension")),
        "point": points[len(points) // 2],
        "noise": rows[0]["noise"],
    }


def matching(rows: Sequence[Row], fixed: Mapping[str, Any]) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(row[key] == value for key, value in fixed.items())]


def bias_in_words(row: Row) -> str:
    """What a legend says of an estimator's bias; empty where it has none."""
    if row["unbiased"]:
        return ""
    if row.get("bias_declared") != "unknown":
        return "biased"
    # Of what has no variance, standard errors say nothing.
    z = None if row.get("variance_exists") is False else row.get("bias_z")
    return MEASURED if z is not None and abs(z) > LARGE else "bias unknown"


def distinct(rows: Sequence[Row], column: str) -> list[Any]:
    """The values of a column, in order of appearance."""
    return list(dict.fromkeys(row[column] for row in rows))


def caption(fixed: Mapping[str, Any]) -> str:
    """What all rows of a panel share, as text."""
    names = {"k": "$k$ = {}", "samples": "$S$ = {}", "dimension": "$D$ = {}", "point": "at “{}”"}
    return ", ".join(
        text.format(fixed[key]) for key, text in names.items() if fixed.get(key) is not None
    )
