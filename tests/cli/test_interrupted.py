"""Ctrl-C from the first import on, and words that are no text: one line each."""

import os
import signal
import subprocess
import sys
import time

import pytest

import bbvi.cli
from bbvi.__main__ import command
from bbvi.cli import main
from bbvi.cli.interruption import patient_interrupts

posix = pytest.mark.skipif(os.name != "posix", reason="signals are masked on POSIX only")


class Interrupting:
    """A finder that answers the import of one module with Ctrl-C."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            raise KeyboardInterrupt
        return None


@pytest.mark.parametrize("module", ["bbvi.cli", "bbvi.cli.doctor"])
def test_ctrl_c_in_an_import_is_one_line(monkeypatch, capsys, module):
    for name in [name for name in sys.modules if name.startswith(module)]:
        monkeypatch.delitem(sys.modules, name)
    if module == "bbvi.cli":
        monkeypatch.delattr(bbvi, "cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(module), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["bbvi", "doctor"])
    assert command() == 130
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_ctrl_c_in_a_class_that_is_being_made_is_one_line(monkeypatch, capsys):
    def parser(argv):
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr(bbvi.cli, "_parser", parser)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "bbvi doctor: interrupted\n"


# Each asks for Ctrl-C where an exception would go no further, and then has a second to hear it.
LOST = {
    "import": "import interrupted_within",
    "weak reference": "a = set(); r = weakref.ref(a, lambda dead: ask()); del a",
    "end of an object": "A = type('A', (), {'__del__': lambda self: ask()}); A()",
    "nowhere": "ask()",
}
SCRIPT = """
import contextlib, os, signal, sys, time, weakref
from bbvi.cli.interruption import patient_interrupts

def ask():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with PATIENT:
        LOST
        time.sleep(1)
        print("went on")
except KeyboardInterrupt:
    print("heard", "interrupted_within" in sys.modules)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
WITHIN = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass
except KeyboardInterrupt:
    pass
"""


@posix
@pytest.mark.parametrize("place", LOST)
@pytest.mark.parametrize("patient", [True, False])
def test_ctrl_c_is_heard_where_python_would_lose_it(tmp_path, place, patient):
    (tmp_path / "interrupted_within.py").write_text(WITHIN)
    context = "patient_interrupts()" if patient else "contextlib.nullcontext()"
    script = SCRIPT.replace("PATIENT", context).replace("LOST", LOST[place])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    heard = f"heard {place == 'import'}\n"
    # Negative control: without patience all but the last go on.
    assert done.stdout == (heard if patient or place == "nowhere" else "went on\n")
    assert not (patient and done.stderr)


@posix
def test_an_import_that_does_not_end_is_interrupted_after_all(tmp_path):
    (tmp_path / "interrupted_within.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    )
    script = SCRIPT.replace("PATIENT", "patient_interrupts()").replace("LOST", LOST["import"])
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "heard False\n"
    assert 2 < time.monotonic() - start < 20


@posix
def test_an_import_around_the_command_is_none_of_its_own(tmp_path):
    script = SCRIPT.replace("PATIENT", "patient_interrupts()").replace("LOST", LOST["nowhere"])
    (tmp_path / "job.py").write_text(script)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", "import job"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "heard False\n"
    assert time.monotonic() - start < 3


@posix
def test_ctrl_c_is_heard_where_the_body_ends_in_another_error(tmp_path):
    failing = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ValueError\n"
    (tmp_path / "interrupted_within.py").write_text(failing)
    script = SCRIPT.replace("PATIENT", "patient_interrupts()").replace("LOST", LOST["import"])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "heard False\n"


def test_what_the_body_installed_stays(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    try:
        with patient_interrupts():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.unraisablehook = print
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert sys.unraisablehook is print
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_mistake_of_the_package_is_no_interruption(monkeypatch):
    def parser(argv):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(bbvi.cli, "_parser", parser)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["doctor"])


@posix
def test_ctrl_c_waits_until_the_next_process_can_answer():
    line = "from bbvi.cli import _become; import os, sys, signal\n"
    line += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    line += "then = 'import os, signal, sys; os.kill(os.getpid(), signal.SIGINT); '\n"
    line += 'then += \'sys.argv = ["bbvi", "--help"]; from bbvi.__main__ import command; \'\n'
    line += "then += 'sys.exit(command())'\n"
    line += "_become([sys.executable, '-c', then], dict(os.environ))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "bbvi: interrupted\n")


@posix
def test_ctrl_c_comes_again_where_the_system_refuses_to_start_over():
    with pytest.raises(FileNotFoundError):
        bbvi.cli._become(["/no/such/python"], {})
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_a_name_that_is_not_utf_8_is_one_line(capsys):
    assert main(["compare", "--dataset", "bad\udcff.csv"]) == 2
    assert capsys.readouterr().err == (
        "bbvi compare: 'bad\\udcff.csv' is not UTF-8; expected text. Rename the file or folder.\n"
    )
