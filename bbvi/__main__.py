"""``python -m bbvi`` and ``bbvi``: the command."""

import sys


def command() -> int:
    """Run the command line; Ctrl-C is one line while its modules are imported, too."""
    try:
        import os
        import signal

        if os.name == "posix":  # blocked by a process that this one replaces
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        from bbvi.cli import main

        return main()
    except KeyboardInterrupt:
        print("bbvi: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(command())
