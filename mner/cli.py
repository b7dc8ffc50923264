"""The ``mner`` command: finds the sub-commands, runs one, and turns our errors into one line.

``dvc repro`` runs the pipeline; these commands look at it, or run parts of it by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mner.commands import all_commands

OURS = ("mner.", "baselines.", "stages.")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; errors of ours end as one line and exit code 2, anything else as a traceback."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print(f"mner {options.command}: interrupted; what is finished stays", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.filename is None or type(error).__module__.startswith(OURS):
            raise
        print(f"mner {options.command}: {error.strerror}: {error.filename}", file=sys.stderr)
        return 2
    except Exception as error:
        if not type(error).__module__.startswith(OURS):
            raise
        print(f"mner {options.command}: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """All sub-commands and their arguments."""
    top = argparse.ArgumentParser(prog="mner", description="Benchmark and reproduce multimodal NER.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in all_commands().items():
        text = (module.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text.splitlines()[0].rstrip("."), description=text)
        if hasattr(module, "arguments"):
            module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
