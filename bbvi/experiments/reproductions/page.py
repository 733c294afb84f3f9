"""The page of all reproductions, from what is stored and from nothing else."""

from math import isfinite
from pathlib import Path

from bbvi.experiments.reproductions.agreement import NOT_MEASURED, Agreement, summary
from bbvi.experiments.reproductions.catalogue import REPRODUCTIONS
from bbvi.experiments.reproductions.entries import Reproduction
from bbvi.experiments.reproductions.run import Result, stored

LARGEST_TABLE = 30
"""Comparisons that are listed one by one; of more, those that do not agree."""

HEAD = """# Published numbers beside ours

Each section sets numbers of a paper or another program beside those of `bbvi reproduce NAME`.
Ours is a mean over seeds; intervals of one section hold together at 95 %. A verdict is computed:

* "agrees": the difference is within the reach. The reach is the interval of our mean where the
  published number is an expectation or exact ("mean"); the interval of one more run where it is a
  single run ("run"); a stated tolerance, which every run must keep ("within"). The rounding of the
  printed number is added. Where only an order was published, the interval of our difference is
  above 0 ("above").
* "differs": it is not; of a tolerance: no run keeps it.
* "cannot be compared": nothing was measured; some runs keep a tolerance and some do not; the source
  does not tell what is needed, or ours is not built for it; one seed, which has no interval, where
  no tolerance is stated; or a reach so wide that a run without any effect would have agreed.

Pictures: lines and bands are ours, the mean and the range of all seeds; a filled star is a
published number that was compared, a hollow one a number that was not.

The page is written by `python benchmarks/reproductions.py` from the CSV and JSON files in
`benchmarks/reproductions/`.

"""


def page(folder: Path) -> str:
    """The whole page as Markdown, from the results stored in ``folder``."""
    results = {
        name: stored(name, folder) for name in REPRODUCTIONS if (folder / f"{name}.csv").exists()
    }
    overview = ["| reproduction | verdict | processor time |", "| --- | --- | --- |"]
    for name, entry in REPRODUCTIONS.items():
        result = results.get(name)
        verdict = f"not run: about {entry.time}" if result is None else _short(result)
        time = "" if result is None else _time(result.seconds)
        overview.append(f"| [{name}](#{name}) | {verdict} | {time} |")
    sections = [
        section(name, entry, results.get(name), folder) for name, entry in REPRODUCTIONS.items()
    ]
    return HEAD + "\n".join(overview) + "\n\n" + "\n".join(sections)


def section(name: str, entry: Reproduction, result: Result | None, folder: Path) -> str:
    """One reproduction: source, set-up, assumptions, picture, table, verdict."""
    parts = [f"## {name}", _sentence(entry.title), f"Source: {_sentence(entry.source)}"]
    parts += [f"Set-up: {entry.setup}", f"Time on two cores: {_sentence(entry.time)}"]
    if entry.assumptions:
        parts.append("\n".join(f"* {text}" for text in entry.assumptions))
    if result is None:
        parts.append(f"Not run: nothing is stored of `bbvi reproduce {name}`.")
        parts.append(table_of_published(entry))
        return "\n\n".join(part for part in parts if part) + "\n"
    parts.append(f"Verdict: {summary(result.comparisons)}.")
    if entry.not_run:
        parts.append(f"Not run: {entry.not_run}")
    if (folder / f"{name}.png").exists():
        parts.append(f"![{entry.title}](reproductions/{name}.png)")
    listed = result.comparisons
    if len(listed) > LARGEST_TABLE:
        listed = [one for one in listed if one.verdict != "agrees"]
    if listed:
        if len(listed) < len(result.comparisons):
            parts.append("Of many comparisons only those that do not agree are listed:")
        parts.append(table(listed))
    return "\n\n".join(parts) + "\n"


def _sentence(text: str) -> str:
    return text.removesuffix(".") + "."


def table(comparisons: list[Agreement]) -> str:
    """One line for each comparison."""
    lines = [
        "| quantity | by | theirs | ours | interval | seeds | kind | verdict |",
        "|" + " --- |" * 8,
    ]
    lines += [
        _line(one.quantity, one.by, one.printed, *_ours(one), str(one.num_seeds), one.kind,
              f"{one.verdict}: {one.because}")
        for one in comparisons
    ]  # fmt: skip
    return "\n".join(lines)


def _ours(one: Agreement) -> tuple[str, str]:
    """Mean and interval; one seed has none."""
    if not one.num_seeds:
        return "", ""
    interval = f"{one.low:.5g} to {one.high:.5g}" if isfinite(one.low) else ""
    return f"{one.ours:.5g}", interval


def _line(*cells: str) -> str:
    """A line of a table; a bar inside a cell, as in |x|, would begin another one."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def table_of_published(entry: Reproduction) -> str:
    """Their numbers alone."""
    if not entry.published:
        return ""
    lines = ["| quantity | by | theirs | source |", "|" + " --- |" * 4]
    lines += [_line(p.quantity, p.by, p.printed, p.source) for p in entry.published]
    return "\n".join(lines)


def _short(result: Result) -> str:
    counts = [one.verdict for one in result.comparisons]
    words = ", ".join(
        f"{counts.count(verdict)} {text}"
        for verdict, text in (
            ("agrees", "agree"),
            ("differs", "differ"),
            ("cannot be compared", "cannot be compared"),
        )
        if verdict in counts
    )
    missing = sum(one.because == NOT_MEASURED for one in result.comparisons)
    words += f" ({missing} not measured)" if missing else ""
    return words or "nothing was measured"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
