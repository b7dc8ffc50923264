"""Scores of runs under the standard scorer, and the checks that predictions are those their records speak of.

The one scoring rule here is conlleval's, as seqeval computes it in its default mode, at word level: an I- that
follows no entity of its type opens one, sentences are separate, counts are pooled over the whole split. Other
rules are in ``rescoring``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mner.base.files import cached_sha256_of, sha256_of
from mner.data.corpus import OUTSIDE, Sentence, sentences_at
from mner.data.labels import is_tag
from mner.data.spans import lenient_spans
from mner.data.tag_codes import EncodedTags, encode, types_of
from mner.evaluation.averages import ScoringError, average_cell
from mner.evaluation.score_results import ScoredRun, ScoreResults, Scores, TypeScores
from mner.evaluation.scorers import word_counts
from mner.evaluation.tag_reader import TagReader
from mner.tracking.origin import ARCHIVE, origin_of
from mner.tracking.record import Record

MODE = "conlleval: seqeval default mode, word level, pooled over the split"
MACHINE = ("cpu", "gpu", "cuda", "cores", "threads", "memory_gib", "platform", "numpy")
LIBRARIES = ("torch", "transformers", "torch-geometric")
OF_RECORD = (
    *("key", "profile", "dataset", "system", "seed", "status", "reason", "versions", "recipe", "options"),
    *("encoder", "visual_input", "dev_f1", "best_epoch", "predictions", "throughput", "duration_seconds"),
    *("git", "finished_at", "command", "inputs"),
)
"""Fields of a record that a scored run repeats."""

GoldOf = Callable[[str, str], Sequence[Sentence]]

_PREDICTION = re.compile(r"(?:epoch-(?P<epoch>\d+)\.)?(?P<split>dev|test)\.(?P<view>[a-z]+)")


def score_run(gold: Sequence[Sentence], predicted: Sequence[Sequence[str]]) -> Scores:
    """Score predicted word-level tags against gold with conlleval's rule (Tjong Kim Sang and De Meulder 2003).

    Raises:
        ScoringError: another number of sentences or words (the first sentence that differs is named), a tag
            that is no BIO tag, gold without tags, or gold without a single entity.
    """
    _same_shape(gold, predicted)
    return _scores_of(gold, encode([sentence.tags or () for sentence in gold]), encode(predicted))


def score_encoded(gold: Sequence[Sentence], gold_tags: EncodedTags, predicted: EncodedTags) -> Scores:
    """Score as :func:`score_run` does, from tags that are encoded already.

    Raises:
        ScoringError: see :func:`score_run`.
    """
    if not np.array_equal(gold_tags.lengths, predicted.lengths):
        _same_shape(gold, [[OUTSIDE] * length for length in predicted.lengths.tolist()])
    return _scores_of(gold, gold_tags, predicted)


def _scores_of(gold: Sequence[Sentence], gold_tags: EncodedTags, predicted: EncodedTags) -> Scores:
    counts = word_counts(lenient_spans, gold_tags, predicted)
    correct, found, support = counts.sum(axis=0).tolist()
    if not support:
        raise ScoringError("gold holds no entity, so precision, recall and F1 mean nothing")
    precision, recall, f1 = _percentages(correct, found, support)
    types = {
        kind: TypeScores(*_percentages(*counts[row].tolist()), int(counts[row, 2]))
        for kind, row in types_of(counts).items()
    }
    words = len(gold_tags.codes)
    # seqeval and conlleval both call precision 0 where nothing was predicted; per type we say None instead.
    return Scores(precision or 0.0, recall or 0.0, f1 or 0.0, support, types, len(gold), words, MODE)


def _same_shape(gold: Sequence[Sentence], predicted: Sequence[Sequence[str]]) -> None:
    for sentence, tags in zip(gold, predicted, strict=False):
        if sentence.tags is None:
            raise ScoringError(
                f"sentence {sentence.index}: gold carries no tags; blind files cannot be scored against"
            )
        if len(tags) != len(sentence.words):
            raise ScoringError(
                f"sentence {sentence.index}: {len(sentence.words)} words but {len(tags)} predicted tags"
            )
        unknown = [tag for tag in tags if not is_tag(tag)]
        if unknown:
            raise ScoringError(f"sentence {sentence.index}: predicted tag {unknown[0]!r} is no BIO tag")
    if len(gold) != len(predicted):
        first = min(len(gold), len(predicted))
        lacking = "predictions" if len(predicted) < len(gold) else "gold"
        raise ScoringError(
            f"{len(gold)} gold sentences but {len(predicted)} predicted: "
            f"sentence {first} is the first that the {lacking} lack"
        )


def _percentages(correct: int, predicted: int, gold: int) -> tuple[float | None, float | None, float | None]:
    precision = 100 * correct / predicted if predicted else None
    recall = 100 * correct / gold if gold else None
    return precision, recall, 200 * correct / (gold + predicted) if gold or predicted else None


@dataclass(frozen=True, slots=True)
class PredictionName:
    """What a file of predictions holds: a split in a view, after the chosen epoch (None) or a numbered one."""

    split: str
    view: str
    epoch: int | None

    @classmethod
    def of(cls, name: str) -> PredictionName:
        """Read ``test.own`` or ``epoch-3.test.own``; raises ScoringError on anything else."""
        found = _PREDICTION.fullmatch(name)
        if found is None:
            raise ScoringError(f"{name}: predictions are named <split>.<view> or epoch-<n>.<split>.<view>")
        epoch = None if found["epoch"] is None else int(found["epoch"])
        return cls(found["split"], found["view"], epoch)

    @property
    def is_own_test(self) -> bool:
        """Whether these are test sentences read with their own pictures."""
        return (self.split, self.view) == ("test", "own")


def gold_reader(data_folder: Path) -> GoldOf:
    """A ``gold_of`` that reads ``corpus/dev.jsonl`` and the sealed ``gold/test.jsonl`` below ``data_folder``."""
    held: dict[Path, Sequence[Sentence]] = {}

    def gold_of(dataset: str, split: str) -> Sequence[Sentence]:
        place = {"dev": "corpus/dev.jsonl", "test": "gold/test.jsonl"}[split]
        path = data_folder / dataset / place
        if path not in held:  # as it was when it was first asked for
            held[path] = sentences_at(path, cached_sha256_of(path))
        return held[path]

    return gold_of


def score_profile(
    runs_folder: Path,
    gold_of: GoldOf,
    profile: str,
    datasets: Sequence[str],
    systems: Sequence[str],
    seeds: Sequence[int],
    reader: TagReader | None = None,
) -> ScoreResults:
    """Score every run and view of a profile found below ``runs_folder/<profile>`` and average over seeds.

    Paths are relative to ``runs_folder``'s parent. The result is a pure function of the files.

    Predictions of single epochs (``epoch-<n>.test.own``) have their hashes checked here and are scored in
    ``rescoring`` only: they are no view of the run that was chosen.

    Raises:
        ScoringError: a prediction file that is missing, unlisted or differs from its record's hash, a record in
            the wrong folder, or runs of one cell made under different conditions.
        RecordError: a record that contradicts itself.
    """
    found = sorted((runs_folder / profile).glob("*/*/*/record.json"))
    wanted = {
        runs_folder / profile / dataset / system / str(seed) / "record.json"
        for dataset in datasets
        for system in systems
        for seed in seeds
    }
    root = runs_folder.parent
    listed = [path for path in found if path in wanted]
    runs = [
        _score_folder(path, root, profile, gold_of, reader or TagReader())
        for path in tqdm(listed, desc="score", unit="run", disable=None)
    ]
    cells = [average_cell(dataset, system, seeds, runs) for dataset in datasets for system in systems]
    outside = [path.relative_to(root).as_posix() for path in found if path not in wanted]
    return ScoreResults(
        profile,
        MODE,
        tuple(datasets),
        tuple(systems),
        tuple(seeds),
        tuple(runs),
        tuple(cells),
        tuple(outside),
    )


def _score_folder(path: Path, root: Path, profile: str, gold_of: GoldOf, reader: TagReader) -> ScoredRun:
    record = Record.read(path)
    name = path.parent.relative_to(root).as_posix()
    if record.place != (profile, *path.parts[-4:-1]):
        said = "/".join(record.place)
        raise ScoringError(f"run {name}: its record says {said}; the folder was moved or copied")
    environment, origin = record.environment, origin_of(path.parent)
    finished = record.status == "finished"
    return ScoredRun(
        **{name: getattr(record, name) for name in OF_RECORD},
        dataset_version=record.data_copy,
        precision=environment.get("precision"),
        software=_software(environment),
        machine=machine_of(environment),
        origin=ARCHIVE if origin is not None and not origin.is_audited else "",
        loaded=environment.get("loaded") or {},
        record=path.relative_to(root).as_posix(),
        record_sha256=sha256_of(path),
        views=_score_views(path.parent, name, record, gold_of, reader) if finished else {},
    )


def machine_of(environment: Mapping[str, Any]) -> str:
    """Name the machine of a run by what its record says; runs of equal keys repeat to the digit on one machine."""
    return ", ".join(f"{name} {environment[name]}" for name in MACHINE if environment.get(name) is not None)


def _software(environment: Mapping[str, Any]) -> str:
    """The libraries that compute, with their versions."""
    return ", ".join(f"{name} {environment[name]}" for name in LIBRARIES if environment.get(name))


def _score_views(folder: Path, name: str, record: Record, gold_of: GoldOf, reader: TagReader) -> dict[str, Scores]:
    hashes = record.predictions
    present = {file.name.removesuffix(".jsonl") for file in folder.glob("*.jsonl")}
    for view in sorted(present - set(hashes)):
        raise ScoringError(f"run {name}: {view}.jsonl is not listed in its record; who wrote it?")
    for view in sorted(set(hashes) - present):
        raise ScoringError(f"run {name}: {view}.jsonl is missing; delete the run folder and train it again")
    views = {}
    for view in sorted(hashes):
        file = folder / f"{view}.jsonl"
        if sha256_of(file) != hashes[view]:
            raise ScoringError(
                f"run {name}: {file.name} does not match the hash in its record; it was changed after the run. "
                "Restore it, or delete the run folder and train it again"
            )
        try:
            said = PredictionName.of(view)
            if said.epoch is None:
                gold = gold_of(record.dataset, said.split)
                views[view] = score_encoded(gold, reader.gold(gold), reader.read(file))
        except ScoringError as error:
            raise ScoringError(f"run {name}, {view}: {error}") from error
    return views
