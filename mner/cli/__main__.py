"""``python -m mner.cli`` is the ``mner`` command."""

from __future__ import annotations

import sys

from mner.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
