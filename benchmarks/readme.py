"""Write the README's table of estimators from their contracts, or check that it is written.

python benchmarks/readme.py            # write it
python benchmarks/readme.py --check    # fail if it is not what would be written
"""

import argparse
import sys
from pathlib import Path

from bbvi.estimators import contract_markdown

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- estimators: begin -->\n", "<!-- estimators: end -->"


def with_table(page: str) -> str:
    """The page with the table of today between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + contract_markdown() + END + rest.split(END)[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it differs")
    args = parser.parse_args()
    page = README.read_text("utf-8")
    wanted = with_table(page)
    if not args.check:
        README.write_text(wanted, "utf-8")
    elif wanted != page:
        print("README.md: the table of estimators is not up to date; run benchmarks/readme.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
