"""Validate names given on the command line against the active profile."""

from __future__ import annotations

from collections.abc import Sequence

from mner.config import Config
from mner.config.loading import known_row
from mner.config.strict import ConfigError, known


def require_dataset(name: str, config: Config) -> None:
    """Refuse a data set that is not declared.

    Raises:
        ConfigError: it has none of that name; the message says the nearest one.
    """
    known(name, config.data.captions, "data sets")


def require_system(name: str, config: Config) -> None:
    """Refuse a system that is not declared.

    Raises:
        ConfigError: it has none of that name; the message says the nearest one.
    """
    known_row(name, config, "systems")


def require(
    config: Config, datasets: Sequence[str] = (), systems: Sequence[str] = (), seeds: Sequence[int] = ()
) -> None:
    """Refuse data sets, systems and seeds that the active profile does not have.

    Raises:
        ConfigError: it lacks one; the message says which profiles have it, or the nearest name.
    """
    active, profiles = config.active, config.profiles.values()
    for name in datasets:
        require_dataset(name, config)
        holders = [profile.name for profile in profiles if name in profile.datasets]
        _held(active.name, "data set", name, active.datasets, holders)
    for name in systems:
        require_system(name, config)
        holders = [profile.name for profile in profiles if name in profile.systems]
        _held(active.name, "system", name, active.systems, holders)
    for seed in seeds:
        _held(active.name, "seed", seed, active.seeds, [])


def require_active(config: Config, profile: str) -> Config:
    """Give the settings back if they make this profile active.

    Raises:
        ConfigError: They make another one active. The message says how to change that.
    """
    if config.active.name != profile:
        raise ConfigError(
            f"params.yaml makes {config.active.name!r} active, not {profile!r}; type: mner profile {profile}"
        )
    return config


def _held(profile: str, kind: str, name: str | int, held: Sequence[str | int], holders: Sequence[str]) -> None:
    if name in held:
        return
    ways = [f"`mner profile NAME` with one of {', '.join(holders)}"] if holders else []
    ways.append(f"choose one of {', '.join(map(str, held))}")
    raise ConfigError(f"profile {profile} has no {kind} {name}; {', or '.join(ways)}")
