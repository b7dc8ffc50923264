"""The ``mner`` command: finds the sub-commands, runs one, and turns our errors into one line.

``dvc repro`` runs the pipeline; these commands look at it, or run parts of it by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from mner.base.exits import exit_code_of
from mner.cli.verbs import GROUPS, all_commands

PLAIN = argparse.RawDescriptionHelpFormatter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; returns its exit code, or that of the error it ended in (``mner.base.exits``)."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(next(iter(given), None)).parse_args(given)
    return exit_code_of(f"mner {options.command}", lambda: options.run(options))


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """Give the parser of all sub-commands; where ``only`` is one of them, of that one alone."""
    modules = all_commands(only)
    top = argparse.ArgumentParser(
        prog="mner",
        description="Benchmark and reproduce multimodal NER.",
        epilog=_grouped(modules),
        formatter_class=PLAIN,
    )
    top.add_argument("--version", action="version", version=f"mner {_version()}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", help="one of those below")
    for name, module in modules.items():
        text = (module.__doc__ or "").strip()
        sub = commands.add_parser(
            name, description=text, epilog=f"example:\n  {module.EXAMPLE}", formatter_class=PLAIN
        )
        if hasattr(module, "arguments"):
            module.arguments(sub)
        sub.set_defaults(run=module.run)
    return top


def _grouped(modules: Mapping[str, ModuleType]) -> str:
    """List the sub-commands by group, each with the first line of its docstring and an example."""
    lines = []
    for group, title in GROUPS.items():
        lines.append(f"{title}:")
        for name, module in modules.items():
            if group == module.GROUP:
                summary = (module.__doc__ or "").strip().splitlines()[0].rstrip(".")
                lines += [f"  {name:<11} {summary}", f"  {'':<11}   {module.EXAMPLE}"]
        lines.append("")
    return "\n".join([*lines, "`mner COMMAND --help` lists the arguments of one."])


def _version() -> str:
    try:
        return version("mner")
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
