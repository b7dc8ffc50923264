"""Settings of the package's profiles, composed anew: tests never read the checkout's params.yaml."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mner import config
from mner.config import profiles


def settings(profile: str = "quick") -> config.Config:
    """The settings with a profile of the package active."""
    return config.settings_of(config.composed(profile), Path(f"profile {profile}"))


def write_profile(
    folder: Path, profile: str = "quick", change: Callable[[dict[str, Any]], Any] | None = None
) -> Path:
    """Write params.yaml to a folder, with a profile active and what ``change`` edits of it."""
    raw = config.composed(profile)
    if change is not None:
        change(raw)
    path = folder / "params.yaml"
    profiles.write(path, raw)
    return path


def whole(profile: str = "quick") -> dict[str, Any]:
    """params.yaml of a profile with every section written out, to edit any entry of it."""
    sections = profiles.declared("sections")
    rows = {part: profiles.declared(part) for part in ("systems", "encoders")}
    return copy.deepcopy({**config.composed(profile), **sections, **rows})
