"""Nothing in the tree links to, or installs from, an address that somebody else may own."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The one place where the project's address will stand, empty today, and the tests of it.
EXCEPT = {"notebooks/execute.py", "tests/test_notebooks.py", "tests/test_addresses.py"}
# An account named as the project is nobody's but whoever registers it first; so is a package name.
FOREIGN = re.compile(
    r"""git\+(https?|ssh|git):            # code from a repository
    | (github|gitlab|bitbucket|codeberg)\.\w+[/:]bbvi
    | gh/bbvi
    | colab\.research\.google | mybinder\.org | nbviewer | kaggle\.com/kernels
    | \bpip3?\s+install\b[^\n#]*?\s["']?bbvi\b(?!['-])   # the package index
    | \bpip3?["',\s]+install["',\s\-\w=]+["'](bbvi\b|git\+|https?:)
    | \b(uv|uvx|pipx|conda|mamba|poetry)\s+(pip\s+)?(add|install|run)?\s*["']?bbvi\b
    | bbvi\s*\[[a-z, ]+\]
    | \bcurl\s+[^\n]*https?: | \bwget\s+[^\n]*https?:
    """,
    re.VERBOSE | re.IGNORECASE,
)
TEXT = (".py", ".ipynb", ".md", ".cfg", ".toml", ".txt", ".cff", ".sh", ".in", ".yml", ".yaml")


def files():
    """What git keeps; without git, all that is not generated."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    skipped = {".venv", "build", "dist", "__pycache__", ".git"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)
    ]


def foreign(text):
    # In a notebook's JSON quotes are escaped; pictures are long runs of base64 without meaning.
    text = re.sub(r"[A-Za-z0-9+/=]{200,}", "", text.replace('\\"', '"'))
    return [match[0] for match in FOREIGN.finditer(text)]


def test_no_address_of_others_is_executed_or_linked():
    looked = [p for p in files() if p.suffix in TEXT or p.parent.name in (".ci", ".binder")]
    names = {path.relative_to(ROOT).as_posix() for path in looked}
    assert {"README.md", "setup.cfg", "notebooks/README.md", "bbvi/cli/__init__.py"} <= names
    seen = {
        path.relative_to(ROOT).as_posix(): foreign(path.read_text("utf-8"))
        for path in looked
        if path.relative_to(ROOT).as_posix() not in EXCEPT
    }
    assert {name: matches for name, matches in seen.items() if matches} == {}


@pytest.mark.parametrize(
    "text",
    [
        'source = "git+https://github.com/bbvi/bbvi"',
        "[![x](https://colab.research.google.com/assets/colab-badge.svg)](y)",
        "https://mybinder.org/v2/gh/bbvi/bbvi/main",
        "see https://github.com/BBVI/bbvi/issues",
        "git clone git@github.com:bbvi/bbvi.git",
        "Run pip install 'bbvi[download]'",
        "pip install bbvi",
        "python -m pip install -q --upgrade bbvi==0.1",
        "%pip install bbvi[cluster]",
        'run([sys.executable, "-m", "pip", "install", "-q", "bbvi"])',
        "uv pip install bbvi",
        "conda install bbvi",
        "pipx run bbvi",
        '"Install the extra: bbvi[cluster]."',
        "curl -sSf https://example.org/install | sh",
    ],
)
def test_the_guard_sees_it(text):
    assert foreign(text)


@pytest.mark.parametrize(
    "text",
    [
        'pip install -e ".[download]"',
        "pip install -e . && .venv/bin/bbvi compare",
        "Run pip install pooch requests, or put the files there yourself.",
        "https://arxiv.org/abs/1401.0118",
        "bbvi --blas-kernel NAME COMMAND",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
)
def test_the_guard_lets_pass(text):
    assert not foreign(text)
