"""``python -m bbvi`` is the ``bbvi`` command."""

import sys

from bbvi.cli import main

if __name__ == "__main__":
    sys.exit(main())
