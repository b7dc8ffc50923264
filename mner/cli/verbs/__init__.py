"""The sub-commands of ``mner``: one file each, found by name, nothing to register.

A verb's file has a docstring (its first line is the help text), ``run(options)``, which does the work by a few
calls into the library and returns the exit code (None is 0), and, if it takes arguments, ``arguments(parser)``.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def all_commands(only: str | None = None) -> dict[str, ModuleType]:
    """Every command by the name one types, in alphabetical order; with ``only`` that one alone, if it exists.

    Importing one command alone keeps the light ones quick: others load torch.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    typed = {name.replace("_", "-"): name for name in names}
    if only in typed:
        typed = {only: typed[only]}
    return {name: importlib.import_module(f"{__name__}.{module}") for name, module in typed.items()}
