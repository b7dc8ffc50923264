"""The ``mner`` command: ``main`` parses, ``verbs`` holds one file a sub-command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mner.config import Config

PARAMS = Path("params.yaml")


def settings() -> Config:
    """The parameters of the repository one stands in."""
    from mner import config

    return config.load(PARAMS)
