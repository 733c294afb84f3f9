"""Hostile campaigns against the package: everything ends in one message, or to the bit.

    python benchmarks/faults.py [--quick] [--seed 0] [--only NAME ...]

A case fails if it ends in an undocumented exception or without a message, is accepted with another
result, or loses a run.  The table of counts has the failures first; the exit status is 1 if there
are any.  Everything is drawn from the seed.
"""

import argparse
import contextlib
import errno
import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

import bbvi
from bbvi.cli import main as command
from bbvi.datasets import load_array
from bbvi.datasets.mnist import parse_idx
from bbvi.experiments.checkpoints import load_checkpoint, save_checkpoint
from bbvi.experiments.sweep_files import cell_path, read_cell, write_cell
from bbvi.inference import Fit
from bbvi.lectures.networks import lecture_network
from bbvi.lectures.vae import train_vae

DOCUMENTED = (ValueError, TypeError, OSError, ArithmeticError)
MODEL, FAMILY = bbvi.LinearGaussian(2, 4), bbvi.DiagonalGaussian(2)
X = np.random.default_rng(0).standard_normal((20, 4))
INTERESTING = (b"\0", b"\xff" * 8, b"-1", b"1e400", b"nan", b'"', b"[" * 200, b"\xef\xbb\xbf", b",")
BAD = (None, "x", True, -1, 0, 0.5, np.nan, 10**30, object(), [], {}, np.array(1j), int, X[:0], [X])
LINES = """compare --seeds 0|compare --samples -1|compare --evaluations 1e30
compare --dataset no.csv
compare --seeds 1000000000|compare --methods none|compare --budget x|compare --out /dev/null/x
compare --scheduler x|compare --rate nan|compare --inner-steps 1000000000000000000
variance --model none|variance --replicates 1|variance --samples 0|variance --estimators none
variance --frequencies nan --model cosine|variance --points none|variance --seed -1
variance --model cosine --replicates 1000000000000000|variance --workers 0 --model cosine
vae --epochs 0|vae --epochs 1000000000000|vae --tolerance nan|vae --rate -1|vae --hidden 0
vae --latent-dim 1|vae --hidden 100000000000|vae --max-hours nan|vae --seed x|vae --dtype int8
uses --steps 0|uses --images 1|uses --hidden 1000000000000|uses --root x|uses --latent-dim 64
posteriors none|posteriors --draws 1|posteriors --draws 1000000000000|posteriors --seed -1
reproduce none|reproduce|figures none|figures --seed -1|figures --out /dev/null/x|none|--none"""


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """Content with a few bits flipped, cut, repeated, spliced, or an odd value put in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        kind, place = rng.integers(5), int(rng.integers(len(data) + 1))
        if kind == 0 and place < len(data):
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            data[place:place] = data[place : place + int(rng.integers(1, 64))]
        elif kind == 3:
            odd = INTERESTING[rng.integers(len(INTERESTING))]
            data[place : place + len(odd)] = odd
        else:
            data[place:place] = rng.bytes(int(rng.integers(1, 16)))
    return bytes(data)


def ending(call: Callable[[], str]) -> str:
    """What went wrong with a call; empty if it ends as it should."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except DOCUMENTED as error:
        return "" if str(error) else f"{type(error).__name__} without a message"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def same(found: object, expected: object) -> str:
    """What is wrong with a result; empty if it equals the expected one."""
    return "" if repr(found) == repr(expected) else "accepted with another result"


