"""params.yaml as frozen dataclasses, and the places a machine offers. The only reader of either.

Every key is known: an unknown one is an error that names the nearest known key and where it stands.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mner.data.controls import ControlsSettings
from mner.models.encoders import EncoderSource
from mner.training.recipe import Recipe


class ConfigError(ValueError):
    """params.yaml says something the harness does not understand; the message says where and what instead."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Per data set: which published captions and object labels stand for the picture (null: none)."""

    copy: str
    captions: Mapping[str, str]
    objects: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Region features: ``encoder`` embeds captions, at most ``max_regions`` vectors a picture."""

    encoder: str
    max_regions: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class RelationSettings:
    """Relation graphs: ``kind`` per data set (released or rebuilt), ``k`` neighbours, retrieval ``pool``."""

    kind: Mapping[str, str]
    k: int
    pool: str
    encoder: str


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """One row: its file, the options of its tagger, and what its recipe changes."""

    file: str
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """Margins in points of F1 and the level of the tests behind verdicts."""

    margin: float
    alpha: float
    reference_margin: float
    control_gain: float


@dataclass(frozen=True, slots=True)
class Profile:
    """How big: data sets x systems x seeds, the text encoder, and what the profile changes in the recipe."""

    name: str
    note: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    encoder: str
    recipe: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """All of params.yaml."""

    encoders: Mapping[str, EncoderSource]
    data: DataSettings
    controls: ControlsSettings
    features: FeatureSettings
    relations: RelationSettings
    recipe: Mapping[str, Any]
    systems: Mapping[str, SystemSettings]
    verify: VerifySettings
    profiles: Mapping[str, Profile]
    active: Profile

    def recipe_of(self, system: str) -> Recipe:
        """The recipe of one row: the shared one, changed by the active profile, then by the row itself."""
        overrides = {**self.recipe, **self.active.recipe, **self.systems[system].recipe}
        return build(Recipe, overrides, f"recipe of {system} in profile {self.active.name}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where files may come from: own cache, mirror folders, a folder of pictures, the network."""

    cache: Path
    mirrors: tuple[Path, ...]
    images: Path | None
    network: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Places:
        """Read MNER_CACHE, MNER_MIRROR (folders joined by the path separator), MNER_IMAGES and MNER_OFFLINE."""
        env = os.environ if environment is None else environment
        default = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mner"
        mirrors = tuple(Path(part) for part in env.get("MNER_MIRROR", "").split(os.pathsep) if part)
        images = Path(env["MNER_IMAGES"]) if env.get("MNER_IMAGES") else None
        for place in (*mirrors, *([images] if images else [])):
            if not place.is_dir():
                raise ConfigError(f"{place} is not a folder; check MNER_MIRROR and MNER_IMAGES")
        return cls(Path(env.get("MNER_CACHE") or default), mirrors, images, env.get("MNER_OFFLINE") != "1")


def load(path: Path) -> Config:
    """Read and check params.yaml.

    Raises:
        ConfigError: the file is missing, not YAML, or has an unknown, missing or inconsistent entry.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; run from the repository root") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    config = build(Config, _with_names(raw), str(path))
    _check(config, path)
    return config


def _with_names(raw: Any) -> Any:
    """An encoder's name is its key; said once in the file, twice in the dataclass."""
    encoders = raw.get("encoders") if isinstance(raw, Mapping) else None
    if not isinstance(encoders, Mapping):
        return raw
    named = {k: {"name": k, **v} if isinstance(v, Mapping) else v for k, v in encoders.items()}
    return {**raw, "encoders": named}


def _check(config: Config, path: Path) -> None:
    for name, profile in config.profiles.items():
        if profile.name != name:
            raise ConfigError(f"{path}: profile {name} calls itself {profile.name!r}")
        for system in profile.systems:
            _known(system, config.systems, f"{path}: profiles.{name}.systems")
        for dataset in profile.datasets:
            _known(dataset, config.data.captions, f"{path}: profiles.{name}.datasets")
            _known(dataset, config.data.objects, f"{path}: data.objects, for profiles.{name}.datasets")
            _known(dataset, config.relations.kind, f"{path}: relations.kind, for profiles.{name}.datasets")
        for field in ("datasets", "systems", "seeds"):
            entries = getattr(profile, field)
            if not entries or len(set(entries)) != len(entries):
                raise ConfigError(f"{path}: profiles.{name}.{field} is empty or repeats an entry: {list(entries)}")
        _known(profile.encoder, config.encoders, f"{path}: profiles.{name}.encoder")
    if config.profiles.get(config.active.name) != config.active:
        raise ConfigError(f"{path}: 'active' must name a profile: active: *{next(iter(config.profiles))}")
    for where in ("features", "relations"):
        _known(getattr(config, where).encoder, config.encoders, f"{path}: {where}.encoder")
    for profile in config.profiles.values():
        for system in config.systems:
            dataclasses.replace(config, active=profile).recipe_of(system)


def build(cls: type, value: Any, where: str) -> Any:
    """Turn a mapping into a dataclass, recursively; every key must be known and present."""
    hints = typing.get_type_hints(cls)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a mapping with {', '.join(hints)}, found {value!r}")
    required = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    for key in value:
        _known(key, hints, where)
    if missing := required - value.keys():
        raise ConfigError(f"{where}: missing {', '.join(sorted(missing))}")
    try:
        return cls(**{key: _convert(hints[key], entry, f"{where}: {key}") for key, entry in value.items()})
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _known(key: str, known: Any, where: str) -> None:
    if key not in known:
        near = difflib.get_close_matches(str(key), [str(name) for name in known], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(map(str, known))}"
        raise ConfigError(f"{where}: unknown {key!r}; {hint}")


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        return tuple(_convert(arguments[0], item, where) for item in value)
    if origin in (collections.abc.Mapping, dict):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {value!r}")
        inner = arguments[1] if arguments else Any
        return {key: _convert(inner, item, f"{where}.{key}") for key, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _convert(next(a for a in arguments if a is not type(None)), value, where)
    if hint is Any:
        return value
    return _scalar(hint, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):
        raise ConfigError(f"{where}: expected a number, found the text {value!r} (YAML reads 2.0e-4, not 2e-4)")
    if type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, found {value!r}")
    return value
