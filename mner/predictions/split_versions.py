"""The test split that predictions are scored against, in every dataset version that can be had."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.base.files import read_json
from mner.config.places import Places
from mner.data.corpus import CorpusError, Sentence, read_sentences
from mner.data.download import Retry, SourceError, fetch, locate
from mner.data.readers import read_rgcn, read_umt
from mner.data.sources import (
    ANNOTATIONS,
    CANONICAL,
    DATASETS,
    SourceFile,
    annotation_file,
    known_versions,
    version_of,
)

_PATIENCE = Retry(attempts=2, timeout=10.0)
RGCN = "rgcn"


@dataclass(frozen=True, slots=True)
class SplitVersion:
    """One version of a test split.

    Attributes:
        name: As in ``reports/paper.yaml``: umt, rgcn, umgf, zhang2018; or hvpnet.
        tags: Its tags by sentence of the canonical version; None for a sentence that it does not hold.
        source: Where it was read.
    """

    name: str
    tags: tuple[tuple[str, ...] | None, ...]
    source: str


@dataclass(frozen=True, slots=True)
class GoldSplit:
    """The test sentences of a data set, its versions (canonical first), and those that could not be had."""

    dataset: str
    sentences: tuple[Sentence, ...]
    versions: tuple[SplitVersion, ...]
    absent: tuple[str, ...]


def read_test_split(dataset: str, places: Places, data: Path = Path("data")) -> GoldSplit:
    """The test split of a data set: from ``data/<dataset>`` if it is prepared there, else from the public files.

    Further versions come from what is prepared, the cache and the mirrors; the network is asked only where
    nothing is prepared.

    Raises:
        SourceError: nothing is prepared, and the canonical file cannot be had.
        CorpusError: an unknown data set, or a damaged file.
    """
    prepared = data / dataset / "gold" / "test.jsonl"
    if prepared.is_file():
        sentences = read_sentences(prepared)
        own = SplitVersion(CANONICAL, tuple(one.tags for one in sentences), str(prepared))
        return _with_versions(dataset, sentences, own, [*_prepared(data / dataset, sentences)], places, False)
    if dataset not in DATASETS:
        raise CorpusError(
            f"no data set {dataset!r}: {prepared} is not there, and public files exist for {', '.join(DATASETS)}"
        )
    (canonical,) = (one for one in _sources(dataset) if one.copy == CANONICAL)
    path = _fetch(canonical, places, places.network)
    sentences = read_umt(path)
    own = SplitVersion(CANONICAL, tuple(one.tags for one in sentences), str(path))
    return _with_versions(dataset, sentences, own, [], places, places.network)


def _sources(dataset: str) -> list[SourceFile]:
    return [one for one in known_versions() if (one.dataset, one.split) == (dataset, "test")]


def _fetch(source: SourceFile, places: Places, network: bool) -> Path:
    found = locate(source, cache=places.cache, mirrors=places.mirrors)
    if found is not None:
        return found
    return fetch(
        source, cache=places.cache, mirrors=places.mirrors, network=network, progress=False, retry=_PATIENCE
    )


def _with_versions(
    dataset: str,
    sentences: tuple[Sentence, ...],
    own: SplitVersion,
    versions: list[SplitVersion],
    places: Places,
    network: bool,
) -> GoldSplit:
    held, absent = [own, *versions], []
    for source in _sources(dataset):
        name = version_of(source)
        if name in {one.name for one in held}:
            continue
        try:
            path = _fetch(source, places, network)
        except (SourceError, OSError):
            absent.append(name)
            network = False
            continue
        held.append(SplitVersion(name, on_canonical(sentences, _read(source, path)), str(path)))
    return GoldSplit(dataset, sentences, tuple(held), tuple(absent))


def _prepared(folder: Path, sentences: Sequence[Sentence]) -> list[SplitVersion]:
    """Versions that the data stage wrote: other annotations, and R-GCN's by its retrieval lists."""
    found = []
    for name in sorted(ANNOTATIONS.values()):
        path = annotation_file(folder, name)
        if path.is_file():
            found.append(SplitVersion(name, on_canonical(sentences, read_sentences(path)), str(path)))
    lists = folder / "side" / "retrieval.json"
    if lists.is_file():
        held = [entry is not None for entry in read_json(lists)["test"]]
        if any(held):
            tags = tuple(one.tags if keep else None for one, keep in zip(sentences, held, strict=True))
            found.append(SplitVersion(RGCN, tags, str(lists)))
    return found


def _read(source: SourceFile, path: Path) -> tuple[Sentence, ...]:
    if source.role == "retrieval":
        return tuple(record.sentence for record in read_rgcn(path))
    return read_umt(path)


def on_canonical(canonical: Sequence[Sentence], other: Sequence[Sentence]) -> tuple[tuple[str, ...] | None, ...]:
    """Tags of another version by canonical sentence: matched by words and image, then words, then image."""
    tags: list[tuple[str, ...] | None] = [None] * len(canonical)
    rest = list(other)
    for key in (_words_and_image, _words, _image):
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for place, one in enumerate(canonical):
            if tags[place] is None:
                waiting[key(one)].append(place)
        left = []
        for one in rest:
            queue = waiting[key(one)]
            if queue and one.tags is not None and len(canonical[queue[0]].words) == len(one.words):
                tags[queue.popleft()] = one.tags
            else:
                left.append(one)
        rest = left
    return tuple(tags)


def _words_and_image(one: Sentence) -> Hashable:
    return one.words, one.image


def _words(one: Sentence) -> Hashable:
    return one.words


def _image(one: Sentence) -> Hashable:
    return one.image
