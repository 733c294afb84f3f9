"""Slides of the lectures: reveal.js and equations from installed packages, no network.

python docs/slides.py
python docs/slides.py notebooks/03_gradients.ipynb --out my-slides
"""

import argparse
import importlib.util
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter

sys.path.insert(0, str(Path(__file__).parent))

from book.assets import put_mathjax

DOCS = Path(__file__).parent
LECTURES = sorted((DOCS.parent / "notebooks").glob("*.ipynb"))
MARK = re.compile(r"^(?=##? )", flags=re.MULTILINE)
LONG = 900
"""Characters of text that a slide holds."""


def put_reveal(target):
    """Copy reveal.js from its package."""
    spec = importlib.util.find_spec("sphinx_revealjs")
    assert spec is not None, "sphinx-revealjs is missing: pip install -e '.[docs]'"
    source = Path(spec.origin).parent / "_static" / "revealjs"
    for folder in ("dist", "plugin"):
        shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)


def pieces(text):
    """A cell's text in slides: cut at headings, and between paragraphs where it is long."""
    for part in MARK.split(text):
        slide = ""
        for paragraph in re.split(r"\n\n+", part.strip()):
            if slide and len(slide) + len(paragraph) > LONG:
                yield slide
                slide = ""
            slide += paragraph + "\n\n"
        if slide.strip():
            yield slide


def as_slides(notebook, code=True):
    """The notebook with a slide for each heading, and slides below it for all that follows."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for text in pieces(cell.source):
                kind = "slide" if re.match(r"##? ", text) or not cells else "subslide"
                cells.append(_with_kind(nbformat.v4.new_markdown_cell(text), kind))
            continue
        pictures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        texts = [out for out in cell.outputs if out not in pictures]
        if code and not cell.metadata.get("tags"):  # those of the machinery are hidden
            cell = nbformat.v4.new_code_cell(cell.source, outputs=texts)
            cells.append(_with_kind(cell, "subslide"))
        elif texts:
            cells.append(_with_kind(nbformat.v4.new_code_cell("", outputs=texts), "subslide"))
        for out in pictures:
            cells.append(_with_kind(nbformat.v4.new_code_cell("", outputs=[out]), "subslide"))
    return nbformat.v4.new_notebook(cells=cells, metadata={"title": notebook.cells[0].source[:60]})


def _with_kind(cell, kind):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def write(path, out, code=True):
    """One lecture as ``out/NAME.html``."""
    notebook = as_slides(nbformat.read(path, 4), code)
    notebook.metadata["title"] = path.stem.replace("_", " ")
    exporter = SlidesExporter(
        template_file=str(DOCS / "templates" / "slides.html.j2"),
        reveal_url_prefix="reveal",
        exclude_input=not code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    target = out / f"{path.stem}.html"
    target.write_text(body, "utf-8")
    return target


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=LECTURES)
    parser.add_argument("--out", type=Path, default=DOCS / "_build" / "slides")
    parser.add_argument("--no-code", action="store_true", help="text, pictures and results only")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    put_reveal(args.out / "reveal")
    put_mathjax(args.out / "mathjax")
    for path in args.notebooks:
        print(write(path, args.out, not args.no_code))


if __name__ == "__main__":
    main()
