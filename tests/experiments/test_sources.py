"""What an experiment is made of: a user's files, classes and functions."""

import pickle
import sys
from concurrent.futures import Executor, Future
from functools import partial

import numpy as np
import pytest

from bbvi.experiments.identity import described, digest
from bbvi.experiments.sources import local_modules, source_digest
from bbvi.experiments.sweep import run_sweep
from bbvi.experiments.user_files import load_object


def test_a_package_beside_the_file_is_a_part_of_it(tmp_path):
    (tmp_path / "mine.py").write_text("from pk.deeper import a\nimport json, helper\n")
    (tmp_path / "helper.py").write_text("import mine\n")
    (tmp_path / "pk" / "deeper").mkdir(parents=True)
    for name in ("pk/__init__", "pk/deeper/__init__", "pk/deeper/a"):
        (tmp_path / f"{name}.py").write_text("")
    names = {"mine", "helper", "pk", "pk.deeper", "pk.deeper.a"}
    assert set(local_modules(tmp_path / "mine.py")) == names
    before = source_digest(tmp_path / "mine.py")
    (tmp_path / "pk" / "deeper" / "a.py").write_text("SCALE = 3.0\n")
    assert source_digest(tmp_path / "mine.py") != before


class Worker(Executor):
    """Another process, as far as pickles and the search path go: it imports everything anew."""

    def __init__(self, names):
        self.names, self.modules = names, {}

    def submit(self, task, unit):
        sent = pickle.dumps((task, unit))
        mine = {name: sys.modules.pop(name) for name in self.names}
        path = sys.path[:]
        sys.path = [folder for folder in path if not folder.endswith("user")]
        sys.modules |= self.modules
        future = Future()
        try:
            task, unit = pickle.loads(sent)
            future.set_result(task(unit))
        except Exception as error:
            future.set_exception(error)
        self.modules = {name: sys.modules[name] for name in self.names if name in sys.modules}
        sys.modules |= mine
        sys.path = path
        return future


@pytest.fixture
def user(tmp_path, monkeypatch):
    """Two files with one helper between them, in a folder that no worker knows."""
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "hlp_.py").write_text("SCALE = 1.0\n")
    for name in ("first_", "second_"):
        source = "import hlp_\ndef cell(cell, rng):\n    return [{'value': hlp_.SCALE}]\n"
        (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    for name in ("hlp_", "first_", "second_"):
        sys.modules.pop(name, None)


def test_a_worker_imports_from_the_user_s_folder_and_an_old_helper_is_refused(user):
    worker = Worker(["hlp_", "first_"])
    first = load_object(f"{user}/first_.py:cell")
    run = partial(run_sweep, cells=[{"a": 1}], experiment="cells", seed=0, executor=worker)
    assert [row["value"] for row in run(first).rows] == [1.0]
    # Meanwhile the helper changes; the worker still has the old one.
    (user / "hlp_.py").write_text("SCALE = 3.0\n")
    for name in ("hlp_", "first_"):
        sys.modules.pop(name)
    worker.names = ["hlp_", "second_"]
    second = load_object(f"{user}/second_.py:cell")
    assert (
        run_sweep(second, [{"a": 1}], experiment="cells", seed=0, workers=1).rows[0]["value"] == 3
    )
    with pytest.raises(ValueError, match="another hlp_ than this process has"):
        run(second)


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def log_joint(self, theta, x, z):
        return self.scale * z


class Louder(Scaled):
    def log_joint(self, theta, x, z):
        return 2 * self.scale * z


def made(c):
    def estimator(family, target, lam, eps):
        return c

    return estimator


def test_objects_that_differ_are_described_otherwise():
    many = [Scaled(1.0), Scaled(3.0), Louder(1.0), Scaled(np.ones(2)), Scaled(np.zeros(2))]
    many += [made(1.0), made(-1.0), made(np.ones(2)), made(Scaled(1.0)), partial(made, 1), made]
    many += [lambda z: z, lambda z: 2 * z, lambda z, by=2: by * z, lambda z, by=3: by * z]
    many += [Scaled(1.0).log_joint, Scaled(2.0).log_joint, Scaled, np, np.sin, np.cos]
    assert len({digest(described(value)) for value in many}) == len(many)
    assert described(Scaled(1.0)) == described(Scaled(1.0))
    assert described(made(np.ones(2))) == described(made(np.ones(2)))
    alike = [lambda z: z in {"a", "b"} for _ in range(2)]
    assert described(alike[0]) == described(alike[1])
    ring = Scaled(None)
    ring.scale = [ring]
    assert described(ring) == described(ring)


def test_what_is_described_is_the_same_in_every_process(tmp_path):
    import subprocess

    (tmp_path / "many_.py").write_text(
        "class A:\n    def f(self, z):\n        return z in {'a', 'b', 'c', 'd'}\n"
    )
    code = "from many_ import A; from bbvi.experiments.identity import *; print(described(A()))"
    told = set()
    for seed in ("1", "2", "3"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path), "PATH": ""}
        line = [sys.executable, "-c", code]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        told.add(done.stdout)
    assert len(told) == 1
