"""Ctrl-C from the first import on, and words that are no text: one line each."""

import os
import signal
import subprocess
import sys

import pytest

import bbvi.cli
from bbvi.__main__ import command
from bbvi.cli import main

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
