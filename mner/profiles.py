"""Switching profiles: the last line of params.yaml names the active one, and this edits that line alone."""

from __future__ import annotations

import re
from pathlib import Path

from mner.config import Config, ConfigError, Places
from mner.data.download import reachable
from mner.data.sources import files_of
from mner.files import write_text_atomically
from mner.strict import known

ACTIVE = re.compile(r"^active: \*(\S+)[^\S\n]*$", re.MULTILINE)
REAL, EMBEDDED = "quick", "controls"


def switch(path: Path, name: str, config: Config) -> bool:
    """Make ``name`` the active profile of params.yaml; returns whether the file had to change.

    Raises:
        ConfigError: no such profile, or params.yaml has no line ``active: *NAME`` to edit.
    """
    if name not in config.profiles:
        raise ConfigError(f"{path}: no profile {name!r}; choose one of {', '.join(config.profiles)}")
    text = path.read_text(encoding="utf-8")
    if len(ACTIVE.findall(text)) != 1:
        raise ConfigError(f"{path}: expected exactly one line 'active: *NAME'")
    changed = ACTIVE.sub(f"active: *{name}", text)
    if changed == text:
        return False
    write_text_atomically(path, changed)
    return True


def choose(config: Config, places: Places) -> tuple[str, str]:
    """The profile that this machine can run, and why in one line: real data where it can be had, else controls.

    Raises:
        ConfigError: params.yaml has not the profile of real data.
    """
    known(REAL, config.profiles, "profiles of params.yaml")
    for dataset in config.profiles[REAL].datasets:
        found = reachable(files_of(dataset), cache=places.cache, mirrors=places.mirrors, network=places.network)
        if not found.ok:
            return EMBEDDED, f"profile {EMBEDDED}: {dataset} cannot be had here ({found.why})"
    return REAL, f"profile {REAL}: {' and '.join(config.profiles[REAL].datasets)} are at hand ({found.why})"
