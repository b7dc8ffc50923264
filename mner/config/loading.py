"""params.yaml to settings: read, put over what the package declares, and checked as a whole."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mner.config import profiles
from mner.config.own_dataset import with_own
from mner.config.schema import (
    BY_DATASET,
    CAPTION_TOKENS,
    ENCODER,
    PICTURE_KINDS,
    REGION_KINDS,
    Config,
    Profile,
    base_kind,
)
from mner.config.strict import ConfigError, EachKeyOnce, build, convert, known

SECTIONS = ("encoders", "systems", "data", "controls", "features", "relations", "verify", "datasets")
LIKE = "like"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def load(path: Path) -> Config:
    """Read and check params.yaml.

    Raises:
        ConfigError: the file is missing, not YAML, or has an unknown, missing or inconsistent entry.
    """
    return settings_of(read(path), path)


def read(path: Path) -> Any:
    """What params.yaml holds, unchecked.

    Raises:
        ConfigError: the file is missing or not YAML, or says a key twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), EachKeyOnce)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; run from the repository root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}, {error}") from error


def settings_of(raw: Any, path: Path) -> Config:
    """The settings that the content of params.yaml makes; ``path`` is what errors call it.

    Raises:
        ConfigError: an unknown, missing or inconsistent entry.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{path}: expected a mapping with active, recipe, {', '.join(SECTIONS)}, found {raw!r}")
    for key in raw:
        known(key, ("active", "recipe", *SECTIONS), str(path))
    whole = {**raw, **{section: _section(section, raw.get(section, {}), path) for section in SECTIONS}}
    whole["systems"] = _rows(whole["systems"], path)
    whole["encoders"] = {
        k: {"name": k, **v} if isinstance(v, Mapping) else v for k, v in whole["encoders"].items()
    }
    config = build(Config, {**with_own(whole), "profiles": {}}, str(path))
    config = dataclasses.replace(config, profiles={**declared_profiles(), config.active.name: config.active})
    _check(config, path)
    return config


@functools.cache
def declared_profiles() -> Mapping[str, Profile]:
    """The profiles of the package by their names; each with its whole recipe."""
    found = {}
    for name in profiles.names():
        raw = profiles.composed(name)
        found[name] = build(
            Profile, {**raw["active"], "recipe": {**raw["recipe"], **raw["active"]["recipe"]}}, f"profile {name}"
        )
    return found


def _section(name: str, change: Any, path: Path) -> Any:
    """A section of the package with the changes of params.yaml; what is no mapping is left to the checks."""
    declared = _declared()[name]
    if not isinstance(change, Mapping):
        raise ConfigError(f"{path}: {name}: expected a mapping, found {change!r}")
    if name in ("encoders", "datasets"):
        return {**declared, **change}
    if name == "systems":
        return {**declared, **{row: _row(declared.get(row), said) for row, said in change.items()}}
    return profiles.merged(declared, change)


def _row(declared: Mapping[str, Any] | None, said: Any) -> Any:
    """A row that names its file, or the row it is like, stands for itself; else it changes the package's."""
    if declared is None or not isinstance(said, Mapping) or {"file", LIKE} & said.keys():
        return said
    return profiles.merged(declared, said)


@functools.cache
def _declared() -> Mapping[str, Any]:
    sections = profiles.declared("sections")
    rows = {name: profiles.declared(name) for name in ("encoders", "systems")}
    return {"datasets": {}, **sections, **rows}


