"""The doctor measures, advises, and changes nothing; starting over is announced."""

import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import bbvi.cli
from bbvi import doctor
from bbvi.cli import main
from bbvi.cli.doctor import text
from bbvi.doctor import advise, avx512_unused, examine, has_avx2, has_avx512, measure_rates, restart

HASWELL = {
    "internal_api": "openblas",
    "version": "0.3",
    "architecture": "Haswell",
    "num_threads": 2,
}
SKYLAKE = HASWELL | {"architecture": "SkylakeX"}
MKL = HASWELL | {"internal_api": "mkl", "architecture": None}
RATES = {"float32": 250.0, "float64": 125.0}


@pytest.fixture
def quick(monkeypatch):
    """Small matrices, and no second process."""
    monkeypatch.setattr(doctor, "MATRIX_SIZE", {"float32": 64, "float64": 64})
    monkeypatch.setattr(doctor, "rates_with", lambda kernel, seconds: dict.fromkeys(RATES, 999.0))


class TestExamine:
    def test_reports_rates_threads_and_versions(self, quick):
        report = examine(seconds=0.001)
        assert set(report.rates) == {"float32", "float64"}
        assert all(rate > 0 for rate in report.rates.values())
        assert report.threads >= 1
        assert report.environment["versions"]["numpy"] == np.__version__

    def test_changes_nothing(self, quick):
        variables, pools = dict(os.environ), threadpoolctl.threadpool_info()
        examine(seconds=0.001)
        assert dict(os.environ) == variables
        assert threadpoolctl.threadpool_info() == pools

    def test_the_text_has_a_line_for_each_fact(self, quick):
        shown = text(examine(seconds=0.001))
        for word in ("python", "numpy", "CPUs", "AVX-512", "float32 products", "GFLOP/s"):
            assert word in shown

    @pytest.mark.parametrize("seconds", [0, -1, np.inf, np.nan])
    def test_refuses_no_time(self, seconds):
        with pytest.raises(ValueError, match=f"seconds is {seconds}; expected a positive, finite"):
            examine(seconds)

    def test_the_rate_counts_two_operations_per_multiply_add(self, quick, monkeypatch):
        ticks = iter(np.arange(1000) * 1.0)
        monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(ticks))
        assert measure_rates(3.0)["float32"] == pytest.approx(2 * 64**3 / 1e9)

    def test_the_other_process_is_given_the_variable(self, monkeypatch):
        monkeypatch.setattr(doctor, "measure_rates", None)
        seen = {}

        def run(command, env, **options):
            seen.update(command=command, env=env)
            return doctor.subprocess.CompletedProcess(command, 0, '{"float32": 1.0}\n', "")

        monkeypatch.setattr(doctor.subprocess, "run", run)
        assert doctor.rates_with("SkylakeX", 0.1) == {"float32": 1.0}
        assert seen["env"][doctor.VARIABLE] == "SkylakeX"
        assert doctor.VARIABLE not in os.environ or os.environ[doctor.VARIABLE] != ""

    def test_another_process_that_hangs_leaves_the_tip_without_figures(self, monkeypatch):
        def run(command, timeout, **options):
            raise doctor.subprocess.TimeoutExpired(command, timeout)

        monkeypatch.setattr(doctor.subprocess, "run", run)
        assert doctor.rates_with("SkylakeX", 0.1) is None


class TestAdvice:
    def test_avx2_routines_on_an_avx512_machine(self):
        assert avx512_unused([HASWELL], True)
        (tip,) = advise([HASWELL], True, 2, RATES, {"float32": 490.0, "float64": 240.0})
        assert "set OPENBLAS_CORETYPE=SkylakeX before Python starts" in tip
        assert "--blas-kernel" not in tip  # the command does it itself
        assert "250 -> 490" in tip

    def test_no_tip_when_it_would_not_help(self):
        assert advise([HASWELL], True, 2, RATES, dict(RATES)) == []

    @pytest.mark.parametrize(("blas", "avx512"), [(SKYLAKE, True), (MKL, True), (HASWELL, False)])
    def test_no_tip_where_there_is_nothing_to_gain(self, blas, avx512):
        assert not avx512_unused([blas], avx512)
        assert advise([blas], avx512, 2, RATES, None) == []

    def test_idle_cpus_are_mentioned(self):
        (tip,) = advise([SKYLAKE], True, 8, RATES, None)
        assert "2 of 8 CPUs" in tip

    def test_an_unknown_blas_is_mentioned(self):
        (tip,) = advise([], True, 2, RATES, None)
        assert "No BLAS" in tip


