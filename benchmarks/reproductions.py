"""Write benchmarks/reproductions.md from the stored rows, or check that it is written.

bbvi reproduce NAME --out benchmarks/reproductions     # measure and store
python benchmarks/reproductions.py                     # write verdicts, pictures and page
python benchmarks/reproductions.py --check             # fail if the page differs
"""

import argparse
import sys
from pathlib import Path

from bbvi.experiments.reproductions.page import page
from bbvi.experiments.reproductions.run import find, judge_again
from bbvi.plotting.reproductions import figure_of
from bbvi.plotting.style import save

FOLDER = Path(__file__).parent / "reproductions"
PAGE = FOLDER.with_suffix(".md")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it differs")
    if parser.parse_args().check:
        same = PAGE.exists() and PAGE.read_text("utf-8") == page(FOLDER)
        if not same:
            print(f"{PAGE.name} is not up to date; run benchmarks/reproductions.py")
        return 0 if same else 1
    for path in sorted(FOLDER.glob("*.csv")):
        result = judge_again(path.stem, FOLDER)
        picture = figure_of(find(result.name), result.rows, result.comparisons)
        save(picture, FOLDER / f"{result.name}.png")
    PAGE.write_text(page(FOLDER), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
