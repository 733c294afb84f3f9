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
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(source: Path) -> Path:
    """Run one ``.py`` notebook and write its ``.ipynb``."""
    notebook = jupytext.read(source)
    # Ids by position and no times: running again changes nothing but the outputs that differ.
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
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
