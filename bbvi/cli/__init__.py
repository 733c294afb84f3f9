"""The command line (floor 7): argparse shells without logic of their own.

Each module here is one command with ``add_parser(subparsers)``; the parser's ``run`` default is
called with the parsed arguments and returns the exit status.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from threadpoolctl import threadpool_info

import bbvi
from bbvi.cli import compare, doctor, figures, posteriors, reproduce, uses, vae, variance
from bbvi.doctor import BLAS_KERNELS, VARIABLE, has_avx512, hint, restart

COMMANDS = (compare, vae, variance, posteriors, reproduce, uses, figures, doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``bbvi COMMAND ...``; bad input prints one line and returns 2."""
    parser = argparse.ArgumentParser(
        prog="bbvi", description="Understand and compare approximate inference."
    )
    parser.add_argument("--version", action="version", version=f"bbvi {bbvi.__version__}")
    parser.add_argument(
        "--blas-kernel",
        metavar="NAME",
        help=f"start over with {VARIABLE}=NAME ({', '.join(BLAS_KERNELS)}); see bbvi doctor",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        if args.blas_kernel is not None:
            _start_over(args.blas_kernel, sys.argv[1:] if argv is None else argv)
        elif sys.stderr.isatty() and args.command != "doctor":
            _tell(args.command)
        return args.run(args)
    except (ValueError, TypeError, OSError, ImportError, bbvi.NotFiniteError) as error:
        print(f"bbvi {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"bbvi {args.command}: interrupted", file=sys.stderr)
        return 130


def _start_over(kernel: str, argv: Sequence[str]) -> None:
    """Replace this process by one whose BLAS was told its kernel, unless it already was."""
    plan = restart(kernel, argv, os.environ)
    if plan is not None:
        command, variables = plan
        print(f"bbvi: starting over with {VARIABLE}={kernel}", file=sys.stderr, flush=True)
        os.execve(command[0], command, variables)


def _tell(command: str) -> None:
    """Say at a terminal, in one line, that another BLAS kernel would be faster here."""
    line = hint(command, threadpool_info(), has_avx512())
    if line is not None:
        print(line, file=sys.stderr, flush=True)
