"""Slides: one for each heading, what follows below it, and no machinery."""

import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbconvert")
pytest.importorskip("jupyter_server_mathjax")
from slides import LONG, as_slides

LECTURES = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_in_slides(path):
    notebook = nbformat.read(path, as_version=4)
    slides = as_slides(notebook).cells
    kinds = [cell.metadata["slideshow"]["slide_type"] for cell in slides]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert kinds.count("slide") == len(re.findall(r"(?m)^##? ", text))
    assert set(kinds) == {"slide", "subslide"}
    assert not any("importlib" in cell.source for cell in slides)
    pictures = sum(
        "image/png" in out.get("data", {}) for c in slides for out in c.get("outputs", [])
    )
    drawn = [out for c in notebook.cells for out in c.get("outputs", [])]
    assert pictures == sum("image/png" in out.get("data", {}) for out in drawn) > 0
    for cell in slides:
        paragraphs = cell.source.strip().split("\n\n")
        # A longer slide is one paragraph, or a table, that cannot be cut.
        assert cell.cell_type == "code" or len(cell.source) <= LONG + 2 or len(paragraphs) == 1
    assert not any(
        cell.source for cell in as_slides(notebook, code=False).cells if cell.cell_type == "code"
    )
