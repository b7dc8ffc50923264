"""The ``mner`` command: finds the sub-commands, runs one, and turns our errors into one line.

``dvc repro`` runs the pipeline; these commands look at it, or run parts of it by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mner.base.exits import exit_code_of
from mner.cli.verbs import all_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; returns its exit code, or that of the error it ended in (``mner.base.exits``)."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(next(iter(given), None)).parse_args(given)
    return exit_code_of(f"mner {options.command}", lambda: options.run(options))


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """All sub-commands and their arguments; where ``only`` is one of them, that one alone."""
    top = argparse.ArgumentParser(prog="mner", description="Benchmark and reproduce multimodal NER.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in all_commands(only).items():
        text = (module.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text.splitlines()[0].rstrip("."), description=text)
        if hasattr(module, "arguments"):
            module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
