"""Where this machine keeps and finds files: what the environment says of its places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mner.config.strict import ConfigError


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Name the folder of downloads: MNER_CACHE, else ``mner`` in XDG_CACHE_HOME or in ``~/.cache``."""
    env = os.environ if environment is None else environment
    default = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mner"
    return Path(env.get("MNER_CACHE") or default)


@dataclass(frozen=True, slots=True)
class Places:
    """Where files may come from: own cache, mirror folders, a folder of pictures, the network."""

    cache: Path
    mirrors: tuple[Path, ...]
    images: Path | None
    network: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Places:
        """Read MNER_CACHE, MNER_MIRROR (folders joined by the path separator), MNER_IMAGES and MNER_OFFLINE.

        Raises:
            ConfigError: a folder that is not there, or an MNER_OFFLINE that says neither yes (1) nor no.
        """
        env = os.environ if environment is None else environment
        mirrors = tuple(Path(part) for part in env.get("MNER_MIRROR", "").split(os.pathsep) if part)
        images = Path(env["MNER_IMAGES"]) if env.get("MNER_IMAGES") else None
        for place in (*mirrors, *([images] if images else [])):
            if not place.is_dir():
                raise ConfigError(f"{place} is not a folder; check MNER_MIRROR and MNER_IMAGES")
        offline = env.get("MNER_OFFLINE", "")
        if offline not in ("", "0", "1"):
            raise ConfigError(f"MNER_OFFLINE is {offline!r}; 1 keeps off the network, 0 does not")
        return cls(cache_folder(env), mirrors, images, offline != "1")
