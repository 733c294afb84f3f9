"""The page of all reproductions, from what is stored and from nothing else."""

from pathlib import Path

from bbvi.experiments.reproductions.agreement import Comparison, summary
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
  single run ("run"); a stated tolerance ("within"). The rounding of the printed number is added.
  Where only an order was published, the interval of our difference is above 0 ("above").
* "differs": it is not.
* "cannot be compared": nothing was measured, or too roughly to mean anything; or with one seed,
  which has no interval, where no tolerance is stated.

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
    parts = [f"## {name}", f"{entry.title}.", f"Source: {entry.source}."]
    parts += [f"Set-up: {entry.setup}", f"Time on two cores: {entry.time}."]
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
        parts.append(table(listed))
    return "\n\n".join(parts) + "\n"


def table(comparisons: list[Comparison]) -> str:
    """One line for each comparison."""
    lines = [
        "| quantity | by | theirs | ours | interval | seeds | kind | verdict |",
        "|" + " --- |" * 8,
    ]
    for one in comparisons:
        ours = ("", "")
        if one.num_seeds:
            ours = (f"{one.ours:.5g}", f"{one.low:.5g} to {one.high:.5g}")
        lines.append(
            f"| {one.quantity.replace('|', ' ')} | {one.by} | {one.theirs:.6g} | {ours[0]} | "
            f"{ours[1]} | {one.num_seeds} | {one.kind} | {one.verdict}: {one.because} |"
        )
    return "\n".join(lines)


def table_of_published(entry: Reproduction) -> str:
    """Their numbers alone."""
    if not entry.published:
        return ""
    lines = ["| quantity | by | theirs | source |", "|" + " --- |" * 4]
    lines += [f"| {p.quantity} | {p.by} | {p.printed} | {p.source} |" for p in entry.published]
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
    return words or "nothing was measured"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
