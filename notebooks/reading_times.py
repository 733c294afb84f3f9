"""How long a lecture takes to read with attention, from its words, equations, code and pictures.

python notebooks/reading_times.py
"""

import re
from pathlib import Path

import nbformat

WORDS_A_MINUTE = 130
MINUTES = {"equation": 0.5, "line of code": 0.08, "picture": 1.0}
"""An equation is followed with a pencil, a line of code takes five seconds."""


def minutes(executed: Path) -> int:
    """Minutes for one executed notebook, in fives; the folded cells are not read."""
    counts = dict.fromkeys(MINUTES, 0)
    words = 0
    for cell in nbformat.read(executed, as_version=4).cells:
        if cell.cell_type == "markdown":
            text, equations = re.subn(r"(?s)\$\$.*?\$\$", " ", cell.source)
            words += len(text.split())
            counts["equation"] += equations
            continue
        if not cell.metadata.get("tags"):
            counts["line of code"] += sum(bool(line.strip()) for line in cell.source.splitlines())
        counts["picture"] += sum("image/png" in out.get("data", {}) for out in cell.outputs)
    total = words / WORDS_A_MINUTE + sum(MINUTES[kind] * number for kind, number in counts.items())
    return 5 * round(total / 5)


if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("[0-9][0-9]_*.ipynb")):
        print(f"{path.stem:42} {minutes(path):3} minutes")
