"""A results folder read back: its tables and its manifest, without computing anything."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bbvi.experiments.csv_and_json import format_table
from bbvi.suggestions import did_you_mean

Row = Mapping[str, Any]
WIDTH = 100
"""Of tables as text: columns beyond it come in a table of their own below."""

LONGEST = 60


class Results(NamedTuple):
    """What a command left in its folder.

    Attributes
    ----------
    folder : Path
    command : dict
        The arguments of the command that made it; empty where they are not recorded.
    manifest : dict
    tables : dict
        Name of each .csv file, without its ending -> rows, with numbers as numbers and None where
        a field is empty.
    """

    folder: Path
    command: dict[str, Any]
    manifest: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]


def read_results(folder: Path) -> Results:
    """Read the folder of any command.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it has no manifest, or a file in it cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; expected a results folder of bbvi.")
    manifest = _record(folder / "manifest.json")
    if manifest is None:
        raise ValueError(f"{folder} has no manifest.json; expected a results folder of bbvi.")
    run = _record(folder / "run.json") or {}
    command = run.get("command") or manifest.get("command") or {}
    tables = {path.stem: read_table(path) for path in sorted(folder.glob("*.csv"))}
    return Results(folder, command if isinstance(command, dict) else {}, manifest, tables)


def _record(path: Path) -> dict[str, Any] | None:
    """A JSON file's record; None where there is no file."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}).") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds no record; expected what a command of bbvi wrote.")
    return record


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a .csv file that `bbvi` wrote, with numbers as numbers.

    Raises
    ------
    ValueError
        If the file is no table.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}).") from None
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{path} is damaged: its rows differ in length.")
    return [{key: typed(text) for key, text in row.items()} for row in rows]


def typed(text: str) -> Any:
    """What a field of a .csv file meant.

    Examples
    --------
    >>> typed(""), typed("True"), typed("3"), typed("3.0"), typed("nan"), typed("3M")
    (None, True, 3, 3.0, nan, '3M')
    """
    if text in ("", "None"):
        return None
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def select(
    results: Results, tables: Sequence[str] | None, columns: Sequence[str] | None
) -> Results:
    """Some of the tables, with some of their columns in the order that was asked for.

    Raises
    ------
    ValueError
        If there is no such table, or none of the tables has such a column.
    """
    for name in tables or ():
        if name not in results.tables:
            raise ValueError(
                f"{results.folder} has no table {name!r}; expected some of "
                f"{', '.join(results.tables)}.{did_you_mean(name, results.tables)}"
            )
    chosen = {name: results.tables[name] for name in tables or results.tables}
    if columns is None:
        return results._replace(tables=chosen)
    known = dict.fromkeys(key for rows in chosen.values() for row in rows[:1] for key in row)
    for name in columns:
        if name not in known:
            raise ValueError(
                f"no column {name!r}; expected some of {', '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
    cut = {
        table: [{name: row[name] for name in columns if name in row} for row in rows]
        for table, rows in chosen.items()
    }
    return results._replace(tables=cut)


def with_intervals(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """``x``, ``x_low`` and ``x_high`` as one column: "x [low, high]".

    Examples
    --------
    >>> with_intervals([{"method": "a", "elbo": -2.0, "elbo_low": -2.5, "elbo_high": -1.5}])
    [{'method': 'a', 'elbo': '-2 [-2.5, -1.5]'}]
    """
    names = list(rows[0]) if rows else []
    whole = [name for name in names if {f"{name}_low", f"{name}_high"} <= {*names}]
    ends = {f"{name}_{end}" for name in whole for end in ("low", "high")}
    return [
        {
            name: _interval(row, name) if name in whole else row[name]
            for name in names
            if name not in ends
        }
        for row in rows
    ]


def _interval(row: Row, name: str) -> Any:
    """The value alone where it has no interval, or one of no width."""
    ends = row[f"{name}_low"], row[f"{name}_high"]
    if None in ends or ends == (row[name], row[name]):
        return row[name]
    return f"{shown(row[name])} [{shown(ends[0])}, {shown(ends[1])}]"


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns of at most 100 characters; wider tables in parts, each with the first.

    Sentences are cut at 60 characters; the other formats have all of them.
    """
    names = list(rows[0]) if rows else []
    cells = [{name: _short(shown(row[name])) for name in names} for row in rows]
    widths = {n: max(len(n), *(len(cell[n]) for cell in cells)) for n in names}
    parts: list[list[str]] = []
    for name in names[1:]:
        taken = sum(widths[other] + 2 for other in [names[0], *(parts[-1] if parts else [])])
        if not parts or taken + widths[name] > WIDTH:
            parts.append([])
        parts[-1].append(name)
    tables = [format_table(cells, [names[0], *part]) for part in parts or [[]]] if names else []
    return "\n\n".join(tables)


def as_csv(rows: Sequence[Row]) -> str:
    """Every digit, as the file has it."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    names = list(rows[0]) if rows else []
    writer.writerow(names)
    writer.writerows(["" if row[n] is None else row[n] for n in names] for row in rows)
    return handle.getvalue().rstrip("\n")


def as_markdown(rows: Sequence[Row]) -> str:
    """A table of GitHub's Markdown."""
    names = list(rows[0]) if rows else []
    lines: list[Iterable[str]] = [names, ["---"] * len(names)]
    lines += [[shown(row[name]).replace("|", r"\|") for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def as_latex(rows: Sequence[Row]) -> str:
    """A tabular with the rules of LaTeX's booktabs; numbers to the right."""
    names = list(rows[0]) if rows else []
    numbers = [all(not isinstance(row[name], str) for row in rows) for name in names]
    align = "".join("r" if number else "l" for number in numbers)
    head = " & ".join(_latex(name) for name in names)
    body = [" & ".join(_latex(shown(row[name])) for name in names) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


FORMATS: dict[str, Callable[[Sequence[Row]], str]] = {
    "text": as_text,
    "csv": as_csv,
    "latex": as_latex,
    "markdown": as_markdown,
}


def shown(value: Any) -> str:
    """A value with four significant digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("\n", " ")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _latex(text: str) -> str:
    """Text with the signs that mean something to LaTeX escaped; infinity as a formula."""
    if text in ("inf", "-inf"):
        return f"${text.replace('inf', chr(92) + 'infty')}$"
    return "".join(ESCAPED.get(sign, sign) for sign in text)
