"""Errors of all runs by class, and sentences that one system reads right and others do not.

Sentences are named by index and picture, entities by word positions and type: no word of a tweet is returned.

Figure 4 shows tweets that one model reads right and others do not: :func:`find_cases`. Figure 5 names three kinds
of errors, "bias brought by annotation", "lack of background knowledge" and "information deficiency". A program
cannot see these reasons; :func:`error_classes` finds errors with the marks that each would leave, for human eyes.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mner.data.corpus import Sentence
from mner.data.spans import Entity, entities
from mner.data.tag_codes import EncodedTags
from mner.evaluation.averages import ScoringError
from mner.evaluation.error_results import (
    AgreementNumbers,
    DatasetErrors,
    EntityPlace,
    ErrorResults,
    GroupAgreement,
    OutcomeRow,
    SuspectLabel,
    SuspectLabels,
    SystemErrors,
)
from mner.evaluation.errors import (
    OUTCOMES,
    Groups,
    Outcome,
    SurfaceForm,
    judge,
    surface_form,
    training_entities,
)
from mner.evaluation.run_agreement import Case, Suspect, agreement, cases, suspects
from mner.evaluation.tagged import Tagged

SUSPECT_SHARE = 0.8


def profile_errors(tagged: Tagged, training: Mapping[str, Sequence[Sentence]]) -> ErrorResults:
    """Count the errors of all runs; ``training`` maps data set to its training split."""
    datasets = {
        dataset: DatasetErrors(
            tuple(_cells(tagged, dataset, training_entities(training[dataset]))),
            tuple(_agreement(tagged, dataset)),
            _suspects(tagged, dataset),
        )
        for dataset in tagged.datasets
        if tagged.gold.get((dataset, "test")) is not None
    }
    return ErrorResults(tagged.profile, OUTCOMES, datasets)


def _cells(tagged: Tagged, dataset: str, seen: Collection[SurfaceForm]) -> Iterator[SystemErrors]:
    """Per system, cut and group: how many entities met each outcome, one count a run."""
    gold, of_entities = tagged.gold[dataset, "test"], Groups(tagged.sentences[dataset, "test"], seen)
    for system, runs in tagged.cells(dataset):
        tables = [of_entities.count(judge(gold, run.tags["test.own"])) for run in runs]
        groups = sorted({group for table in tables for group in table})
        rows = [
            OutcomeRow(*group, {outcome: _counts(tables, group, outcome) for outcome in OUTCOMES})
            for group in groups
        ]
        yield SystemErrors(system, tuple(run.record for run in runs), tuple(rows))


def _counts(
    tables: Sequence[Mapping[tuple[str, str], Counter[Outcome]]], group: tuple[str, str], outcome: Outcome
) -> tuple[int, ...]:
    return tuple(table.get(group, Counter())[outcome] for table in tables)


def _agreement(tagged: Tagged, dataset: str) -> Iterator[GroupAgreement]:
    """How alike, and how often right, the seeds of each system and all runs together read the sentences."""
    groups = {system: {system: runs} for system, runs in tagged.cells(dataset)}
    groups["all runs"] = dict(tagged.cells(dataset))
    gold = tagged.gold[dataset, "test"]
    bearing = [bool(row) for row in entities(gold)]
    for name, members in groups.items():
        runs = [run for of_system in members.values() for run in of_system]
        records = tuple(run.record for run in runs)
        if len(runs) < 2:
            yield GroupAgreement(name, records, state="one run: agreement needs two")
            continue
        every = agreement(gold, {key: [run.tags["test.own"] for run in held] for key, held in members.items()})
        kept = [one for one, wanted in zip(every, bearing, strict=True) if wanted]
        numbers = AgreementNumbers(
            sentences=len(kept),
            pairwise=100 * statistics.fmean(one.pairwise for one in kept),
            all_right=sum(one.right > 1 - 1e-9 for one in kept),
            none_right=sum(one.right < 1e-9 for one in kept),
        )
        yield GroupAgreement(name, records, numbers)


def _suspects(tagged: Tagged, dataset: str) -> SuspectLabels:
    members = dict(tagged.cells(dataset))
    records = tuple(run.record for of_system in members.values() for run in of_system)
    if len(members) < 2:
        return SuspectLabels(records, state="fewer than two systems: nothing to agree against gold")
    tags = {name: [run.tags["test.own"] for run in held] for name, held in members.items()}
    sentences = tagged.sentences[dataset, "test"]
    found = suspects(tagged.gold[dataset, "test"], tags, SUSPECT_SHARE)
    entries = tuple(suspect_label(suspect, sentences[suspect.sentence].image) for suspect in found)
    return SuspectLabels(records, SUSPECT_SHARE, len(members), entries)


def suspect_label(suspect: Suspect, image: str) -> SuspectLabel:
    """Name a suspect's picture, and its entities as results hold them."""
    entity, *gold = (EntityPlace(*one) for one in (suspect.entity, *suspect.gold))
    return SuspectLabel(suspect.sentence, suspect.kind, entity, tuple(gold), suspect.share, suspect.systems, image)


