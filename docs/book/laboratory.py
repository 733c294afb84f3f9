"""The laboratory's folder: its pages, the wheels that they install, and the exercises as data."""

import hashlib
import json
import re
import shutil
import zipfile
from base64 import urlsafe_b64encode
from importlib import metadata
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

import bbvi

SOURCE = Path(__file__).parents[1] / "laboratory"
EXERCISES = Path(__file__).parents[2] / "notebooks" / "exercises" / "student"
BESIDE = ("autograd", "tqdm")
"""What bbvi imports and Pyodide may not have: pure Python, packed again as it is installed."""


def put_laboratory(target: Path) -> None:
    """Write everything that the laboratory needs, but for Pyodide, to a folder."""
    shutil.copytree(
        SOURCE, target, ignore=shutil.ignore_patterns("__pycache__", "*.py"), dirs_exist_ok=True
    )
    shutil.rmtree(target / "laboratory", ignore_errors=True)
    wheels = target / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    wheels.mkdir()
    package = Path(bbvi.__file__).parent
    names = [
        pack(wheels, "bbvi", bbvi.__version__, package, package.rglob("*.py"), _metadata("bbvi")),
        pack(
            wheels,
            "laboratory",
            bbvi.__version__,
            SOURCE / "laboratory",
            (SOURCE / "laboratory").glob("*.py"),
            b"",
        ),
        *(pack_installed(wheels, name) for name in BESIDE),
    ]
    (wheels / "index.json").write_text(json.dumps(names))
    (target / "exercises.json").write_text(json.dumps(exercises()))


def after_build(app: Any, exception: Exception | None) -> None:
    """Put the laboratory into the finished book."""
    if exception is None and app.builder.format == "html":
        put_laboratory(Path(app.outdir) / "laboratory")


def pack(folder: Path, name: str, version: str, package: Path, files: Any, described: bytes) -> str:
    """A wheel of the modules of one pure Python package; the wheel's file name."""
    parts = {
        path.relative_to(package.parent).as_posix(): path.read_bytes() for path in sorted(files)
    }
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    parts[f"{info}/METADATA"] = described or head
    tag = "Wheel-Version: 1.0\nGenerator: bbvi\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    parts[f"{info}/WHEEL"] = tag.encode()
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in parts.items()]
    parts[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in parts.items():
            archive.writestr(path, data)
    return wheel.name


def pack_installed(folder: Path, name: str) -> str:
    """A wheel of an installed package."""
    distribution = metadata.distribution(name)
    package = Path(str(distribution.locate_file(name)))
    files = [path for path in package.rglob("*") if path.suffix in (".py", ".pyi", ".typed")]
    return pack(folder, name, distribution.version, package, files, _metadata(name))


def _metadata(name: str) -> bytes:
    text = metadata.distribution(name).read_text("METADATA") or ""
    text = text or metadata.distribution(name).read_text("PKG-INFO") or ""
    return text.encode()


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def exercises() -> list[dict[str, Any]]:
    """The students' notebooks as data: chapters with their cells, text as HTML."""
    return [chapter(path) for path in sorted(EXERCISES.glob("*.ipynb"))]


def chapter(path: Path) -> dict[str, Any]:
    """One notebook: what runs beforehand, and the cells that are shown, in their order."""
    book = json.loads(path.read_text("utf-8"))
    before, shown, title = [], [], path.stem
    for cell in book["cells"]:
        name, text = cell["metadata"]["nbgrader"]["grade_id"], "".join(cell["source"])
        marks = cell["metadata"]["nbgrader"]
        if name.startswith(("install", "setup")):
            before += [] if name.startswith("install") else [text]
        elif marks["solution"]:
            kind = "answer" if cell["cell_type"] == "markdown" else "code"
            shown.append({"kind": kind, "name": name, "text": text})
        elif name.endswith("_test"):
            shown[-1]["check"] = text
        elif cell["cell_type"] == "markdown":
            if heading := re.match(r"# (.*)", text):
                title, text = heading[1], text[heading.end() :]
            shown.append({"kind": "text", "name": name, "html": html(text)})
        else:
            shown.append({"kind": "given", "name": name, "text": text})
    return {"name": path.stem, "title": title, "before": before, "cells": shown}


def html(text: str) -> str:
    r"""Markdown as HTML; equations in \\( \\) and \\[ \\], as MathJax wants them."""
    reader = MarkdownIt().use(dollarmath_plugin, renderer=_tex)
    return str(reader.render(text))


def _tex(content: str, options: dict[str, Any]) -> str:
    content = content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"\\[{content}\\]" if options.get("display_mode") else f"\\({content}\\)"
