"""The sub-commands of ``mner``: one file each, found by name, nothing to register.

A command file has a docstring (its first line is the help text), ``run(options)``, which does the work by a few
calls into the library and returns the exit code (None is 0), and, if it takes arguments, ``arguments(parser)``.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from mner import config
from mner.config import Config

PARAMS = Path("params.yaml")


def settings() -> Config:
    """The parameters of the repository one stands in."""
    return config.load(PARAMS)


def all_commands() -> dict[str, ModuleType]:
    """Every command by the name one types, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}") for name in names}
