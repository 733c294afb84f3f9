"""The command's BLAS routines: measured once, remembered, announced; never against the user."""

import json
import sys

import pytest
import threadpoolctl

import bbvi.cli
from bbvi import blas_choice, doctor
from bbvi.blas_choice import Choice, announcement, fastest_kernel
from bbvi.cli import main

HASWELL = {
    "user_api": "blas",
    "internal_api": "openblas",
    "version": "0.3",
    "architecture": "Haswell",
    "num_threads": 2,
}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A CPU whose AVX-512 OpenBLAS leaves unused; counts the measurements."""
    counts = {"measured": 0, "after": 490.0}

    def measured(seconds):
        counts["measured"] += 1
        return {"float32": 257.0, "float64": 128.0}

    def other(kernel, seconds):
        return counts["after"] and {"float32": counts["after"], "float64": 1.0}

    for module in (doctor, blas_choice):
        monkeypatch.setattr(module, "has_avx512", lambda: True)
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [HASWELL])
    monkeypatch.setattr(blas_choice, "measure_rates", measured)
    monkeypatch.setattr(blas_choice, "rates_with", other)
    monkeypatch.setattr(blas_choice.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(doctor.VARIABLE, raising=False)
    return counts


def test_it_is_measured_once(machine, tmp_path):
    first = fastest_kernel({})
    assert first == Choice("SkylakeX", 257.0, 490.0)
    assert fastest_kernel({}) == first
    assert machine["measured"] == 1
    assert [path.name for path in (tmp_path / "bbvi").iterdir()] == ["blas-kernel.json"]


@pytest.mark.parametrize("part", ["cpu", "openblas", "numpy"])
def test_another_machine_or_version_is_measured_anew(machine, monkeypatch, part):
    fastest_kernel({})
    if part == "cpu":
        monkeypatch.setattr(blas_choice, "_cpu", lambda: "another")
    elif part == "openblas":
        changed = [HASWELL | {"version": "0.4"}]
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: changed)
    else:
        monkeypatch.setattr(blas_choice.np, "__version__", "9.9")
    fastest_kernel({})
    assert machine["measured"] == 2


@pytest.mark.parametrize("after", [0.0, 260.0], ids=["does not run", "no faster"])
def test_what_brings_nothing_is_not_chosen_and_not_measured_again(machine, after):
    machine["after"] = after
    assert fastest_kernel({}) == fastest_kernel({}) == Choice(None, 257.0, after)
    assert machine["measured"] == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": ["sh -c", 1, 2]}', "[" * 100_000])
def test_a_damaged_file_is_measured_anew(machine, tmp_path, text):
    file = tmp_path / "choice.json"
    file.write_text(text)
    assert fastest_kernel({}, file).kernel == "SkylakeX"
    assert len(json.loads(file.read_text())) == 1


def test_a_folder_that_cannot_be_written_is_no_error(machine, tmp_path):
    (tmp_path / "file").write_text("")
    assert fastest_kernel({}, tmp_path / "file" / "choice.json").kernel == "SkylakeX"


def test_the_users_variable_and_other_machines_are_left_alone(machine, monkeypatch):
    assert fastest_kernel({doctor.VARIABLE: "Zen"}) is None
    monkeypatch.setattr(blas_choice, "has_avx512", lambda: False)
    assert fastest_kernel({}) is None
    monkeypatch.setattr(blas_choice, "has_avx512", lambda: True)
    other = [HASWELL | {"architecture": "SkylakeX"}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: other)
    assert fastest_kernel({}) is None
    assert machine["measured"] == 0


def test_the_announcement_is_one_line_with_the_way_out():
    line = announcement(Choice("SkylakeX", 257.2, 490.4))
    assert "OPENBLAS_CORETYPE=SkylakeX: 490 instead of 257 GFLOP/s" in line
    assert "--blas-kernel off" in line
    assert "\n" not in line


@pytest.fixture
def starts(monkeypatch):
    """The processes that the command line would have become."""
    calls = []

    def execve(path, command, variables):
        calls.append((command, variables))
        raise KeyboardInterrupt

    monkeypatch.setattr(bbvi.cli.os, "execve", execve)
    return calls


def as_command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["bbvi", *arguments])
    return main()


WRONG = ("vae", "--epochs", "0", "--out", "/nonexistent/folder")


def test_the_command_starts_over_and_says_so(machine, starts, monkeypatch, capsys):
    assert as_command(monkeypatch, *WRONG) == 130
    ((command, variables),) = starts
    assert command == [sys.executable, "-P", "-m", "bbvi", *WRONG]
    assert variables[doctor.VARIABLE] == "SkylakeX"
    lines = capsys.readouterr().err.splitlines()
    assert sum("starting over" in line for line in lines) == 1


def test_it_stays_when_told_or_called_from_python(machine, starts, monkeypatch):
    assert as_command(monkeypatch, "--blas-kernel", "off", *WRONG) == 2
    assert main(list(WRONG)) == 2
    monkeypatch.setenv(doctor.VARIABLE, "Haswell")
    assert as_command(monkeypatch, *WRONG) == 2
    assert starts == []
    assert machine["measured"] == 0
