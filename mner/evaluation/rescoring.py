"""Score runs on other dataset versions and under other scorers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from tqdm import tqdm

from mner.base.files import read_json
from mner.data.corpus import Sentence, read_sentences
from mner.data.sources import ANNOTATIONS, annotation_file
from mner.data.spans import Entity, Spans, entities
from mner.data.tag_codes import EncodedTags, TagError, Tags, encode, types_of
from mner.evaluation import ita_scorer
from mner.evaluation.error_results import SuspectLabel
from mner.evaluation.rescored_results import (
    Rescored,
    RescoredResults,
    RescoredRun,
    ScorerTitle,
    SubwordSource,
)
from mner.evaluation.scorers import SCORERS, Scorer, word_counts
from mner.evaluation.scoring import PredictionName
from mner.evaluation.subword_scores import (
    ScorerScores,
    SubwordLayout,
    SubwordsPerWord,
    score_subword_batches,
    subword_layout,
)
from mner.evaluation.tagged import Tagged, TaggedRun


def patch_entry(suspect: SuspectLabel) -> dict[str, Any]:
    """Turn a suspected label into a change: what to ``remove`` and to ``add``, and how sure the runs are."""
    spurious = suspect.kind == "spurious label"
    return {
        **{name: getattr(suspect, name) for name in ("sentence", "image", "kind", "share", "systems")},
        "remove": [asdict(one) for one in ((suspect.entity,) if spurious else suspect.gold)],
        "add": [] if spurious else [asdict(suspect.entity)],
    }


def apply_patch(tags: Sequence[Sequence[str]], changes: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Gold tags with the changes a reader has accepted.

    Raises:
        TagError: an entity to remove that is not there, or one to add that overlaps another: a patch for another
            copy of the data, or two changes that exclude each other.
    """
    patched = [list(row) for row in tags]
    found = entities(tags)
    for change in changes:
        sentence = change["sentence"]
        if not 0 <= sentence < len(patched):
            raise TagError(f"sentence {sentence}: the file has {len(patched)}; is the patch of another copy?")
        removed = [Entity(**entity) for entity in change["remove"]]
        for entity in removed:
            if entity not in found[sentence] or patched[sentence][entity.first] == "O":
                raise TagError(f"sentence {sentence}: no {entity.kind} at {entity.first}-{entity.last} to remove")
            patched[sentence][entity.first : entity.last + 1] = ["O"] * (entity.last - entity.first + 1)
        for entity in (Entity(**entity) for entity in change["add"]):
            place = slice(entity.first, entity.last + 1)
            if set(patched[sentence][place]) != {"O"} or entity.last >= len(patched[sentence]):
                raise TagError(
                    f"sentence {sentence}: {entity.kind} at {entity.first}-{entity.last} overlaps an entity"
                )
            patched[sentence][place] = [f"B-{entity.kind}", *[f"I-{entity.kind}"] * (entity.last - entity.first)]
    return patched


RGCN = "rgcn"


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A copy by its name in ``reports/paper.yaml``; ``gold`` are its tags on all our sentences, None: ours."""

    name: str
    keep: Bool[np.ndarray, " sentences"]
    gold: EncodedTags | None = None

    def gold_of(self, ours: EncodedTags) -> EncodedTags:
        """Its tags on the sentences it holds."""
        return (ours if self.gold is None else self.gold).select(self.keep)


def other_versions(data_folder: Path, dataset: str) -> tuple[OtherVersion, ...]:
    """The copies of a data set's test split that can be rebuilt from what the data stage wrote, by name."""
    return tuple(sorted((*_rgcn(data_folder, dataset), *_annotations(data_folder, dataset)), key=lambda x: x.name))


def _rgcn(data_folder: Path, dataset: str) -> list[OtherVersion]:
    """R-GCN's, known by its retrieval lists; its tags on what it holds are ours (``mner.data.audit_findings``).

    No copy where it holds no sentence, or all of them.
    """
    path = data_folder / dataset / "side" / "retrieval.json"
    if not path.is_file():
        return []
    keep = np.array([entry is not None for entry in read_json(path)["test"]], dtype=bool)
    return [] if keep.all() or not keep.any() else [OtherVersion(RGCN, keep)]


def _annotations(data_folder: Path, dataset: str) -> list[OtherVersion]:
    """Copies of the same sentences in which some have other tags."""
    found = []
    for name in sorted(ANNOTATIONS.values()):
        path = annotation_file(data_folder / dataset, name)
        if path.is_file():
            gold = encode([sentence.tags or () for sentence in read_sentences(path)])
            found.append(OtherVersion(name, np.ones(len(gold.lengths), dtype=bool), gold))
    return found


STANDARD = "conlleval"


def _ita_spans(codes: np.ndarray) -> Spans:
    return ita_scorer.bio_spans(ita_scorer.opened(codes))


def _ita(gold: Tags, predicted: Tags, subwords_per_word: SubwordsPerWord | None = None) -> ScorerScores:
    """ITA's file reader, span reader and rounded metric (``ita_scorer``), on word tags without image words."""
    counts = word_counts(_ita_spans, gold, predicted)
    rows = types_of(counts)
    overall, *per_type = (
        ita_scorer.Counts(correct, found - correct, wanted - correct)
        for correct, found, wanted in (counts.sum(axis=0).tolist(), *counts[list(rows.values())].tolist())
    )
    types = {kind: (row.precision, row.recall, row.f1) for kind, row in zip(rows, per_type, strict=True)}
    return ScorerScores(overall.precision, overall.recall, overall.f1, types)


