"""Fetch Pyodide with NumPy, SciPy, Matplotlib and scikit-learn from the package index.

python docs/get_pyodide.py FOLDER

The wheel of open-webui carries a whole Pyodide; only that folder of it is kept (60 MB, licences
MPL-2.0 and BSD).  The laboratory's tests look for it where BBVI_PYODIDE says.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "open-webui==0.12.4"
INSIDE = "frontend/pyodide/"


def main(folder):
    """Download the wheel, keep Pyodide."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", place, WHEEL]
        subprocess.run(command, check=True)
        [wheel] = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                _, inside, file = name.partition(INSIDE)
                if inside and file and not file.endswith("/"):
                    target = folder / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(name))
    assert (folder / "pyodide.mjs").exists(), f"{WHEEL} holds no {INSIDE}pyodide.mjs"
    print(f"Pyodide is in {folder}: export BBVI_PYODIDE={folder.resolve()}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)))
