"""The command line (floor 7): argparse shells without logic of their own.

Each module here is one command with ``add_parser(subparsers)``; the parser's ``run`` default is
called with the parsed arguments and returns the exit status.
"""

import argparse
import sys
from collections.abc import Sequence

import bbvi
from bbvi.cli import compare, vae

COMMANDS = (compare, vae)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``bbvi COMMAND ...``; bad input prints one line and returns 2."""
    parser = argparse.ArgumentParser(
        prog="bbvi", description="Understand and compare approximate inference."
    )
    parser.add_argument("--version", action="version", version=f"bbvi {bbvi.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except (ValueError, TypeError, OSError) as error:
        print(f"bbvi {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"bbvi {args.command}: interrupted", file=sys.stderr)
        return 130
