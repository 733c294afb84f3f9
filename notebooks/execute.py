"""Execute notebooks: ``python notebooks/execute.py [notebooks/NN_topic.py ...]``, default all.

Each ``NN_topic.py`` is run in a fresh kernel and written, with its outputs, to the ``.ipynb``
beside it.  Edit only the ``.py``.

``--other-seeds K`` writes nothing.  It runs the assertions with other seeds: every generator that
the notebook or the package makes from a number n is made from (n, K), in all processes.
"""

import argparse
import os
import resource
import sys
import tempfile
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


# Python runs a module of this name at its start: in the kernel, and in the processes it begins.
OTHER_SEEDS = """
import numpy as np

plain = np.random.default_rng


def default_rng(seed=None):
    if isinstance(seed, np.random.SeedSequence):
        entropy = np.atleast_1d(seed.entropy).tolist()
        return plain(np.random.SeedSequence([*entropy, {k}], spawn_key=seed.spawn_key))
    if isinstance(seed, int | np.integer | list | tuple | np.ndarray):
        return plain([*np.atleast_1d(seed).tolist(), {k}])
    return plain(seed)


np.random.default_rng = default_rng
"""


def failures_with_other_seeds(source: Path, k: int) -> list[str]:
    """The cells that fail when every generator has another seed, each as its message."""
    notebook = published(source)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(OTHER_SEEDS.format(k=k))
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        client = NotebookClient(notebook, timeout=None, kernel_name="python3", allow_errors=True)
        client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    return [
        "\n".join(output.traceback)
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def processor_seconds() -> float:
    """Of all kernels that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def execute(source: Path) -> Path:
    """Run one ``.py`` notebook and write its ``.ipynb``.  A busy machine may take its time."""
    notebook = published(source)
    # Ids by position and no times: running again changes nothing but the outputs that differ.
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = hidden(cell.metadata.get("tags", []))
    NotebookClient(notebook, timeout=None, kernel_name="python3", record_timing=False).execute()
    notebook.metadata = nbformat.from_dict(
        {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": KERNEL}
    )
    target = source.with_suffix(".ipynb")
    nbformat.write(notebook, target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--other-seeds", type=int, metavar="K")
    arguments = parser.parse_args()
    failed = 0
    for source in arguments.notebooks or sorted(HERE.glob("[0-9][0-9]_*.py")):
        before = processor_seconds()
        if arguments.other_seeds is None:
            done = str(execute(source))
        else:
            messages = failures_with_other_seeds(source, arguments.other_seeds)
            failed += len(messages)
            done = "\n".join([f"{source}: {len(messages)} cells failed", *messages])
        print(f"{done} ({processor_seconds() - before:.0f} s of processor time)", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
