"""The ``mner`` command: ``main`` parses, ``verbs`` holds one file a sub-command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mner.config import Config

PARAMS = Path("params.yaml")


def settings() -> Config:
    """Read params.yaml of the current folder."""
    from mner import config

    return config.load(PARAMS)


def settings_anywhere() -> Config:
    """Read params.yaml of the current folder or, where there is none, take the package's profile ``quick``."""
    from mner import config

    return settings() if PARAMS.is_file() else config.settings_of(config.composed("quick"), PARAMS)
