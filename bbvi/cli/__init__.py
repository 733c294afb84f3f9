"""The command line: argparse in front of the experiments.

Each module here is one command with ``add_parser(subparsers)``; the parser's ``run`` default is
called with the parsed arguments and returns the exit status.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import bbvi
from bbvi.cli.interruption import patient_interrupts
from bbvi.cli.parser import COMMANDS, Parser
from bbvi.cli.printing import safe_printing

ERRORS = (
    ValueError,
    TypeError,
    OSError,
    ImportError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)
"""What ends a command with one line; anything else that a user's file did not raise is a mistake of
the package's."""


COMPUTING_NOTHING = ("doctor", "results")
"""Commands for which faster routines are not worth a new start, nor their measurement."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``bbvi COMMAND ...``; bad input prints one line and returns 2."""
    given = sys.argv[1:] if argv is None else list(argv)
    name = next((f"bbvi {word}" for word in given if word in COMMANDS), "bbvi")
    with safe_printing():
        try:
            _check_text(given)
            with patient_interrupts():
                args = _parser(given).parse_args(given)
            if args.blas_kernel not in ("auto", "off"):
                _start_over(args.blas_kernel, given)
            elif args.command not in COMPUTING_NOTHING and args.blas_kernel == "auto":
                # Who calls this function from Python owns the process.
                if argv is None:
                    _choose(given)
                else:
                    _tell(args.command)
            with patient_interrupts():
                status: int = args.run(args)
            return status
        except KeyboardInterrupt:
            return _interrupted(name)
        except Exception as error:
            # Python 3.11 makes a RuntimeError of Ctrl-C in a class that is being made.
            if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt):
                return _interrupted(name)
            told = _told(error)
            if told is None:
                raise
            print(f"{name}: {told}", file=sys.stderr)
            return 2


def _interrupted(name: str) -> int:
    print(f"{name}: interrupted", file=sys.stderr)
    return 130


def _told(error: Exception) -> str | None:
    """The line that a command ends with; None for a mistake of the package's."""
    from bbvi.experiments.user_errors import user_error

    # What the user's own code raised is told with its line, of whatever type it is.
    own = None if isinstance(error, MemoryError) else user_error(error)
    return one_line(error) if own is None and isinstance(error, ERRORS) else own


def one_line(error: BaseException) -> str:
    """What went wrong, for people; the text of a cell's own error keeps its lines."""
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}). Ask for less." if str(error) else "not enough memory."
    if isinstance(error, OverflowError | RecursionError):
        return f"a number is too large ({error})."
    return str(error) or type(error).__name__


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """The parser; only the module of the command that is asked for is imported."""
    parser = Parser(prog="bbvi", description="Understand and compare approximate inference.")
    parser.add_argument("--version", action="version", version=f"bbvi {bbvi.__version__}")
    parser.add_argument(
        "--blas-kernel",
        metavar="NAME",
        default="auto",
        help="start over with these BLAS routines; auto (default): with the fastest, where that "
        "is not what OpenBLAS takes; off: never; see bbvi doctor",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        if name in argv:
            import_module(f"bbvi.cli.{name}").add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=line)
    return parser


def _start_over(kernel: str, argv: Sequence[str]) -> None:
    """Replace this process by one whose BLAS was told its kernel, unless it already was."""
    from bbvi.doctor import VARIABLE, restart
    from bbvi.environment import CHOSEN_BY

    plan = restart(kernel, argv, os.environ)
    if plan is not None:
        command, variables = plan
        print(f"bbvi: starting over with {VARIABLE}={kernel}", file=sys.stderr, flush=True)
        _become(command, {**variables, CHOSEN_BY: f"--blas-kernel {kernel}"})


def _choose(argv: Sequence[str]) -> None:
    """Start over with the fastest BLAS routines, unless these are in use or the user chose."""
    from bbvi.blas_choice import announcement, fastest_kernel
    from bbvi.doctor import restart
    from bbvi.environment import CHOSEN_BY

    choice = fastest_kernel(os.environ)
    plan = restart(choice.kernel, argv, os.environ) if choice and choice.kernel else None
    if choice is not None and plan is not None:
        print(announcement(choice), file=sys.stderr, flush=True)
        command, variables = plan
        _become(command, {**variables, CHOSEN_BY: "--blas-kernel auto"})


def _become(command: list[str], variables: Mapping[str, str]) -> None:
    """Replace this process; Ctrl-C waits until `bbvi.__main__` can answer it in one line."""
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.execve(command[0], command, variables)
    finally:  # the system refused
        if os.name == "posix":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _check_text(given: Sequence[str]) -> None:
    """Raise ValueError for a word that cannot be printed, drawn or stored."""
    for word in given:
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError(
                f"{word!a} is not UTF-8; expected text. Rename the file or folder."
            ) from None


def _tell(command: str) -> None:
    """Say at a terminal, in one line, that another BLAS kernel would be faster here."""
    if not sys.stderr.isatty():
        return
    from threadpoolctl import threadpool_info

    from bbvi.doctor import has_avx512, hint

    line = hint(command, threadpool_info(), has_avx512())
    if line is not None:
        print(line, file=sys.stderr, flush=True)
