"""The command's BLAS routines: measured once, remembered, announced; never against the user."""

import json
import sys

import pytest
import threadpoolctl

import bbvi.cli
import bbvi.cli.doctor
from bbvi import blas_choice, doctor, environment
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
    counts = {"measured": 0, "before": 257.0, "after": 490.0}

    def measured(seconds):
        counts["measured"] += 1
        return {"float32": counts["before"], "float64": 128.0}

    def other(kernel, seconds, longest):
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
    assert machine["measured"] == blas_choice.TURNS
    assert [path.name for path in (tmp_path / "bbvi").iterdir()] == ["blas-kernel.json"]


@pytest.mark.parametrize("part", ["cpu", "openblas", "numpy", "threads"])
def test_another_machine_or_version_is_measured_anew(machine, monkeypatch, part):
    fastest_kernel({})
    if part == "cpu":
        monkeypatch.setattr(blas_choice, "_cpu", lambda: "another")
    elif part == "openblas":
        changed = [HASWELL | {"version": "0.4"}]
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: changed)
    elif part == "threads":
        changed = [HASWELL | {"num_threads": 1}]
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: changed)
    else:
        monkeypatch.setattr(blas_choice.np, "__version__", "9.9")
    fastest_kernel({})
    assert machine["measured"] == 2 * blas_choice.TURNS


def test_what_brings_nothing_is_not_chosen_and_not_measured_again(machine):
    machine["after"] = 260.0
    assert fastest_kernel({}) == fastest_kernel({}) == Choice(None, 257.0, 260.0)
    assert machine["measured"] == blas_choice.TURNS


def test_what_did_not_run_once_is_tried_again(machine, tmp_path):
    machine["after"] = None
    assert fastest_kernel({}) == Choice(None, 257.0, 0.0)
    assert not list(tmp_path.rglob("blas-kernel.json"))
    machine["after"] = 490.0
    assert fastest_kernel({}) == Choice("SkylakeX", 257.0, 490.0)


def test_a_disturbed_turn_does_not_decide(machine, monkeypatch):
    def disturbed(rates):
        turns = iter(rates)
        return lambda *args: {"float32": next(turns)}

    monkeypatch.setattr(blas_choice, "measure_rates", disturbed([40.0, 250.0, 257.0]))
    monkeypatch.setattr(blas_choice, "rates_with", disturbed([490.0, 30.0, 20.0]))
    assert fastest_kernel({}) == Choice("SkylakeX", 257.0, 490.0)


HUGE = 10**400
BAD_ENTRIES = [
    '["SkylakeX", 1, NaN]',
    '["SkylakeX", 1, Infinity]',
    '["SkylakeX", -2, -1]',
    '["SkylakeX", 0, 100]',
    f'["SkylakeX", {HUGE}, 2]',
    f'["SkylakeX", 1, {HUGE}]',
    '["SkylakeX", 100, 100]',
    "[null, 100, 200]",
    "[null, 50, 0]",
    '["SkylakeX", true, 2]',
    '["SkylakeX", "1", "2"]',
    '["sh -c", 1, 2]',
    '["SkylakeX", 1]',
    "7",
]


@pytest.mark.parametrize("entry", BAD_ENTRIES)
def test_a_bad_entry_is_measured_anew_and_the_others_stay(machine, tmp_path, entry):
    file = tmp_path / "choice.json"
    key = blas_choice._machine([HASWELL])
    file.write_text(f'{{"{key}": {entry}, "another": [null, 100, 90]}}')
    assert fastest_kernel({}, file) == Choice("SkylakeX", 257.0, 490.0)
    assert json.loads(file.read_text()) == {
        key: ["SkylakeX", 257.0, 490.0],
        "another": [None, 100.0, 90.0],
    }


