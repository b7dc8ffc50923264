"""params.yaml as frozen dataclasses, and the places a machine offers. The only reader of either.

Every key is known: an unknown one is an error that names the nearest known key and where it stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mner.data.controls_settings import ControlsSettings
from mner.data.sources import CANONICAL
from mner.features.found import KINDS
from mner.graphs.recipe import GraphRecipe, RelationSettings
from mner.models.encoders import EncoderSource
from mner.places import Places as Places
from mner.strict import ConfigError, EachKeyOnce, build, convert, known
from mner.training.recipe import Recipe

CAPTION_TOKENS = "caption-tokens"
ENCODER = "encoder"


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Per data set: captions, object labels, writing and regions that stand for the picture (null: none).

    ``extracted`` is what an extractor found (``mner.features.visual_inputs``), from ``minimum_score`` on.
    """

    copy: str
    captions: Mapping[str, str]
    objects: Mapping[str, str | None]
    ocr: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    regions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    minimum_score: float = 0.5

    def __post_init__(self) -> None:
        if self.copy != CANONICAL:
            raise ValueError(f"copy is {self.copy!r}; data sets are made of the copy {CANONICAL!r} alone")
        if not 0 <= self.minimum_score <= 1:
            raise ValueError(f"minimum_score is {self.minimum_score}; a detector's scores lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class ExtractorSettings:
    """Which extractor makes one kind (``mner.features.load`` knows the names), in what batches, its options."""

    name: str
    batch_size: int
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; a batch holds at least one picture")


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """``encoder`` embeds captions (<= ``max_regions`` vectors); ``kinds`` by data set, ``extractors`` by kind."""

    encoder: str
    max_regions: int
    batch_size: int
    kinds: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    extractors: Mapping[str, ExtractorSettings] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for field in ("max_regions", "batch_size"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} is {getattr(self, field)}; it is at least 1")

    def kinds_of(self, dataset: str) -> tuple[str, ...]:
        """Kinds to build for a data set; one that ``kinds`` does not name has caption tokens only."""
        return self.kinds.get(dataset, (CAPTION_TOKENS,))


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """One row: its file, the options of its tagger, and what its recipe and its relation graph change.

    ``by_dataset`` holds options that a data set changes, where a paper sets them so.
    """

    file: str
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]
    relations: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    by_dataset: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def options_on(self, dataset: str) -> Mapping[str, Any]:
        """The tagger's options on a data set."""
        return {**self.options, **self.by_dataset.get(dataset, {})}


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """Margins in points of F1 and the level of the tests behind verdicts."""

    margin: float
    alpha: float
    reference_margin: float
    control_gain: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; the level of a test lies between 0 and 1")
        for field in ("margin", "reference_margin", "control_gain"):
            if not 0 <= getattr(self, field) <= 100:
                raise ValueError(f"{field} is {getattr(self, field)}; points of F1 lie between 0 and 100")


@dataclass(frozen=True, slots=True)
class Profile:
    """How big: data sets x systems x seeds, the text encoder, and what the profile changes in the recipe.

    ``recipe.rows`` changes the recipes of single rows, over what the rows say themselves; ``encoder`` there is the
    row's own text encoder, which is no part of a recipe but stands where DVC watches what may be absent.
    """

    name: str
    note: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    encoder: str
    recipe: Mapping[str, Any]

    def __post_init__(self) -> None:
        for seed in self.seeds:
            if not 0 <= seed < 2**32:
                raise ValueError(f"seed {seed}; a seed is a whole number from 0 to {2**32 - 1}")

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """(data set, system) of every cell, in the profile's order."""
        return tuple((dataset, system) for dataset in self.datasets for system in self.systems)

    def encoder_of(self, system: str) -> str:
        """Name of a row's text encoder: its own, else that of all rows."""
        return self.recipe.get("rows", {}).get(system, {}).get(ENCODER, self.encoder)


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
        """The recipe of one row: the shared one, changed by the profile, the row, and the profile for this row."""
        profile = {key: value for key, value in self.active.recipe.items() if key != "rows"}
        rows = self.active.recipe.get("rows", {})
        of_row = {key: value for key, value in rows.get(system, {}).items() if key != ENCODER}
        overrides = {**self.recipe, **profile, **self.systems[system].recipe, **of_row}
        return build(Recipe, overrides, f"recipe of {system} in profile {self.active.name}")

    def relations_of(self, dataset: str, system: str | None = None) -> GraphRecipe:
        """What the relation graph is made of that a row (or, without one, the data set) reads."""
        parts = {**self.relations.of(dataset), **(self.systems[system].relations if system else {})}
        return build(GraphRecipe, parts, f"relations of {system or 'all rows'} on {dataset}")

    def graph_of(self, dataset: str, system: str | None = None) -> str:
        """Name of that graph: the stem of its file in graphs/<dataset>/."""
        return self.relations_of(dataset, system).name(self.relations_of(dataset))