ANNOTATION, KNOWLEDGE, INFORMATION = "annotation", "background knowledge", "information"
CLASSES = {
    ANNOTATION: "most runs of all systems, and every run of this one, contradict the label in the same way",
    KNOWLEDGE: "every run finds the words but not the type, and the name does not occur in training",
    INFORMATION: "every run of every system misses the entity",
}


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """An error of a system: its class, the sentence's index, and the entity by type and word positions."""

    kind: str
    sentence: int
    entity: Entity


def runs_on(tagged: Tagged, dataset: str) -> dict[str, list[EncodedTags]]:
    """Test predictions by system; raises ScoringError where nothing was run on the data set."""
    tags = {name: [run.tags["test.own"] for run in runs] for name, runs in tagged.cells(dataset)}
    if not tags:
        raise ScoringError(f"no finished runs on {dataset}; there are runs on {_had(tagged)}")
    return tags


def find_cases(tagged: Tagged, dataset: str, right: str, wrong: Sequence[str]) -> list[Case]:
    """Test sentences that every run of ``right`` reads exactly and no run of any system in ``wrong`` does.

    Raises:
        ScoringError: a system without finished runs on the data set.
    """
    tags = runs_on(tagged, dataset)
    _require(tags, [right, *wrong], dataset)
    return cases(tagged.gold[dataset, "test"], tags, right, wrong)


def error_classes(tagged: Tagged, dataset: str, system: str, training: Sequence[Sentence]) -> list[ErrorCase]:
    """Errors that all runs of ``system`` make and that bear the marks of one of ``CLASSES``, by class.

    An entity that every system misses is listed once: as information only where no other class has it.

    Raises:
        ScoringError: the system has no finished runs on the data set.
    """
    tags = runs_on(tagged, dataset)
    _require(tags, [system], dataset)
    gold, sentences = tagged.gold[dataset, "test"], tagged.sentences[dataset, "test"]
    seen = training_entities(training)
    doubted = suspects(gold, tags) if len(tags) > 1 else []
    own = {(s.sentence, s.kind, s.entity) for s in suspects(gold, {system: tags[system]}, at_least=1)}
    found = [ErrorCase(ANNOTATION, s.sentence, s.entity) for s in doubted if (s.sentence, s.kind, s.entity) in own]
    for sentence, entity in _always(gold, tags[system], "type"):
        if surface_form(sentences[sentence], entity) not in seen:
            found.append(ErrorCase(KNOWLEDGE, sentence, entity))
    everyone = [run for runs in tags.values() for run in runs]
    known = {(case.sentence, case.entity) for case in found}
    missed = (place for place in _always(gold, everyone, "missed") if place not in known)
    return found + [ErrorCase(INFORMATION, *place) for place in missed]


def _always(gold: EncodedTags, runs: Sequence[EncodedTags], outcome: str) -> Iterator[tuple[int, Entity]]:
    """Gold entities that meet the same outcome in every run."""
    met = Counter((j.sentence, j.entity) for run in runs for j in judge(gold, run) if j.outcome == outcome)
    return (place for place, count in sorted(met.items()) if count == len(runs))


def _require(tags: dict[str, list[EncodedTags]], systems: Sequence[str], dataset: str) -> None:
    for name in systems:
        if name not in tags:
            raise ScoringError(f"no finished runs of {name} on {dataset}; there are {', '.join(tags)}")


def _had(tagged: Tagged) -> str:
    return ", ".join(sorted({run.dataset for run in tagged.runs})) or "no data set"
