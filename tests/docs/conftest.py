"""The book, built once for all tests of it, and the laboratory, served on the loopback."""

import functools
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import chromium
import pytest
import serve
from waiting import wait_until

ROOT = Path(__file__).parents[2]
NEEDED = (
    "sphinx",
    "myst_nb",
    "pydata_sphinx_theme",
    "numpydoc",
    "sphinx_design",
    "jupyter_server_mathjax",
)
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "_build", "bbvi-out", "build")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The book, built from a copy of what it reads, by the documented command."""
    if MISSING:
        pytest.skip(f"the extra docs is missing: {', '.join(MISSING)}")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    place, done = shared / "book", shared / "book-done"
    try:
        place.mkdir()
    except FileExistsError:
        # Another worker builds it.
        wait_until(done.exists, 1200)
    else:
        build(place)
        done.touch()
    html = place / "docs" / "_build" / "html"
    assert (html / "index.html").exists(), "the build of the book has failed in another worker"
    return html


def build(place):
    """Copy the sources and run the documented command."""
    try:
        for folder in ("docs", "notebooks", "figures", "benchmarks"):
            shutil.copytree(ROOT / folder, place / folder, ignore=IGNORED)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs"]
        command.append("docs/_build/html")
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    except BaseException:
        shutil.rmtree(place / "docs" / "_build", ignore_errors=True)
        (place.parent / "book-done").touch()
        raise


@pytest.fixture(scope="session")
def server(book):
    """The address of the book on the loopback."""
    handler = functools.partial(Quiet, directory=str(book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The address of the laboratory, without the book around it."""
    pyodide = Path(os.environ.get("BBVI_PYODIDE") or "nowhere")
    if not (pyodide / "pyodide.mjs").exists():
        pytest.skip("BBVI_PYODIDE names no folder with Pyodide (docs/get_pyodide.py fetches one)")
    folder = tmp_path_factory.mktemp("site")
    serve.prepare(folder)
    with serve.server(folder, str(pyodide)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser for the tests of one module."""
    if chromium.BROWSER is None:
        pytest.skip("no chromium on this machine")
    browser = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that does not log."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        """Say nothing."""
