"""The sub-commands of ``mner``: one file each, found by name, nothing to register.

A verb's file has a docstring (its first line is the help text), ``GROUP`` (one of ``GROUPS``), ``EXAMPLE`` (a
command line), ``run(options)``, which does the work by a few calls into the library and returns the exit code
(None is 0), and, if it takes arguments, ``arguments(parser)``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

GROUPS = {
    "start": "Start and look",
    "run": "Train",
    "results": "Read the results",
    "own": "Score your own",
    "data": "Data and pictures",
    "check": "Check the harness",
}
"""Headings of ``mner --help``, in their order, by the name that a verb's file gives as ``GROUP``."""


def all_commands(only: str | None = None) -> dict[str, ModuleType]:
    """Give every command by its name, in alphabetical order; with ``only`` that one alone, if it exists."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    typed = {name.replace("_", "-"): name for name in names}
    if only in typed:
        typed = {only: typed[only]}
    return {name: importlib.import_module(f"{__name__}.{module}") for name, module in typed.items()}
