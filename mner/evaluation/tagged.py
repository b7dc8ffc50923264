"""All gold and predicted tags of a profile, read and encoded once for everything that is computed from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int

from mner.data.corpus import Sentence
from mner.data.spans import sentence_counts
from mner.data.tag_codes import EncodedTags, encode
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.scoring import GoldOf, PredictionName
from mner.evaluation.statistics import RunCounts
from mner.evaluation.tag_reader import TagReader


@dataclass(frozen=True, slots=True)
class TaggedRun:
    """One finished run: ``tags`` maps prediction names (``test.own``, ``epoch-1.test.own``) to encoded tags."""

    record: str
    dataset: str
    system: str
    seed: int
    dataset_version: str
    tags: Mapping[str, EncodedTags]


@dataclass(frozen=True)
class Tagged:
    """Finished runs of a profile in table order, and the sentences and gold they are held against."""

    profile: str
    datasets: tuple[str, ...]
    systems: tuple[str, ...]
    runs: tuple[TaggedRun, ...]
    sentences: Mapping[tuple[str, str], Sequence[Sentence]]

    @cached_property
    def gold(self) -> Mapping[tuple[str, str], EncodedTags]:
        """Gold tags by (data set, split)."""
        return {place: encode([s.tags or () for s in held]) for place, held in self.sentences.items()}

    @cached_property
    def _by_cell(self) -> Mapping[tuple[str, str], list[TaggedRun]]:
        found: dict[tuple[str, str], list[TaggedRun]] = {}
        for run in self.runs:
            found.setdefault((run.dataset, run.system), []).append(run)
        return found

    def cell(self, dataset: str, system: str) -> list[TaggedRun]:
        """The finished runs of one cell, by seed."""
        return list(self._by_cell.get((dataset, system), ()))

    def cells(self, dataset: str) -> Iterator[tuple[str, list[TaggedRun]]]:
        """Systems of a data set that have finished runs, with these."""
        for system in self.systems:
            if runs := self.cell(dataset, system):
                yield system, runs

    def counts(self, runs: Sequence[TaggedRun], name: str = "test.own") -> RunCounts:
        """Correct, predicted and gold entities by run and sentence, under the standard scorer."""
        found: list[Int[np.ndarray, "sentences 3"]] = [
            sentence_counts(self.gold[run.dataset, PredictionName.of(name).split], run.tags[name]) for run in runs
        ]
        return np.stack(found)


def read_tagged(scores: ScoreResults, root: Path, gold_of: GoldOf, reader: TagReader | None = None) -> Tagged:
    """Read what the finished runs of ``scores.json`` predicted; its hashes have been checked when it was made.

    Args:
        scores: content of ``scores.json``.
        root: the folder record paths are relative to.
        gold_of: gives the gold sentences of a data set and split.
        reader: what has read some of the files already.
    """
    runs, places = [], {}
    reader = reader or TagReader()
    for run in scores.runs:
        if not run.is_finished:
            continue
        folder = (root / run.record).parent
        tags = {name: reader.read(folder / f"{name}.jsonl") for name in sorted(run.predictions)}
        runs.append(TaggedRun(run.record, run.dataset, run.system, run.seed, run.dataset_version, tags))
        for name in tags:
            place = run.dataset, PredictionName.of(name).split
            if place not in places:
                places[place] = gold_of(*place)
    order = {name: number for number, name in enumerate(scores.systems)}
    runs.sort(key=lambda run: (run.dataset, order[run.system], run.seed))
    return Tagged(scores.profile, tuple(scores.datasets), tuple(scores.systems), tuple(runs), places)
