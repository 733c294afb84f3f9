"""Odd command lines, outputs and environments: one line and status 2, or the run as always."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from fault_endings import MEMORY, EndlessError, limited

from bbvi.cli import main as command

LINES = """compare --seeds 0|compare --samples -1|compare --evaluations 1e30
compare --dataset no.csv
compare --seeds 1000000000|compare --methods none|compare --budget x|compare --out /dev/null/x
compare --scheduler x|compare --rate nan|compare --inner-steps 1000000000000000000
variance --model none|variance --replicates 1|variance --samples 0|variance --estimators none
variance --frequencies nan --model cosine|variance --points none|variance --seed -1
variance --model cosine --replicates 1000000000000000|variance --workers 0 --model cosine
variance --frequencies 1e308 --model cosine|variance --samples 10000000000 --model cosine
variance --dimensions 3000000 --model quadratic|variance --scheduler foo://x --model cosine
compare --samples 1000000000000|compare --latent-dim 1000000000|compare --seed 1e400
vae --epochs 0|vae --epochs 1000000000000|vae --tolerance nan|vae --rate -1|vae --hidden 0
vae --latent-dim 1|vae --hidden 100000000000|vae --max-hours nan|vae --seed x|vae --dtype int8
uses --steps 0|uses --images 1|uses --hidden 1000000000000|uses --root x|uses --latent-dim 64
posteriors none|posteriors --draws 1|posteriors --draws 1000000000000|posteriors --seed -1
reproduce none|reproduce|figures none|figures --seed -1|figures --out /dev/null/x|none|--none
results /nowhere|results|rerun /nowhere|rerun|doctor --none|doctor x|--blas-kernel"""
VAE = ["vae", "--hidden", "4", "--batch-size", "700", "--epochs", "1"]
VARIANCE = ["variance", "--quick", "--model", "cosine", "--points", "start", "--workers", "1"]
COMMANDS = (
    (VAE, "checkpoint.json"),
    ([*VARIANCE, "--estimators", "reparameterized"], "manifest.json"),
    (["posteriors", "eight_schools", "--draws", "500"], "posteriors.png"),
    (["figures", "elbo-gap", "--quick"], "elbo_gap.png"),
)
"""Words, and a file that their run leaves."""
START = "import sys; from bbvi.__main__ import command; sys.exit(command())"
SURROUNDINGS: dict[str, tuple[str, dict[str, str | None]]] = {
    "stdout closed": (">&-", {}),
    "stdout and stderr closed": (">&- 2>&-", {}),
    "a full stdout": ("> /dev/full", {}),
    "a full stdout and stderr": ("> /dev/full 2>&1", {}),
    "a reader that goes away": ("| head -c 1", {}),
    "no stdin": ("<&-", {}),
    "an ASCII output": ("", {"PYTHONIOENCODING": "ascii"}),
    "the C locale": ("", {"LC_ALL": "C", "PYTHONUTF8": "0"}),
    "no home": ("", {"HOME": "/dev/null/x", "XDG_CACHE_HOME": "/dev/null/x"}),
    "no data": ("", {"BBVI_DATA": "/dev/null/x"}),
    "odd thread counts": ("", {"OMP_NUM_THREADS": "x", "OPENBLAS_NUM_THREADS": "-3"}),
    "a width of one column": ("", {"COLUMNS": "1"}),
    "no variables": ("", {"PATH": None, "HOME": None, "LANG": None, "TERM": None}),
    "python -O": ("", {"PYTHONOPTIMIZE": "2"}),
    "a random hash": ("", {"PYTHONHASHSEED": "12345"}),
    "settings that ask for a LaTeX": ("", {"MATPLOTLIBRC": "FOLDER"}),
}
"""Name -> redirections of the shell and variables of the environment; None: without it."""


def lines(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Odd command lines: status 2 and one line on standard error."""
    known = LINES.replace("\n", "|").split("|")
    for i in rng.permutation(len(known))[:count]:
        words = known[i].split()
        quick = ["--quick"] if words[0] in ("compare", "variance") else []
        told = io.StringIO()
        bare = "--out" in words or "none" in words[0] or words[0] in ("results", "rerun", "doctor")
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            out = [] if bare or words[0].startswith("--") else ["--out", f"{folder}/out"]
            try:
                quiet = contextlib.redirect_stdout(io.StringIO())
                with contextlib.redirect_stderr(told), quiet, limited(60):
                    code: Any = command([*words, *quick, *out])
            except SystemExit as stop:
                code = stop.code
            except (Exception, EndlessError) as error:
                code = repr(error)
        text = told.getvalue()
        good = code == 2 and text.splitlines()[-1:] and text.splitlines()[-1].startswith("bbvi")
        good = good and "Traceback" not in text
        yield "command line", "" if good else f"{known[i]}: status {code}, {text[-200:]!r}"


