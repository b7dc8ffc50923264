"""The ``mner`` command: finds the sub-commands, runs one, and turns our errors into one line.

``dvc repro`` runs the pipeline; these commands look at it, or run parts of it by hand.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from mner.commands import all_commands

OURS = ("mner.", "baselines.", "stages.")
INTERRUPTED, READER_GONE = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; errors of ours and of files end as one line and exit code 2, others as a traceback."""
    options = parser().parse_args(arguments)
    try:
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough. Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except KeyboardInterrupt:
        print(f"mner {options.command}: interrupted; what is finished stays", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        told = str(error) if type(error).__module__.startswith(OURS) else _of_a_file(error)
        if told is None:
            raise
        print(f"mner {options.command}: {told}", file=sys.stderr)
        return 2


def _of_a_file(error: Exception) -> str | None:
    """What the system says of a file that cannot be used, with its name; None for any other error."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return None


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