def _rows(rows: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Rows with ``like`` replaced by what it stands for."""

    def whole(name: str, asked: tuple[str, ...] = ()) -> Any:
        row = rows[name]
        if not isinstance(row, Mapping) or LIKE not in row:
            return row
        where = f"{path}: systems.{name}.{LIKE}"
        known(row[LIKE], rows, where)
        if row[LIKE] in (*asked, name):
            raise ConfigError(
                f"{where}: {' is like '.join((*asked, name, row[LIKE]))}; one of them names its file"
            )
        base = whole(row[LIKE], (*asked, name))
        own = {key: value for key, value in row.items() if key != LIKE}
        return profiles.merged(base, own) if isinstance(base, Mapping) else base

    return {name: whole(name) for name in rows}


def _check_own(config: Config, path: Path) -> None:
    """A data set of one's own is no data set of the package, whose files would be replaced by it."""
    for name in config.datasets:
        if name in _declared()["data"]["captions"]:
            raise ConfigError(f"{path}: datasets: {name!r} is a data set of this package; choose another name")


def _check_names(config: Config, path: Path) -> None:
    """Names become folders, arguments of a shell's command line (dvc.yaml) and parts of files' names."""
    named = {
        "datasets": config.datasets,
        "data.captions": config.data.captions,
        "systems": config.systems,
        "active.name": [config.active.name],
    }
    for where, entries in named.items():
        for name in entries:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ConfigError(
                    f"{path}: {where}: {name!r} is no name; letters, digits, dots, hyphens and underscores, "
                    "a letter or digit first"
                )


def _check(config: Config, path: Path) -> None:
    _check_names(config, path)
    _check_own(config, path)
    for name, source in config.encoders.items():
        if source.name != name:
            raise ConfigError(f"{path}: encoders.{name} calls itself {source.name!r}")
    _check_profile(config.active, config, path)
    by_dataset = {f"data.{part}": getattr(config.data, part) for part in ("objects", "ocr", "regions")}
    for where, entries in (by_dataset | {"relations.kind": config.relations.kind}).items():
        for dataset in entries:
            known(dataset, config.data.captions, f"{path}: {where}")
    for where in ("features", "relations"):
        known(getattr(config, where).encoder, config.encoders, f"{path}: {where}.encoder")
    _check_kinds(config, path)
    _check_rows(config, path)


def _check_profile(profile: Profile, config: Config, path: Path) -> None:
    name, place = profile.name, f"{path}: active"
    for field in ("datasets", "systems", "seeds"):
        entries = getattr(profile, field)
        if not entries or len(set(entries)) != len(entries):
            raise ConfigError(f"{place}.{field} is empty or repeats an entry: {list(entries)}")
    known(profile.encoder, config.encoders, f"{place}.encoder")
    for system in profile.systems:
        known_row(system, config, f"{place}.systems")
    where = f"{place}.recipe.rows"
    for system in convert(Mapping[str, Mapping[str, Any]], profile.recipe.get("rows", {}), where):
        known_row(system, config, where)
        known(profile.encoder_of(system), config.encoders, f"{where}.{system}.{ENCODER}")
    for system, kind in profile.regions.items():
        known_row(system, config, f"{place}.regions")
        known(base_kind(kind), (CAPTION_TOKENS, *REGION_KINDS), f"{place}.regions.{system}")
        if kind != CAPTION_TOKENS:
            known(kind, config.features.extractors, f"{place}.regions.{system}, made by features.extractors")
    for system, options in profile.options.items():
        known_row(system, config, f"{place}.options")
        for option in options:
            known(option, config.systems[system].options, f"{place}.options.{system}")
    for dataset in profile.datasets:
        known(dataset, config.data.captions, f"{place}.datasets")
        known(dataset, config.data.objects, f"{path}: data.objects, for datasets of profile {name}")
        known(dataset, config.relations.kind, f"{path}: relations.kind, for datasets of profile {name}")


def known_row(system: str, config: Config, where: str) -> None:
    """Refuse a row that is not declared.

    Raises:
        ConfigError: there is none of that name; the message says the nearest one, and how to add one.
    """
    try:
        known(system, config.systems, where)
    except ConfigError as error:
        raise ConfigError(f"{error}; to add a row, add it under systems: in params.yaml") from error


def _check_rows(config: Config, path: Path) -> None:
    """Options by data set are the row's, and every row can be made in the active profile, be it there or not."""
    for name, row in config.systems.items():
        for dataset, options in row.by_dataset.items():
            known(dataset, config.data.captions, f"{path}: systems.{name}.by_dataset")
            for option in options:
                known(option, row.options, f"{path}: systems.{name}.by_dataset.{dataset}")
    for system, change in config.active.recipe.get("rows", {}).items():
        for dataset in change.get(BY_DATASET, {}):
            known(dataset, config.data.captions, f"{path}: active.recipe.rows.{system}.{BY_DATASET}")
    for system in config.systems:
        config.recipe_of(system)
        for dataset in config.active.datasets:
            config.recipe_of(system, dataset)
            known(config.relations_of(dataset, system).encoder, config.encoders, f"{path}: relations.encoder")


def _check_kinds(config: Config, path: Path) -> None:
    for kind in config.features.extractors:
        known(base_kind(kind), PICTURE_KINDS, f"{path}: features.extractors")
    for dataset, kinds in config.features.kinds.items():
        where = f"{path}: features.kinds.{dataset}"
        known(dataset, config.data.captions, f"{path}: features.kinds")
        if not kinds or len(set(kinds)) != len(kinds):
            raise ConfigError(f"{where} is empty or repeats an entry: {list(kinds)}")
        for kind in kinds:
            known(base_kind(kind), (CAPTION_TOKENS, *PICTURE_KINDS), where)