def surroundings(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """A command in an odd environment: its files are there, and nothing is a traceback."""
    names = rng.permutation(list(SURROUNDINGS)).tolist()
    for i in range(count):
        name, (words, file) = names[i % len(names)], COMMANDS[i % len(COMMANDS)]
        redirection, variables = SURROUNDINGS[name]
        environment = {**os.environ, **{k: v for k, v in variables.items() if v is not None}}
        for key in (k for k, v in variables.items() if v is None):
            environment.pop(key, None)
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            Path(folder, "matplotlibrc").write_text("text.usetex: True\n")
            environment = {key: of.replace("FOLDER", folder) for key, of in environment.items()}
            shell = f'"$0" -c "$1" "${{@:2}}" {redirection}'
            line = ["/bin/bash", "-o", "pipefail", "-c", shell, sys.executable, START, *words]
            line += ["--out", f"{folder}/out"]
            try:
                done = subprocess.run(line, env=environment, capture_output=True, timeout=300)
            except subprocess.TimeoutExpired:
                yield "surroundings", f"{words[0]}, {name}: no end"
                continue
            trouble = "" if done.returncode == 0 else f"status {done.returncode}"
            for word in (b"Traceback", b"Exception ignored"):
                trouble = trouble or (word.decode() if word in done.stderr else "")
            if not (Path(folder) / "out" / file).exists():
                trouble = trouble or f"no {file}"
        told = done.stderr[-300:].decode(errors="replace")
        yield "surroundings", trouble and f"{words[0]}, {name}: {trouble}, {told!r}"


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Children hear Ctrl-C; those of a shell's background job would inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Ctrl-C at a random moment, imports included: one line, or the end of the run."""
    commands = [VAE, ["variance", "--quick", "--model", "cosine", "--workers", "2"]]
    for i in range(count):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            line = [sys.executable, "-c", START, *commands[i % 2], "--out", f"{folder}/out"]
            pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
            with heard(), subprocess.Popen(line, start_new_session=True, **pipes) as process:
                # Python itself starts first, for which bbvi cannot answer.
                time.sleep(0.1 + 5 * float(rng.random()))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
                told = process.stderr.read().decode() if process.stderr else ""
                code = process.wait(120)
        one_line = code == 130 and told.endswith("interrupted\n") and "Traceback" not in told
        good = one_line or code == 0 or "import site" in told
        yield "Ctrl-C", "" if good else f"{line[3]}: status {code}, {told[-300:]!r}"


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Negative control: a command that accepts everything."""
    with mock.patch.dict(globals(), command=lambda words: 0):
        yield


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Negative control: a program that prints without the package's guard."""
    printing = "import sys\nfor i in range(10**5): print(i, flush=True)"
    with mock.patch.dict(globals(), START=printing):
        yield


@contextlib.contextmanager
def unhandled() -> Iterator[None]:
    """Negative control: a program without a handler of Ctrl-C."""
    with mock.patch.dict(globals(), START="import time; time.sleep(60)"):
        yield


CONTROLS = {
    "a command that accepts all": (silent, lines, 5, "command line"),
    "Ctrl-C without a handler": (unhandled, interrupted, 1, "Ctrl-C"),
    "printing without a guard": (unguarded, surroundings, 1, "surroundings"),
}
"""Name -> what breaks a target, the campaign that must see it, its cases, and the kind."""
