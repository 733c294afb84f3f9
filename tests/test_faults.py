"""The hostile campaign's short version passes, and it reports what is planted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bbvi.inference import Fit
from benchmarks import faults

SCRIPT = Path(faults.__file__)


@pytest.mark.slow
def test_the_short_campaign_ends_as_it_should():
    command = [sys.executable, str(SCRIPT), "--quick", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(" 0 failures")


def failures(campaign, count, seed=0):
    table, number = faults.report({"planted": (campaign, count, count)}, True, seed)
    assert table.endswith(f"{number} failures")
    return table, number


def test_a_reader_with_an_undocumented_exception_is_reported(monkeypatch):
    load = Fit.load

    def careless(file):
        try:
            return load(file)
        except ValueError as error:
            raise KeyError("planted") from error

    monkeypatch.setattr(faults.Fit, "load", careless)
    table, number = failures(faults.files, 70)
    assert number > 0
    assert "KeyError: 'planted'" in table
    assert table.splitlines()[1].startswith("file: fit .npz")


def test_a_checkpoint_without_its_check_is_reported(monkeypatch):
    load = faults.load_checkpoint

    def blind(folder, settings, template):
        try:
            return load(folder, settings, template)
        except ValueError:
            return template._replace(lam=np.zeros((1, 1))), {}

    monkeypatch.setattr(faults, "load_checkpoint", blind)
    table, number = failures(faults.files, 70)
    assert number > 0
    assert "accepted with another result" in table


def test_a_command_that_ends_in_a_traceback_or_silently_is_reported(monkeypatch):
    def broken(words):
        raise RuntimeError("planted")

    monkeypatch.setattr(faults, "command", broken)
    table, number = failures(faults.lines, 3)
    assert number == 3
    assert "planted" in table
    monkeypatch.setattr(faults, "command", lambda words: 0)
    assert failures(faults.lines, 3)[1] == 3


def test_a_run_that_goes_on_to_other_numbers_is_reported(monkeypatch):
    monkeypatch.setattr(faults, "must", lambda found, expected: faults.same(found, "other"))
    assert failures(faults.injected, 2)[1] == 2


def test_an_argument_that_is_swallowed_is_reported(monkeypatch):
    def careless(*args, **given):
        raise AttributeError("'str' object has no attribute 'grad'")

    careless.__name__ = "fit_bbvi"
    monkeypatch.setattr(faults.bbvi, "fit_bbvi", careless)
    assert failures(faults.arguments, 200)[1] > 30


def test_a_fit_that_would_unpack_to_more_than_its_file_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    columns = {f"trace/{key}": np.zeros(1) for key in ("step", "elbo", "seconds", "evaluations")}
    table = {**columns, "lam": np.zeros((10**6, 2)), "has_phi": np.array(False)}
    np.savez_compressed(path, **table)
    with pytest.raises(ValueError, match="is compressed"):
        Fit.load(path)
    np.savez(path, **table, other=np.zeros(10**6))
    assert Fit.load(path).lam.shape == (10**6, 2)
