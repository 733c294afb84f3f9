"""A first gate without a browser: the README's ten lines in Pyodide under Node, from the wheel."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from book.laboratory import put_laboratory

PYODIDE = Path(os.environ.get("BBVI_PYODIDE", "nowhere"))
NODE = shutil.which("node")
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason="no node on this machine"),
    pytest.mark.skipif(
        not (PYODIDE / "pyodide.mjs").exists(),
        reason="BBVI_PYODIDE names no folder with Pyodide (docs/get_pyodide.py fetches one)",
    ),
]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def test_the_ten_lines_of_the_readme_say_what_they_say_in_python(tmp_path, capsys):
    put_laboratory(tmp_path / "laboratory")
    lines = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]
    (tmp_path / "lines.py").write_text(lines)
    files = (PYODIDE, tmp_path / "laboratory" / "wheels", tmp_path / "lines.py")
    command = [NODE, Path(__file__).parent / "in_node.mjs", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    exec(compile(lines, "README.md", "exec"), {"__name__": "readme"})
    expected = numbers(capsys.readouterr().out)
    assert len(expected) == 3
    # 1000 steps of learning add up the last digits of two builds of exp and tanh.
    assert numbers(done.stdout) == pytest.approx(expected, abs=0.1)


def test_the_public_runtime_is_the_one_that_is_tested():
    version = json.loads((PYODIDE / "package.json").read_text("utf-8"))["version"]
    constant = (ROOT / "docs" / "laboratory" / "runtime.js").read_text("utf-8")
    assert f'"https://cdn.jsdelivr.net/pyodide/v{version}/full/"' in constant
    # The runtime's own code names the place of its release.
    own = (PYODIDE / "pyodide.mjs").read_text("utf-8")
    assert re.search(r"https://cdn\.jsdelivr\.net/pyodide/v\$\{\w+\}/full/", own)