@pytest.mark.parametrize("text", ["{", "[]", "\xff", "9" * 5000, "[" * 100_000])
def test_a_damaged_file_is_measured_anew(machine, tmp_path, text):
    file = tmp_path / "choice.json"
    file.write_text(text, encoding="latin-1")
    assert fastest_kernel({}, file).kernel == "SkylakeX"
    assert len(json.loads(file.read_text())) == 1


def test_the_doctor_tells_the_decision_its_place_and_how_to_undo_it(machine, tmp_path):
    file = tmp_path / "choice.json"
    assert f"not measured yet: the next command that computes does, and keeps it in {file}" in (
        blas_choice.explanation({}, file)
    )
    fastest_kernel({}, file)
    measured = machine["measured"]
    line = blas_choice.explanation({}, file)
    assert "takes SkylakeX: SkylakeX 490, OpenBLAS's choice 257 GFLOP/s" in line
    assert f"Kept in {file}; delete this file to measure again" in line
    assert "your choice" in blas_choice.explanation({doctor.VARIABLE: "Zen"}, file)
    assert machine["measured"] == measured
    file.write_text(json.dumps({blas_choice._machine([HASWELL]): [None, 257, 260]}))
    assert "keeps OpenBLAS's choice: SkylakeX 260" in blas_choice.explanation({}, file)


def test_the_doctor_says_where_there_is_nothing_to_gain(machine, monkeypatch, capsys):
    monkeypatch.setattr(blas_choice, "has_avx512", lambda: False)
    monkeypatch.setattr(bbvi.cli.doctor, "examine", lambda seconds: None)
    monkeypatch.setattr(bbvi.cli.doctor, "text", lambda report: "the report")
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == (
        "the report\n--blas-kernel auto: there is nothing to gain here: OpenBLAS's choice stays.\n"
    )


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
    assert variables[environment.CHOSEN_BY] == "--blas-kernel auto"
    lines = capsys.readouterr().err.splitlines()
    assert sum("starting over" in line for line in lines) == 1


def test_it_stays_when_told_or_called_from_python(machine, starts, monkeypatch):
    assert as_command(monkeypatch, "--blas-kernel", "off", *WRONG) == 2
    assert main(list(WRONG)) == 2
    monkeypatch.setenv(doctor.VARIABLE, "Haswell")
    assert as_command(monkeypatch, *WRONG) == 2
    assert starts == []
    assert machine["measured"] == 0


def test_what_computes_nothing_neither_measures_nor_starts_over(machine, starts, monkeypatch):
    assert as_command(monkeypatch, "results", "/nonexistent/folder") == 2
    assert starts == []
    assert machine["measured"] == 0


@pytest.mark.parametrize(
    ("variables", "who"),
    [
        ({}, None),
        ({doctor.VARIABLE: "Zen"}, "the user's variable"),
        (
            {doctor.VARIABLE: "Zen", environment.CHOSEN_BY: "--blas-kernel auto"},
            "--blas-kernel auto",
        ),
    ],
)
def test_the_manifest_tells_who_chose(monkeypatch, variables, who):
    for name in (doctor.VARIABLE, environment.CHOSEN_BY):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.environment()["OPENBLAS_CORETYPE_set_by"] == who


@pytest.mark.parametrize(("typed", "meant"), [("Off", "off"), ("AUTO", "auto")])
def test_a_mistyped_choice_is_told_what_is_expected(machine, capsys, typed, meant):
    assert main(["--blas-kernel", typed, "doctor"]) == 2
    said = capsys.readouterr().err
    assert "expected auto, off, or one of Haswell" in said
    assert f"Did you mean {meant!r}?" in said


def test_the_option_after_the_command_is_told_its_place(capsys):
    for words in (["--blas-kernel", "off"], ["--blas-kernel=off"]):
        with pytest.raises(SystemExit):
            main(["vae", *words])
        said = capsys.readouterr().err
        assert "--blas-kernel stands before COMMAND: bbvi --blas-kernel NAME COMMAND ..." in said
