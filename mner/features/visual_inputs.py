"""What stands for a data set's pictures: published captions and labels in data/, or what features/ holds.

``data.captions``, ``data.objects`` and ``data.ocr`` name a published source, or ``extracted``: what the extractor
of that kind found in the pictures (``features.kinds``). ``data.regions`` names the store read as regions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from mner.config import CAPTION_TOKENS, Config, ConfigError
from mner.config.schema import REGION_KINDS, base_kind
from mner.data.side_data import WORDS, Side, read_side
from mner.data.sources import words_of
from mner.features.found import CROP_PARTS
from mner.features.found_files import caption_texts, object_labels, object_scores, ocr_text
from mner.features.store import FeatureStore, read_store

EXTRACTED = "extracted"
SCORED = ("objects", "ocr")


def side_of(
    config: Config, dataset: str, root: Path, captions: str | None = None, words: Collection[str] = ()
) -> Side:
    """Captions, labels and writing of the chosen sources, without the invalid pictures; and the published lists.

    ``captions`` replaces the source that the parameters name. Of ``words`` those are read that are names of
    further words on pictures (``mner.data.side_data.WORDS``) and that the data set has.

    Raises:
        CorpusError, FeatureError: a source is not there; the message says what to do.
    """
    data, folder = config.data, root / "features" / dataset
    captions, objects = captions or data.captions[dataset], data.objects[dataset]
    side = read_side(
        root / "data" / dataset / "side",
        captions=None if captions == EXTRACTED else captions,
        objects=None if objects == EXTRACTED else objects,
        words=_words(dataset, words),
    )
    if captions == EXTRACTED:
        side = replace(side, captions=caption_texts(folder / "captions.json"))
    if objects == EXTRACTED:
        side = replace(side, objects=object_labels(folder / "objects.json", score=data.minimum_score))
    if data.ocr.get(dataset) == EXTRACTED:
        side = replace(side, ocr=ocr_text(folder / "ocr.json", score=data.minimum_score))
    return side


def confidences_of(config: Config, dataset: str, root: Path) -> dict[str, list[float]] | None:
    """A detector's score of every object that :func:`side_of` names; None where published labels have none."""
    if config.data.objects[dataset] != EXTRACTED:
        return None
    return object_scores(root / "features" / dataset / "objects.json", score=config.data.minimum_score)


def region_store(config: Config, dataset: str, root: Path, system: str | None = None) -> FeatureStore:
    """Read the regions of every picture, memory-mapped, from the store that a row (or the data set) names."""
    return read_store(root / _store(config, dataset, system))


def at_hand(config: Config, dataset: str, system: str | None = None) -> set[str]:
    """Visual inputs that a row (or, without one, the data set) has, in the words of a card's ``needs``."""
    found = {*words_of(dataset)}
    if has_captions := config.data.captions[dataset] is not None:
        found.add("captions")
    if has_captions or config.regions_of(dataset, system) != CAPTION_TOKENS:
        found.add("regions")
    if has_captions or config.relations.kind[dataset] != "rebuilt":
        found.add("relations")
    if config.data.objects[dataset] is not None:
        found.add("objects")
    if config.data.ocr.get(dataset) is not None:
        found.add("ocr")
    return found


def input_files(config: Config, dataset: str, needs: Collection[str], system: str | None = None) -> list[Path]:
    """List the files below the root that hold the visual inputs ``needs`` of a row, relation graphs apart."""
    if not needs:
        return []
    files = [
        Path("data") / dataset / "side" / f"{name}.json" for name in ("captions", "images", "objects", "retrieval")
    ]
    named = {*_words(dataset, needs), config.data.captions[dataset]}
    words = sorted(name for name in named if name is not None and name in WORDS)
    files += [Path("data") / dataset / "side" / f"{name}.json" for name in words]
    sources = {
        "captions": config.data.captions[dataset],
        "objects": config.data.objects[dataset],
        "ocr": config.data.ocr.get(dataset),
    }
    files += [
        Path("features") / dataset / f"{kind}.json"
        for kind, source in sources.items()
        if source == EXTRACTED and kind in needs
    ]
    if "regions" in needs:
        store = _store(config, dataset, system)
        files += [store, store.with_suffix(".json")]
    return files


def describe(config: Config, dataset: str, needs: Collection[str], graph: str, system: str | None = None) -> str:
    """Describe what stands for the picture, in the words of records and of reports/paper.yaml.

    Such as ``captions:blip2+objects:ocsga``, ``grid:efficientnet-lite2+relations:released``, ``none``; what was
    found in pictures with the least score that counts, ``objects:yolox-nano>=0.3``.
    ``graph`` is the name of the relation graph, ``system`` the row, which may name regions of its own.
    """
    data = config.data
    named = {"captions": data.captions[dataset], "objects": data.objects[dataset], "ocr": data.ocr.get(dataset)}
    parts = [
        f"{kind}:{_extracted(config, kind) if source == EXTRACTED else source}"
        for kind, source in named.items()
        if kind in needs and source is not None
    ]
    parts += [f"{name}:{WORDS[name]}" for name in _words(dataset, needs)]
    if "regions" in needs:
        kind = config.regions_of(dataset, system)
        model = data.captions[dataset] if kind == CAPTION_TOKENS else _model(config, kind)
        parts.append(f"{base_kind(kind)}:{model}")
    if "relations" in needs:
        parts.append(f"relations:{graph}")
    return "+".join(parts) or "none"


def _words(dataset: str, needs: Collection[str]) -> list[str]:
    """Names of the further words on pictures among the needs, as far as the data set has them."""
    return [name for name in WORDS if name in needs and name in words_of(dataset)]


def _store(config: Config, dataset: str, system: str | None) -> Path:
    kind = config.regions_of(dataset, system)
    where = f"regions of {system or 'all rows'} on {dataset}"
    if base_kind(kind) not in (CAPTION_TOKENS, *REGION_KINDS):
        raise ConfigError(f"{where}: unknown {kind!r}; choose one of {', '.join((CAPTION_TOKENS, *REGION_KINDS))}")
    if kind not in config.kinds_of(dataset):
        raise ConfigError(f"{where} are {kind!r}, which features.kinds.{dataset} does not build")
    name = "caption_tokens" if kind == CAPTION_TOKENS else kind
    return Path("features") / dataset / f"{name}.safetensors"


def _extracted(config: Config, kind: str) -> str:
    scored = f">={config.data.minimum_score:g}" if kind in SCORED else ""
    return _model(config, kind) + scored


def _model(config: Config, kind: str) -> str:
    """Short name of what extracts a kind: ``yolox-nano``; for a model of the hub its own: ``resnet152``.

    Crops go by the model that reads them. What follows a dot in a hub's name says how the model was trained.
    """
    settings = config.features.extractors[kind]
    name, options, what = settings.name, settings.options, base_kind(kind)
    if what == "crops":
        what, options = "grid", {**CROP_PARTS["grid"], **options.get("grid", {})}
        name = str(options["name"])
    if "model" in options:
        return str(options["model"]).rpartition("/")[2].replace("-", "").partition(".")[0]
    return name.removeprefix(f"{what}-")