class TestHint:
    def test_says_what_to_type(self):
        line = doctor.hint("vae", [HASWELL], True)
        assert line.startswith("bbvi vae: ")
        assert "set OPENBLAS_CORETYPE=SkylakeX before Python starts" in line
        assert "\n" not in line

    @pytest.mark.parametrize(("blas", "avx512"), [(SKYLAKE, True), (MKL, True), (HASWELL, False)])
    def test_is_silent_where_there_is_nothing_to_gain(self, blas, avx512):
        assert doctor.hint("vae", [blas], avx512) is None

    @pytest.mark.parametrize(("terminal", "told"), [(True, True), (False, False)])
    def test_is_for_people_at_a_terminal(self, monkeypatch, capsys, terminal, told):
        monkeypatch.setattr(doctor, "has_avx512", lambda: True)
        monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [HASWELL])
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
        assert main(["vae", "--dataset", "digits", "--epochs", "0"]) == 2
        assert ("set OPENBLAS_CORETYPE=SkylakeX" in capsys.readouterr().err) == told


class TestRestart:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch):
        monkeypatch.setattr(doctor, "has_avx512", lambda: True)
        monkeypatch.setattr(doctor.threadpoolctl, "threadpool_info", lambda: [HASWELL])

    def test_sets_the_variable_for_the_same_command(self):
        command, variables = restart("SkylakeX", ["doctor", "--seconds", "1"], {"PATH": "p"})
        assert command == [sys.executable, "-P", "-m", "bbvi", "doctor", "--seconds", "1"]
        assert variables == {"PATH": "p", "OPENBLAS_CORETYPE": "SkylakeX"}

    def test_the_working_folder_is_not_imported(self, tmp_path):
        names = ("json", "numpy", "random", "pickle", "bbvi")
        for name in names:
            (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the folder ran')")

        def start(flags):
            command, _ = restart("SkylakeX", ["--version"], {})
            command = [part for part in command if part not in flags]
            return subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, check=False
            )

        assert start(()).stdout == f"bbvi {bbvi.__version__}\n"
        assert "of the folder ran" in start(("-P",)).stderr  # what -P keeps out

    def test_only_once(self):
        assert restart("SkylakeX", [], {"OPENBLAS_CORETYPE": "SkylakeX"}) is None

    def test_refuses_a_kernel_that_would_crash(self, monkeypatch):
        monkeypatch.setattr(doctor, "has_avx512", lambda: False)
        monkeypatch.setattr(doctor, "_simd", lambda: ["X86_V2", "X86_V3"])
        with pytest.raises(ValueError, match="no AVX-512"):
            restart("SkylakeX", [], {})
        assert restart("Haswell", [], {}) is not None
        monkeypatch.setattr(doctor, "_simd", lambda: ["X86_V2"])
        with pytest.raises(ValueError, match="no AVX2"):
            restart("Haswell", [], {})

    def test_refuses_an_unknown_kernel(self):
        with pytest.raises(ValueError, match="'Fast'; expected auto, off, or one of Haswell"):
            restart("Fast", [], {})

    def test_refuses_another_blas(self, monkeypatch):
        monkeypatch.setattr(doctor.threadpoolctl, "threadpool_info", lambda: [MKL])
        with pytest.raises(ValueError, match=r"mkl.*expected OpenBLAS"):
            restart("SkylakeX", [], {})

    def test_the_command_line_says_so_and_starts_over(self, monkeypatch, capsys):
        calls = []

        def execve(path, command, variables):
            calls.append((command, variables))
            raise KeyboardInterrupt

        monkeypatch.delenv(doctor.VARIABLE, raising=False)
        monkeypatch.setattr(bbvi.cli.os, "execve", execve)
        assert main(["--blas-kernel", "SkylakeX", "doctor"]) == 130
        assert "starting over with OPENBLAS_CORETYPE=SkylakeX" in capsys.readouterr().err
        ((command, variables),) = calls
        assert command[-3:] == ["--blas-kernel", "SkylakeX", "doctor"]
        assert variables[doctor.VARIABLE] == "SkylakeX"
        assert doctor.VARIABLE not in os.environ

    def test_the_command_line_without_the_option_stays(self, monkeypatch, capsys, quick):
        def execve(*args):
            raise AssertionError(args)

        monkeypatch.setattr(bbvi.cli.os, "execve", execve)
        assert main(["doctor", "--seconds", "0.001"]) == 0
        assert "GFLOP/s" in capsys.readouterr().out

    def test_a_bad_name_is_one_line_and_status_2(self, capsys):
        assert main(["--blas-kernel", "Fast", "doctor"]) == 2
        assert "expected auto, off, or one of" in capsys.readouterr().err


def test_numpys_own_report_is_read():
    assert has_avx512() in (True, False)
    assert has_avx2() or not has_avx512()
