"""Execute notebooks: ``python notebooks/execute.py [notebooks/NN_topic.py ...]``, default all.

Each ``NN_topic.py`` is run in a fresh kernel and written, with its outputs, to the ``.ipynb``
beside it.  Edit only the ``.py``.
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
# Where the project is published: "https://github.com/OWNER/NAME/tree/TAG".  Empty: nowhere.  While
# it is, nothing links to or installs from an address that somebody else may take.
REPOSITORY = ""
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def published(source: Path, repository: str = REPOSITORY) -> nbformat.NotebookNode:
    """The source as a notebook; with an address it begins with badges and an install for Colab."""
    notebook = jupytext.read(source)
    if repository:
        project, tag = repository.removeprefix("https://github.com/").split("/tree/")
        name = f"notebooks/{source.stem}.ipynb"
        badges = (
            "[Open in Colab](https://colab.research.google.com/github/"
            f"{project}/blob/{tag}/{name}) "
            f"[Launch Binder](https://mybinder.org/v2/gh/{project}/{tag}?labpath={name})"
        )
        install = (
            'import sys\n\nif "google.colab" in sys.modules:\n'
            f"    %pip install -q git+https://github.com/{project}@{tag}"
        )
        notebook.cells[:0] = [
            nbformat.v4.new_markdown_cell(badges),
            nbformat.v4.new_code_cell(install),
        ]
    return notebook


def hidden(tags: list[str]) -> nbformat.NotebookNode:
    """Metadata of a cell: one that is hidden in the book is folded in JupyterLab."""
    return nbformat.from_dict({"jupyter": {"source_hidden": True}, "tags": tags} if tags else {})


def execute(source: Path) -> Path:
    """Run one ``.py`` notebook and write its ``.ipynb``."""
    notebook = published(source)
    # Ids by position and no times: running again changes nothing but the outputs that differ.
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = hidden(cell.metadata.get("tags", []))
    NotebookClient(notebook, timeout=600, kernel_name="python3", record_timing=False).execute()
    notebook.metadata = nbformat.from_dict(
        {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": KERNEL}
    )
    target = source.with_suffix(".ipynb")
    nbformat.write(notebook, target)
    return target


if __name__ == "__main__":
    for source in map(Path, sys.argv[1:] or sorted(HERE.glob("[0-9][0-9]_*.py"))):
        print(execute(source))