ALL_SCORERS: dict[str, Scorer] = SCORERS | {
    "ita": Scorer("ita", "ITA", "the flair-based program of ITA, NAACL 2022", _ita)
}


@dataclass(frozen=True, slots=True)
class SubwordCounter:
    """Where word pieces come from: an encoder's name, and its counter, or (None) ``reason`` why there is none."""

    encoder: str
    count: Callable[[Sequence[str]], Sequence[int]] | None
    reason: str = ""


def numbers_of_subwords(tagged: Tagged, pieces: SubwordCounter) -> dict[tuple[str, str], SubwordsPerWord | None]:
    """Word pieces of every word by (data set, split); None where there is no splitter."""
    return {place: _numbers(sentences, pieces) for place, sentences in tagged.sentences.items()}


def rescore(
    tagged: Tagged,
    pieces: SubwordCounter,
    counted: Mapping[tuple[str, str], SubwordsPerWord | None],
    copies: Mapping[str, Sequence[OtherVersion]],
) -> RescoredResults:
    """Score every run by dataset version (its own, and ``copies`` of its test split) and scorer.

    Single epochs are included. ``counted`` are the numbers of ``pieces``.
    """
    golds = _Golds(tagged, counted, copies)
    return RescoredResults(
        tagged.profile,
        STANDARD,
        tuple(ScorerTitle(one.name, one.title, one.origin) for one in ALL_SCORERS.values()),
        SubwordSource(pieces.encoder, pieces.reason or None),
        tuple(
            RescoredRun(
                run.record, run.dataset, run.system, run.seed, run.dataset_version, _versions(run, golds, pieces)
            )
            for run in tqdm(tagged.runs, desc="scorers", unit="run", disable=None)
        ),
    )


def _numbers(sentences: Sequence[Sentence], pieces: SubwordCounter) -> SubwordsPerWord | None:
    if pieces.count is None:
        return None
    numbers = iter(pieces.count([word for sentence in sentences for word in sentence.words]))
    return [list(islice(numbers, len(sentence.words))) for sentence in sentences]


def _versions(run: TaggedRun, golds: _Golds, pieces: SubwordCounter) -> dict[str, dict[str, dict[str, Rescored]]]:
    found: dict[str, dict[str, dict[str, Rescored]]] = {run.dataset_version: {}}
    for name, predicted in run.tags.items():
        said = PredictionName.of(name)
        found[run.dataset_version][name] = _by_scorer(golds.whole(run.dataset, said.split), predicted, pieces)
        for other in golds.others(run.dataset) if said.is_own_test else ():
            if other.name != run.dataset_version:
                scores = _by_scorer(golds.of_version(run.dataset, other), predicted.select(other.keep), pieces)
                found.setdefault(other.name, {})[name] = scores
    return found


@dataclass(frozen=True, slots=True)
class _Gold:
    """Gold tags of a split in a dataset version, the subword layout of its words, and the tags laid out so."""

    words: EncodedTags
    layout: SubwordLayout | None
    subwords: EncodedTags | None

    @classmethod
    def of(cls, words: EncodedTags, numbers: SubwordsPerWord | None) -> _Gold:
        layout = None if numbers is None else subword_layout(numbers)
        return cls(words, layout, None if layout is None else layout.lift(words))


class _Golds:
    """What predictions are scored against, each made once for all runs."""

    def __init__(
        self,
        tagged: Tagged,
        counted: Mapping[tuple[str, str], SubwordsPerWord | None],
        versions: Mapping[str, Sequence[OtherVersion]],
    ) -> None:
        self._tagged, self._counted, self._versions = tagged, counted, versions
        self._made: dict[tuple[str, ...], _Gold] = {}

    def others(self, dataset: str) -> Sequence[OtherVersion]:
        """Versions of the test split that are at hand besides our own."""
        return self._versions.get(dataset, ())

    def whole(self, dataset: str, split: str) -> _Gold:
        """Our own version of a split."""
        if (dataset, split) not in self._made:
            made = _Gold.of(self._tagged.gold[dataset, split], self._counted[dataset, split])
            self._made[dataset, split] = made
        return self._made[dataset, split]

    def of_version(self, dataset: str, version: OtherVersion) -> _Gold:
        """Another version of the test split."""
        place = dataset, "test", version.name
        if place not in self._made:
            numbers = self._counted[dataset, "test"]
            if numbers is not None:
                numbers = [row for row, held in zip(numbers, version.keep, strict=True) if held]
            self._made[place] = _Gold.of(version.gold_of(self._tagged.gold[dataset, "test"]), numbers)
        return self._made[place]


def _by_scorer(gold: _Gold, predicted: EncodedTags, pieces: SubwordCounter) -> dict[str, Rescored]:
    laid_out = None if gold.layout is None else gold.layout.lift(predicted)
    return {name: _under(scorer, gold, predicted, laid_out, pieces) for name, scorer in ALL_SCORERS.items()}


def _under(
    scorer: Scorer, gold: _Gold, predicted: EncodedTags, laid_out: EncodedTags | None, pieces: SubwordCounter
) -> Rescored:
    try:
        if scorer.batch is None:
            scores = scorer.score(gold.words, predicted, None)
        elif gold.subwords is None or laid_out is None:
            return Rescored(state=f"no word pieces: {pieces.reason}")
        else:
            scores = score_subword_batches(gold.subwords, laid_out, scorer.batch).mean()
    except TagError as error:
        return Rescored(state=str(error))
    types = {kind: 100 * triple[2] for kind, triple in scores.per_type.items()}
    return Rescored(100 * scores.precision, 100 * scores.recall, 100 * scores.f1, types)
