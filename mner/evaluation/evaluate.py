"""Everything the score stage computes, from the tags of all runs of a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mner.base.files import read_json
from mner.data.corpus import Sentence, read_sentences
from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.comparisons import profile_statistics
from mner.evaluation.error_counts import profile_errors
from mner.evaluation.error_results import AuditResults, ErrorResults, Truncation
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.rescoring import SubwordCounter, numbers_of_subwords, other_versions, rescore
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.scored_inputs import check_gold, check_inputs, committed_pins, hashes_of_inputs
from mner.evaluation.scoring import GoldOf, gold_reader, score_profile
from mner.evaluation.statistics_results import StatisticsResults
from mner.evaluation.subword_scores import SubwordsPerWord
from mner.evaluation.tag_reader import TagReader
from mner.evaluation.tagged import read_tagged
from mner.tracking.evidence import check_evidence
from mner.tracking.prepared_inputs import check_inputs as check_inputs_in_lock
from mner.tracking.record import Record
from mner.tracking.run_places import run_folder

SubwordsBySplit = Mapping[tuple[str, str], SubwordsPerWord | None]
BORDERS = 2
"""SubwordCounter that [CLS] and [SEP] take of ``max_pieces``."""


def input_notes(
    scores: ScoreResults,
    data_folder: Path,
    sentences: Mapping[tuple[str, str], Sequence[Sentence]],
    pieces: Mapping[str, SubwordsBySplit],
) -> AuditResults:
    """Collect findings by data set, and test words cut off by cell.

    ``pieces`` are, by encoder, the numbers of word pieces of ``sentences`` (by data set and split); a cell of
    another encoder, or of one whose splitter was not at hand, gets a ``state``.
    """
    findings = read_findings(data_folder, scores.datasets)
    return AuditResults(scores.profile, findings, tuple(_truncation(scores, sentences, pieces)))


def read_findings(data_folder: Path, datasets: Sequence[str]) -> dict[str, list[dict[str, Any]] | None]:
    """The audit findings of each data set, None where the data stage has written none."""
    files = {dataset: data_folder / dataset / "audit" / "findings.json" for dataset in datasets}
    return {dataset: read_json(file) if file.is_file() else None for dataset, file in files.items()}


def cut_words(pieces: SubwordsPerWord, max_pieces: int) -> list[int]:
    """Words of each sentence that do not fit in ``max_pieces`` with both borders, so that no encoder sees them.

    The rule is that of ``mner.data.subwords``: the first word that does not fit whole ends the sentence; a word
    without a piece is not counted.
    """
    room = max_pieces - BORDERS
    cut = []
    for row in pieces:
        ends = [0]
        for number in row:
            ends.append(ends[-1] + number)
        cut.append(sum(end > room and end > start for start, end in pairwise(ends)))
    return cut


def _truncation(
    scores: ScoreResults,
    sentences: Mapping[tuple[str, str], Sequence[Sentence]],
    pieces: Mapping[str, SubwordsBySplit],
) -> Iterator[Truncation]:
    counted: dict[tuple[str, str, int], list[int]] = {}
    for cell in scores.cells:
        of_vectors = cell.encoder is not None and cell.encoder.source == WORD_VECTORS
        name = "none" if of_vectors else cell.encoder_name
        limit = cell.recipe.get("max_pieces")
        if not cell.is_finished or name == "none" or limit is None:
            continue
        place = cell.dataset, cell.system, limit
        numbers = pieces.get(name, {}).get((cell.dataset, "test"))
        if numbers is None:
            yield Truncation(*place, state=f"no splitter of {name} at hand, so cut words were not counted")
            continue
        if (name, cell.dataset, limit) not in counted:
            counted[name, cell.dataset, limit] = cut_words(numbers, limit)
        cut = counted[name, cell.dataset, limit]
        words = sum(len(sentence.words) for sentence in sentences[cell.dataset, "test"])
        yield Truncation(*place, words, sum(cut), sum(map(bool, cut)))


def _checked_inputs(
    scores: ScoreResults, root: Path, data: Path, gold_of: GoldOf, pinned: Mapping[str, str]
) -> dict[str, str]:
    """Hash all files that scoring reads, once they are those of dvc.lock, records and committed scores.

    No record holds the hash of gold, so of a data set without committed scores only dvc.lock tells it.
    """
    finished = [run for run in scores.runs if run.is_finished]
    datasets = sorted({run.dataset for run in finished})
    found = hashes_of_inputs(data, datasets)
    if data.resolve() == (root / "data").resolve():
        check_inputs_in_lock(root, map(Path, found))
    read = {run.record: Record.read(root / run.record).inputs for run in finished}
    in_records = {path for inputs in read.values() for path in inputs}
    check_inputs(found, committed_pins(pinned, found, datasets, in_records), "the committed scores")
    for record, inputs in read.items():
        check_inputs(found, inputs, record)
    for dataset in datasets:
        check_gold(data, dataset, gold_of(dataset, "test"))
    return found


RESAMPLING_SEED = 20


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results of a profile, one field a file (:mod:`mner.evaluation.result_files`)."""

    scores: ScoreResults
    rescored: RescoredResults
    statistics: StatisticsResults
    errors: ErrorResults
    audit: AuditResults


