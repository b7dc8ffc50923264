"""The R-GCN paper's case study and error analysis as queries over runs (its Figures 4 and 5).

Figure 4 shows tweets that one model reads right and others do not: :func:`find_cases`. Figure 5 names three kinds
of errors, "bias brought by annotation", "lack of background knowledge" and "information deficiency". A program
cannot see these reasons; :func:`error_classes` finds errors with the marks that each would leave, for human eyes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mner.data.corpus import Sentence
from mner.evaluation.agreement import Case, cases, suspects
from mner.evaluation.averages import ScoringError
from mner.evaluation.errors import judge, surface_form, training_entities
from mner.evaluation.spans import EncodedTags, Entity
from mner.evaluation.tagged import Tagged

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
