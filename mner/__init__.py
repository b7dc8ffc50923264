"""Benchmark and reproduce multimodal named entity recognition."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Import ``mner.load`` on first use: torch must not be imported with the package."""
    if name == "load":
        return import_module("mner.tagger.pretrained_folder").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
