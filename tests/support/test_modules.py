"""Import a test module by its name, for the factories that other tests share with it."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parents[1]


@cache
def module_of(name: str) -> ModuleType:
    """Import ``tests/*/<name>.py`` once."""
    (path,) = TESTS.glob(f"*/{name}.py")
    spec = importlib.util.spec_from_file_location(f"shared_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
