"""Across systems and seeds: where runs agree, where they agree against gold, and who alone gets a sentence right.

Runs are given as ``{system: [tags of run 1, tags of run 2, ...]}``, every run over the same sentences. Every
system weighs the same, however many seeds it has. Results name sentences by index and entities by word
positions and type; no word is returned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mner.data.spans import Entity, entities
from mner.data.tag_codes import Tags, check_aligned, encode
from mner.evaluation.errors import overlap

Runs = Mapping[str, Sequence[Tags]]
Reading = tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class SentenceAgreement:
    """How alike the runs read one sentence.

    ``pairwise`` is the share of pairs of runs with the same entities, ``right`` the share of runs (systems
    weighted equally) whose entities equal gold.
    """

    sentence: int
    pairwise: float
    right: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A gold label that most runs contradict in the same way.

    ``spurious label``: ``entity`` is in gold, and ``share`` of the runs find nothing overlapping it. ``missing
    label``: ``entity`` is predicted by ``share`` of the runs where gold has nothing. ``other label``: as missing,
    but gold has the overlapping entities ``gold`` in its place.
    """

    sentence: int
    kind: Literal["spurious label", "missing label", "other label"]
    entity: Entity
    gold: tuple[Entity, ...]
    share: float
    systems: int


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence that one system reads right and others do not; shares of runs that are right, by system."""

    sentence: int
    right: Mapping[str, float]


def agreement(gold: Tags, runs: Runs) -> list[SentenceAgreement]:
    """Agreement of all runs on every sentence.

    Raises:
        ValueError: fewer than two runs in all.
        TagError: a run that is not word for word beside gold.
    """
    expected, readings = _readings(gold, runs)
    total = sum(len(of_system) for of_system in readings.values())
    if total < 2:
        raise ValueError(f"{total} run(s): agreement needs at least two")
    weights = _weights(readings)
    found = []
    for sentence, truth in enumerate(expected):
        counts = Counter(run[sentence] for of_system in readings.values() for run in of_system)
        pairs = sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))
        right = sum(
            weights[name] for name, of_system in readings.items() for run in of_system if run[sentence] == truth
        )
        found.append(SentenceAgreement(sentence, pairs, right))
    return found


def suspects(gold: Tags, runs: Runs, at_least: float = 0.8) -> list[Suspect]:
    """Labels that at least ``at_least`` of the runs contradict alike, the strongest first.

    ``share`` averages over systems the share of their seeds, ``systems`` counts systems in which a majority of
    seeds agree. A list for human eyes: systems trained on the same labels also err alike.

    Raises:
        ValueError: ``at_least`` is not above one half.
        TagError: a run that is not word for word beside gold.
    """
    if not 0.5 < at_least <= 1:
        raise ValueError(f"at_least = {at_least}: a majority share between 0.5 and 1 is needed")
    expected, readings = _readings(gold, runs)
    weights = _weights(readings)
    found = []
    for sentence, truth in enumerate(expected):
        votes: dict[tuple[bool, Entity], Counter[str]] = defaultdict(Counter)
        for name, of_system in readings.items():
            for run in of_system:
                for candidate in _contradictions(truth, run[sentence]):
                    votes[candidate][name] += 1
        for (in_gold, entity), by_system in votes.items():
            share = sum(count * weights[name] for name, count in by_system.items())
            if share >= at_least - 1e-9:
                systems = sum(2 * count > len(readings[name]) for name, count in by_system.items())
                found.append(_suspect(sentence, truth, in_gold, entity, share, systems))
    return sorted(found, key=lambda suspect: (-suspect.share, suspect.sentence, suspect.entity.first))


def cases(gold: Tags, runs: Runs, right: str, wrong: Sequence[str]) -> list[Case]:
    """Sentences with entities that every run of ``right`` reads exactly and no run of the systems in ``wrong``.

    Raises:
        ValueError: a system that is not among the runs.
        TagError: a run that is not word for word beside gold.
    """
    asked = (right, *wrong)
    unknown = [name for name in asked if name not in runs]
    if unknown:
        raise ValueError(f"no runs of {unknown[0]!r}; there are {', '.join(sorted(runs))}")
    expected, readings = _readings(gold, {name: runs[name] for name in asked})
    found = []
    for sentence, truth in enumerate(expected):
        shares = {
            name: sum(run[sentence] == truth for run in of_system) / len(of_system)
            for name, of_system in readings.items()
        }
        if truth and shares[right] == 1 and not any(shares[name] for name in wrong):
            found.append(Case(sentence, shares))
    return found


def _readings(gold: Tags, runs: Runs) -> tuple[list[Reading], dict[str, list[list[Reading]]]]:
    encoded = encode(gold)
    readings: dict[str, list[list[Reading]]] = {}
    for name, of_system in runs.items():
        if not of_system:
            raise ValueError(f"system {name!r} has no runs")
        tags = [encode(run) for run in of_system]
        for run in tags:
            check_aligned(encoded, run)
        readings[name] = [entities(run) for run in tags]
    return entities(encoded), readings


def _weights(readings: Mapping[str, Sequence[object]]) -> dict[str, float]:
    """Weight of one run of each system, such that systems weigh the same and all runs sum to 1."""
    return {name: 1 / (len(readings) * len(of_system)) for name, of_system in readings.items()}


def _contradictions(gold: Reading, predicted: Reading) -> list[tuple[bool, Entity]]:
    """(in gold, entity): gold entities that a run leaves blank, and entities of the run that gold lacks."""
    if predicted == gold:
        return []
    blank = [(True, entity) for entity in gold if not any(overlap(entity, other) for other in predicted)]
    return blank + [(False, entity) for entity in predicted if entity not in gold]


def _suspect(sentence: int, gold: Reading, in_gold: bool, entity: Entity, share: float, systems: int) -> Suspect:
    if in_gold:
        return Suspect(sentence, "spurious label", entity, (), share, systems)
    replaced = tuple(other for other in gold if overlap(entity, other))
    kind: Literal["missing label", "other label"] = "other label" if replaced else "missing label"
    return Suspect(sentence, kind, entity, replaced, share, systems)
