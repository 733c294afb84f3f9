"""The laboratory on this machine, with the book around it where that is built.

python docs/serve.py --pyodide FOLDER

FOLDER holds Pyodide; docs/get_pyodide.py fetches one.  Without it the page asks the public CDN.
"""

import argparse
import http.server
import sys
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from book.assets import put_mathjax
from book.laboratory import put_laboratory

BUILT = Path(__file__).parent / "_build" / "html"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the book; Pyodide's at /pyodide/, and the page told that they are there."""

    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args, pyodide=None, **settings):
        self.pyodide = pyodide
        super().__init__(*args, **settings)

    def translate_path(self, path):
        """The file of a path."""
        parts = [part for part in unquote(urlsplit(path).path).split("/") if part not in ("", "..")]
        if self.pyodide is not None and parts[:1] == ["pyodide"]:
            return str(Path(self.pyodide).joinpath(*parts[1:]))
        return super().translate_path(path)

    def do_GET(self):
        """A file, or where Pyodide is."""
        if self.pyodide is not None and urlsplit(self.path).path == "/laboratory/runtime.js":
            text = b'export const RUNTIME = new URL("../pyodide/", import.meta.url).href;\n'
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        else:
            super().do_GET()

    def end_headers(self):
        """Ask again each time: files change while one works on them."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args):
        """Say nothing."""


def prepare(folder):
    """The laboratory in a folder, and MathJax beside it where it is installed."""
    put_laboratory(folder / "laboratory")
    if not (folder / "_static" / "mathjax").exists():
        try:
            put_mathjax(folder / "_static" / "mathjax")
        except AssertionError as error:
            print(f"Equations will be shown as TeX: {error}")


def server(folder, pyodide=None, port=0):
    """A server of the folder on the loopback only."""
    handler = partial(Handler, directory=str(folder), pyodide=pyodide)
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main():
    """Prepare, serve, and say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyodide", help="folder with Pyodide; by default the public CDN")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if options.pyodide and not (Path(options.pyodide) / "pyodide.mjs").exists():
        parser.error(f"{options.pyodide} holds no pyodide.mjs; docs/get_pyodide.py fetches one.")
    prepare(BUILT)
    with server(BUILT, options.pyodide, options.port) as serving:
        print(f"http://127.0.0.1:{serving.server_port}/laboratory/  (Ctrl-C ends)", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
