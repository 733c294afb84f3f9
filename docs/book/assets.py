"""MathJax, copied from a package into the finished book."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

NEEDED = ("MathJax.js", "LICENSE", "config", "extensions", "jax", "fonts")
LEFT_OUT = shutil.ignore_patterns(
    "localization",
    "a11y",
    "SVG",
    "PreviewHTML",
    "NativeMML",
    "CommonHTML",
    "PlainSource",
    "MathML",
    "AsciiMath",
    "*.eot",
    "svg",
)


def mathjax_folder() -> Path:
    """The static folder of MathJax in the installed package."""
    spec = importlib.util.find_spec("jupyter_server_mathjax")
    assert spec is not None, "jupyter-server-mathjax is missing: pip install -e '.[docs]'"
    assert spec.origin is not None
    return Path(spec.origin).parent / "static"


def copy_mathjax(app: Any, exception: Exception | None) -> None:
    """Copy what pages need to show equations."""
    if exception is None and app.builder.format == "html":
        put_mathjax(Path(app.outdir) / "_static" / "mathjax")


def put_mathjax(target: Path) -> None:
    """Copy MathJax to a folder."""
    for name in NEEDED:
        source = mathjax_folder() / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=LEFT_OUT, dirs_exist_ok=True)
        elif source.exists():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