def evaluate(
    root: Path,
    profile: str,
    datasets: Sequence[str],
    systems: Sequence[str],
    seeds: Sequence[int],
    pieces: Callable[[], SubwordCounter],
    data: Path | None = None,
    uncased: Callable[[], SubwordCounter] | None = None,
    further: Sequence[Callable[[], SubwordCounter]] = (),
    pinned: Mapping[str, str] = MappingProxyType({}),
) -> Evaluation:
    """Compute all results of a profile from the tags of its runs.

    ``root`` holds runs/, and data/ unless ``data`` says where it is. ``pieces`` are those of the profile's
    encoder, for what it cuts off, ``uncased`` those of BERT's uncased splitter, on which R-GCN's scorer is defined
    (None: ``pieces`` are these), ``further`` those of encoders that single rows have; all are called only if a run
    is finished. ``pinned`` are hashes of files that committed scores were made with; others are refused.

    Raises:
        ChangedInputError: gold or another file is not what dvc.lock, a record or ``pinned`` says.
        ForeignGoldError: gold is of other sentences than runs read.
        ScoringError: see :func:`mner.evaluation.scoring.score_profile`.
        EvidenceError: a run contradicts its record (:mod:`mner.tracking.evidence`).
    """
    data = data or root / "data"
    for dataset, system, seed in product(datasets, systems, seeds):
        folder = run_folder(root, profile, dataset, system, seed)
        if (folder / "record.json").is_file():
            check_evidence(folder, data)
    gold_of, reader = gold_reader(data), TagReader()
    scores = score_profile(root / "runs", gold_of, profile, datasets, systems, seeds, reader)
    scores = replace(scores, inputs=_checked_inputs(scores, root, data, gold_of, pinned))
    tagged = read_tagged(scores, root, gold_of, reader)
    found = sorted({run.dataset for run in tagged.runs})
    training = {dataset: read_sentences(data / dataset / "corpus" / "train.jsonl") for dataset in found}
    copies = {dataset: other_versions(data, dataset) for dataset in found}
    splitter = pieces() if tagged.runs else SubwordCounter("", None, "nothing was run")
    counted = numbers_of_subwords(tagged, splitter)
    of_scorers = uncased() if tagged.runs and uncased is not None else splitter
    counted_for_scorers = counted if of_scorers is splitter else numbers_of_subwords(tagged, of_scorers)
    by_encoder = {splitter.encoder: counted}
    for other in (make() for make in further if tagged.runs):
        by_encoder[other.encoder] = numbers_of_subwords(tagged, other)
    return Evaluation(
        scores,
        rescore(tagged, of_scorers, counted_for_scorers, copies),
        profile_statistics(tagged, lambda: np.random.default_rng(RESAMPLING_SEED)),
        profile_errors(tagged, training),
        input_notes(scores, data, tagged.sentences, by_encoder),
    )
