"""``bbvi results``: results folders read back, as tables and as figures."""

import argparse
from pathlib import Path
from typing import Any

from bbvi.cli.output import add_picture_options, output, save_pictures
from bbvi.cli.parser import COMMANDS, examples
from bbvi.cli.printing import check_printed
from bbvi.experiments.results import FORMATS, Results, read_results, select, with_intervals
from bbvi.experiments.store import check_folder
from bbvi.plotting.again import figures_of


def add_parser(subparsers: Any) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "results",
        help=COMMANDS["results"],
        description="Print the tables of results folders of any command, and draw their figures "
        "again.  Nothing is computed, and nothing in the folders is changed.",
        epilog=examples(
            "bbvi results bbvi-out/compare",
            "bbvi results bbvi-out/* --tables compare variance --format latex > tables.tex",
            "bbvi results bbvi-out/compare --figures talk --pictures pdf --dpi 300",
        ),
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of any command")
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text", help="of the tables (default text)"
    )
    parser.add_argument(
        "--tables", nargs="+", metavar="NAME", help="some of the .csv files (default: all)"
    )
    parser.add_argument(
        "--columns", nargs="+", metavar="NAME", help="some of the columns (default: all)"
    )
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="draw them into this folder")
    add_picture_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print every table; draw, where asked for."""
    if args.figures is not None:
        check_folder(args.figures)
    read = [read_results(folder) for folder in args.folders]
    for results in read:
        tables = args.tables
        if tables is not None and len(read) > 1:
            # Of several folders each has some of the tables.
            tables = [name for name in tables if name in results.tables] or None
            if tables is None:
                continue
        chosen = select(results, tables, args.columns)
        if args.columns is None and args.format != "csv":
            merged = {name: with_intervals(rows) for name, rows in chosen.tables.items()}
            chosen = chosen._replace(tables=merged)
        print(_tables(chosen, args.format))
    if args.figures is not None:
        with output(args, args.figures):
            for results in read:
                _draw(args, results, results.folder.name if len(read) > 1 else "")
    check_printed("the tables")
    return 0


def _tables(results: Results, form: str) -> str:
    """All tables of a folder, each under its name; a comment in LaTeX, a heading in Markdown."""
    sign = {"latex": "% ", "markdown": "## ", "csv": "# "}.get(form, "")
    parts = []
    for name, rows in results.tables.items():
        title = f"{sign}{results.folder / name}.csv"
        parts.append(f"{title}\n\n{FORMATS[form](rows)}\n" if rows else f"{title}: no rows\n")
    return "\n".join(parts) or f"{sign}{results.folder}: no tables\n"


def _draw(args: argparse.Namespace, results: Results, prefix: str) -> None:
    try:
        figures = figures_of(results)
    except (KeyError, IndexError, StopIteration) as error:
        raise ValueError(
            f"{results.folder} cannot be drawn: its tables lack {error!r}; expected those that the "
            "command wrote."
        ) from None
    for name, figure in figures.items():
        save_pictures(args, figure, args.figures / prefix / f"{name}.png")
    what = ", ".join(figures) or "no figure can be drawn from its tables alone"
    print(f"{results.folder}: {what}")