def readers(folder: Path) -> dict[str, tuple[Path, Callable[[], str]]]:
    """Name -> a sound file, and what reads it: "" or what is wrong with the answer."""
    rng = np.random.default_rng(0)
    (folder / "a.csv").write_text("a,b\n" + "1.5,2\n" * 20)
    np.save(folder / "a.npy", X)
    fit = bbvi.fit_bbvi(MODEL, FAMILY, X, rng, num_steps=2)
    fit.save(folder / "fit.npz")
    (folder / "a.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9]) + bytes(range(9)))
    save_checkpoint(folder, fit.state, rng, 1, settings={"a": 1})
    record = {"cell": {"a": 1}, "replicate": 0, "rows": [{"b": 2.5}]}
    write_cell(folder, record, "run")

    def state() -> object:
        loaded, _ = load_checkpoint(folder, {"a": 1}, fit.state)
        return loaded.lam.tolist(), {k: v.tolist() for k, v in loaded.theta.items()}

    def cell() -> str:
        outcome, trouble = read_cell(folder, {"a": 1}, 0, "run")
        return "" if trouble else same(outcome, record)

    def numbers(read: Callable[[], object]) -> Callable[[], str]:
        # Another number in a table is data; it must be an array of finite numbers.
        return lambda: "" if np.isfinite(np.asarray(read())).all() else "NaN"

    expected = state()
    return {
        "table .csv": (folder / "a.csv", numbers(lambda: load_array(folder / "a.csv", True))),
        "table .npy": (folder / "a.npy", numbers(lambda: load_array(folder / "a.npy"))),
        "fit .npz": (folder / "fit.npz", lambda: Fit.load(folder / "fit.npz") and ""),
        "idx": (
            folder / "a.idx",
            numbers(lambda: parse_idx((folder / "a.idx").read_bytes(), "a.idx")),
        ),
        "cell": (cell_path(folder, {"a": 1}, 0), cell),
        "checkpoint.json": (folder / "checkpoint.json", lambda: same(state(), expected)),
        "checkpoint.npz": (folder / "checkpoint-00001.npz", lambda: same(state(), expected)),
    }


def files(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Mutated files of all readers, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        known = readers(Path(folder))
        sound = {name: path.read_bytes() for name, (path, _) in known.items()}
        for name, (_, read) in known.items():
            assert ending(read) == "", name
        for number in range(count):
            name = list(known)[number % len(known)]
            path, read = known[name]
            path.write_bytes(mutated(rng, sound[name]))
            yield f"file: {name}", ending(read)
            path.write_bytes(sound[name])


def arguments(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """One bad argument at a time, to the procedures: refused, or a finite fit."""
    encoder = bbvi.MLP((4, 4))
    common = {"num_steps": 1, "num_samples": 2, "batch_size": 5, "encoder": encoder}
    common |= {"optimizer": bbvi.adam(0.1), "estimator": bbvi.reparameterized, "backend": "auto"}
    calls = [bbvi.fit_bbvi, bbvi.fit_amortized, bbvi.fit_semi_amortized]
    names = ["model", "family", "x", "rng", *common]
    cases = [(f, name, bad) for f in calls for name in names for bad in BAD]
    for i in rng.permutation(len(cases))[:count]:
        function, name, bad = cases[i]

        def call(function: object = function, name: str = name, bad: object = bad) -> str:
            given = {"model": MODEL, "family": FAMILY, "x": X, "rng": np.random.default_rng(0)}
            fit = function(**{**given, **common, name: bad})  # type: ignore[operator]
            return "" if np.isfinite(fit.lam).all() else "NaN"

        found = ending(call)
        yield f"argument: {function.__name__}", found and f"{name}={bad!r}: {found}"


def lines(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """Odd command lines: status 2 and one line on standard error."""
    known = LINES.replace("\n", "|").split("|")
    for i in rng.permutation(len(known))[:count]:
        words = known[i].split()
        quick = ["--quick"] if words[0] in ("compare", "variance") else []
        told = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            out = [] if "--out" in words or "none" in words[0] else ["--out", f"{folder}/out"]
            try:
                with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
                    code: object = command([*words, *quick, *out])
            except SystemExit as stop:
                code = stop.code
            except BaseException as error:
                code = repr(error)
        good = code == 2 and told.getvalue().splitlines()[-1].startswith("bbvi")
        yield (
            "command line",
            ""
            if good and "Traceback" not in told.getvalue()
            else (f"{known[i]}: status {code}, {told.getvalue()[-200:]!r}"),
        )


def trained(folder: Path | None, resume: bool) -> object:
    """A small autoencoder's parameters after three epochs."""
    x = np.random.default_rng(1).random((40, 4))
    network, rng = lecture_network(4, 3, 2), np.random.default_rng(2)
    settings = {"epochs": 3, "batch_size": 20, "tolerance": np.inf, "progress": False}
    run = train_vae(network, x, rng, folder=folder, resume=resume, **settings)
    return {key: value.tolist() for key, value in (run.theta | run.phi).items()}


def injected(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """A write, rename or fsync that fails: told; then the run goes on to the same bits."""
    expected = trained(None, False)
    for _ in range(count):
        name = ("replace", "fsync", "link", "unlink")[rng.integers(4)]
        code = (errno.ENOSPC, errno.EACCES, errno.EIO)[rng.integers(3)]
        left, real = int(rng.integers(12)), getattr(os, name)

        def failing(*args: object, real: object = real, code: int = code, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(code, os.strerror(code))
            return real(*args, **more)  # type: ignore[operator]

        with tempfile.TemporaryDirectory() as top:
            folder = Path(top) / "out"
            with mock.patch.object(os, name, failing):
                found = ending(lambda folder=folder: same(trained(folder, False), expected))
            found = found or ending(lambda folder=folder: must(trained(folder, True), expected))
        yield f"injected: {name}", found and f"{errno.errorcode[code]}: {found}"


def must(found: object, expected: object) -> str:
    """Like `same`: a run that is lost is no documented end."""
    return same(found, expected)


def kills(rng: np.random.Generator, count: int) -> Iterator[tuple[str, str]]:
    """SIGKILL at random moments of a training; then it goes on to the same bits."""
    expected = trained(None, False)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import faults, pathlib\n"
    code += "faults.trained(pathlib.Path(sys.argv[2]), True)"
    for _ in range(count):
        with tempfile.TemporaryDirectory() as top:
            folder = Path(top) / "out"
            here = str(Path(__file__).parent)
            child = subprocess.Popen([sys.executable, "-c", code, here, str(folder)])
            while not folder.exists() and child.poll() is None:
                time.sleep(0.001)
            time.sleep(float(rng.exponential(0.01)))
            child.kill()
            child.wait()
            try:
                found = same(trained(folder, True), expected)
            except Exception as error:
                found = f"lost: {error!r}"
        yield "killed training", found


CAMPAIGNS = {
    "files": (files, 3_000, 100_000),
    "arguments": (arguments, 200, 10**6),
    "lines": (lines, 25, 1000),
    "injected": (injected, 15, 300),
    "kills": (kills, 2, 40),
}
"""Name -> campaign, and its number of cases with and without --quick."""


def report(campaigns: dict[str, tuple], quick: bool, seed: int) -> tuple[str, int]:
    """Run campaigns: the table, failures first, and the number of failures."""
    counts: dict[str, list[int]] = {}
    examples: dict[str, str] = {}
    start = time.monotonic()
    for name, (campaign, few, many) in campaigns.items():
        rng = np.random.default_rng([seed, len(name)])
        for kind, found in campaign(rng, few if quick else many):
            counts.setdefault(kind, [0, 0])
            counts[kind][0] += 1
            if found:
                counts[kind][1] += 1
                examples.setdefault(kind, found[:300])
    told = [f"{'campaign':32} {'cases':>7} {'failed':>7}"]
    for kind, (cases, failed) in sorted(counts.items(), key=lambda item: -item[1][1]):
        told += [f"{kind:32} {cases:7} {failed:7}"]
        told += [f"    {examples[kind]}"] if kind in examples else []
    total = sum(failed for _, failed in counts.values())
    told.append(f"seed {seed}, {time.monotonic() - start:.0f} s, {total} failures")
    return "\n".join(told), total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=CAMPAIGNS, default=list(CAMPAIGNS))
    asked = parser.parse_args()
    table, failures = report({n: CAMPAIGNS[n] for n in asked.only}, asked.quick, asked.seed)
    print(table)
    sys.exit(1 if failures else 0)