def load(path: Path) -> Config:
    """Read and check params.yaml.

    Raises:
        ConfigError: the file is missing, not YAML, or has an unknown, missing or inconsistent entry.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), EachKeyOnce)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; run from the repository root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}, {error}") from error
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
    for name, source in config.encoders.items():
        if source.name != name:
            raise ConfigError(f"{path}: encoders.{name} calls itself {source.name!r}")
    for name, profile in config.profiles.items():
        _check_profile(name, profile, config, path)
    if config.profiles.get(config.active.name) != config.active:
        raise ConfigError(f"{path}: 'active' must name a profile: active: *{next(iter(config.profiles), 'NAME')}")
    by_dataset = {f"data.{part}": getattr(config.data, part) for part in ("objects", "ocr", "regions")}
    for where, entries in (by_dataset | {"relations.kind": config.relations.kind}).items():
        for dataset in entries:
            known(dataset, config.data.captions, f"{path}: {where}")
    for where in ("features", "relations"):
        known(getattr(config, where).encoder, config.encoders, f"{path}: {where}.encoder")
    _check_kinds(config, path)
    _check_rows(config, path)


def _check_profile(name: str, profile: Profile, config: Config, path: Path) -> None:
    place = f"{path}: profiles.{name}"
    if profile.name != name:
        raise ConfigError(f"{path}: profile {name} calls itself {profile.name!r}")
    for system in profile.systems:
        known(system, config.systems, f"{place}.systems")
    where = f"{place}.recipe.rows"
    for system in convert(Mapping[str, Mapping[str, Any]], profile.recipe.get("rows", {}), where):
        known(system, profile.systems, where)
        known(profile.encoder_of(system), config.encoders, f"{where}.{system}.{ENCODER}")
    for dataset in profile.datasets:
        known(dataset, config.data.captions, f"{place}.datasets")
        known(dataset, config.data.objects, f"{path}: data.objects, for profiles.{name}.datasets")
        known(dataset, config.relations.kind, f"{path}: relations.kind, for profiles.{name}.datasets")
    for field in ("datasets", "systems", "seeds"):
        entries = getattr(profile, field)
        if not entries or len(set(entries)) != len(entries):
            raise ConfigError(f"{place}.{field} is empty or repeats an entry: {list(entries)}")
    known(profile.encoder, config.encoders, f"{place}.encoder")


def _check_rows(config: Config, path: Path) -> None:
    """Options by data set are the row's, and every row can be made in every profile, be it there or not."""
    for name, row in config.systems.items():
        for dataset, options in row.by_dataset.items():
            known(dataset, config.data.captions, f"{path}: systems.{name}.by_dataset")
            for option in options:
                known(option, row.options, f"{path}: systems.{name}.by_dataset.{dataset}")
    for profile in config.profiles.values():
        for system in config.systems:
            dataclasses.replace(config, active=profile).recipe_of(system)
            for dataset in profile.datasets:
                known(config.relations_of(dataset, system).encoder, config.encoders, f"{path}: relations.encoder")


def _check_kinds(config: Config, path: Path) -> None:
    for kind in config.features.extractors:
        known(kind, KINDS, f"{path}: features.extractors")
    for dataset, kinds in config.features.kinds.items():
        where = f"{path}: features.kinds.{dataset}"
        known(dataset, config.data.captions, f"{path}: features.kinds")
        if not kinds or len(set(kinds)) != len(kinds):
            raise ConfigError(f"{where} is empty or repeats an entry: {list(kinds)}")
        for kind in kinds:
            known(kind, (CAPTION_TOKENS, *KINDS), where)
            if kind != CAPTION_TOKENS and kind not in config.features.extractors:
                raise ConfigError(f"{where}: nothing makes {kind!r}; name its extractor in features.extractors")
