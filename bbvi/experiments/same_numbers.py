"""Whether two results folders hold the same numbers, what a clock measured left aside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bbvi.experiments.results import Results

Row = Mapping[str, Any]
CLOCKED = ("compare_seconds", "curves_seconds")
"""Tables of runs of equal seconds: another run takes other steps."""


class TableComparison(NamedTuple):
    """One table, before and again.

    Attributes
    ----------
    table : str
    rows : int
        Of the first.
    differing : int or None
        Rows with another number or word; None where the tables cannot be laid side by side.
    largest : float
        The largest relative difference of two numbers.
    where : str
        Its column; or why the tables cannot be compared.
    """

    table: str
    rows: int
    differing: int | None
    largest: float
    where: str

    @property
    def same(self) -> bool:
        """Whether every number and word is the same."""
        return self.differing == 0

    def sentence(self) -> str:
        """One line for people."""
        if self.differing is None:
            return f"{self.table}.csv: differs: {self.where}"
        if self.same:
            return f"{self.table}.csv: the same numbers in {self.rows} rows"
        return (
            f"{self.table}.csv: {self.differing} of {self.rows} rows differ, most in {self.where} "
            f"(relative difference {self.largest:.1e})"
        )


def compare_results(before: Results, again: Results) -> list[TableComparison]:
    """Each table of both folders, but for those of runs of equal seconds."""
    names = dict.fromkeys([*before.tables, *again.tables])
    return [
        compare_tables(name, before.tables.get(name), again.tables.get(name))
        for name in names
        if name not in CLOCKED
    ]


def compare_tables(
    name: str, before: Sequence[Row] | None, again: Sequence[Row] | None
) -> TableComparison:
    """Row by row; columns that a clock made do not count."""
    if before is None or again is None:
        missing = "before" if before is None else "again"
        return TableComparison(name, len(before or ()), None, 0.0, f"there is none {missing}")
    count = len(before)
    if len(again) != count:
        return TableComparison(name, count, None, 0.0, f"{count} rows before, {len(again)} again")
    keys, other = ({key for row in rows for key in row} for rows in (before, again))
    if keys != other:
        changed = ", ".join(sorted(keys ^ other))
        return TableComparison(name, count, None, 0.0, f"only one of them has {changed}")
    differing, largest, where = 0, 0.0, ""
    for a, b in zip(before, again):
        gaps = {key: difference(a[key], b[key]) for key in keys if not of_a_clock(key)}
        worst = max(gaps, key=lambda key: gaps[key], default="")
        if worst and gaps[worst] > 0:
            differing += 1
            if gaps[worst] > largest:
                largest, where = gaps[worst], worst
    return TableComparison(name, count, differing, largest, where)


def of_a_clock(column: str) -> bool:
    """Whether a column holds times, or is made of them."""
    return "seconds" in column or column == "time"


def difference(a: Any, b: Any) -> float:
    """0 if equal (two NaN are), the relative difference of two numbers, else infinity."""
    if a == b or (a != a and b != b):
        return 0.0
    if isinstance(a, int | float) and isinstance(b, int | float):
        gap = abs(a - b) / max(abs(a), abs(b))
        return float(gap) if gap == gap else float("inf")
    return float("inf")


def changed_files(manifest: Mapping[str, Any], folder: Path, digests: Mapping[str, str]) -> str:
    """What is wrong with the files that a run was made from; empty if nothing is.

    Parameters
    ----------
    manifest : mapping
        Of the folder.
    folder : Path
    digests : mapping
        Name -> SHA-256 of the files as they are now.
    """
    identity = manifest.get("identity")
    recorded = identity.get("files", {}) if isinstance(identity, Mapping) else {}
    for name, sha in recorded.items():
        if name not in digests:
            return (
                f"{folder} was made from the file {name}, which is not there; expected it where it "
                "was. Change into the folder that it was run in, or put the file back."
            )
        if digests[name] != sha:
            return (
                f"{folder} was made from another {name}: its SHA-256 was {sha[:12]}..., it is "
                f"{digests[name][:12]}... now. Put the old file back, or make a run of its own."
            )
    return ""
